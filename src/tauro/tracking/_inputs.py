"""Datasets as inputs of runs: what is recorded of them."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import Any

from tauro._internal import _fs
from tauro.errors import TrackingValidationError
from tauro.tracking._models import DatasetInput


def describe_input(
    data: Any, name: str, *, context: str = "", source: str = "", tags: dict[str, str] | None = None
) -> DatasetInput:
    """Return what a run keeps of a dataset.

    Args:
        data: A pandas, polars (also lazy) or pyarrow table, a numpy array, a path of a file or
            folder, or the bytes themselves.
        name: The dataset's name in the user's words.
        context: What it is used for: ``training``, ``validation``, ``test``.
        source: Where it came from; of a path, the path.
        tags: Free text.

    Raises:
        TrackingValidationError: The data is of no kind that has a fingerprint.
    """
    fingerprint, schema, rows = _facts(data)
    where = source or (str(data) if isinstance(data, (str, Path)) else "")
    return DatasetInput(
        name=name,
        fingerprint=fingerprint,
        context=context,
        source=where,
        data_schema=schema,
        rows=rows,
        tags=dict(tags or {}),
    )


def _facts(data: Any) -> tuple[str, dict[str, str], int | None]:
    if isinstance(data, (str, Path)):
        return _of_path(Path(data)), {}, None
    if isinstance(data, (bytes, bytearray, memoryview)):
        return f"sha256:{hashlib.sha256(data).hexdigest()}", {}, None
    import pyarrow as pa

    try:
        table = _as_arrow(data)
    except pa.ArrowException as error:  # such as an array of objects, which Arrow has no type for
        raise _no_fingerprint(data, f": {error}") from error
    if table is None:
        raise _no_fingerprint(data, "")
    return _of_table(table), {f.name: str(f.type) for f in table.schema}, table.num_rows


def _no_fingerprint(data: Any, why: str) -> TrackingValidationError:
    return TrackingValidationError(
        f"A {type(data).__name__} has no fingerprint as a dataset{why}.",
        context={"type": type(data).__name__},
        suggestions=["Give a pandas, polars or pyarrow table, a numpy array, a path, or bytes."],
    )


def _of_path(path: Path) -> str:
    if not path.exists():
        raise TrackingValidationError(
            f"The dataset {str(path)!r} does not exist (working directory: {os.getcwd()}).",
            context={"path": str(path)},
        )
    if path.is_file():
        return f"sha256:{_fs.hash_file(str(path))[1]}"
    digest = hashlib.sha256()
    for file in _fs.walk_files(str(path)) if path.is_dir() else [str(path)]:
        if not os.path.isfile(file):
            # Reading a pipe or a device may never end; a link may lead to a folder or nowhere.
            raise TrackingValidationError(
                f"The dataset {str(path)!r} has no fingerprint: {file!r} is not a regular file.",
                context={"path": file},
            )
        line = f"{os.path.relpath(file, path)}\0{_fs.hash_file(file)[1]}\n"
        digest.update(line.encode())
    return f"sha256:{digest.hexdigest()}"


def _as_arrow(data: Any) -> Any:
    """Return a table of what has columns or dimensions, None of anything else."""
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return data
    module = type(data).__module__.partition(".")[0]
    if module == "pandas":
        frame = data.to_frame() if hasattr(data, "to_frame") and data.ndim == 1 else data
        if not frame.columns.is_unique:
            # Arrow would take them, its reader of pandas does not.
            frame = frame.set_axis(range(frame.shape[1]), axis=1)
            names = [str(name) for name in data.columns]
            return _from_pandas(frame).rename_columns(names)
        return _from_pandas(frame)
    if module == "polars":
        frame = data.collect() if hasattr(data, "collect") else data
        return (frame.to_frame() if hasattr(frame, "to_frame") else frame).to_arrow()
    if module == "numpy":
        width = math.prod(data.shape[1:])  # not -1, which an array without rows does not take
        columns = data.reshape(data.shape[0] if data.ndim else 1, width)
        return pa.table({f"column_{i}": columns[:, i] for i in range(columns.shape[1])})
    return None


def _from_pandas(frame: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except pa.ArrowException:
        # Columns of mixed values have no Arrow type; their text is content enough.
        return pa.Table.from_pandas(frame.astype(str), preserve_index=False)


def _of_table(table: Any) -> str:
    """Return the SHA-256 of a table's schema and values, the same however it is chunked."""
    import pyarrow as pa

    digest = hashlib.sha256()
    sink = pa.PythonFile(_HashWriter(digest), mode="w")
    bare = table.replace_schema_metadata(None).combine_chunks()
    with pa.ipc.new_stream(sink, bare.schema) as writer:
        writer.write_table(bare, max_chunksize=1 << 20)
    return f"sha256:{digest.hexdigest()}"


class _HashWriter:
    """A file that only hashes, so that a fingerprint needs no copy of the data."""

    closed = False

    def __init__(self, digest: Any) -> None:
        self._digest = digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return len(data)

    def flush(self) -> None:
        return

    def close(self) -> None:
        self.closed = True
