"""Predictions for a table of any size: in chunks, and taken up again where they were broken off."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tauro.errors import ServingError, SignatureMismatchError, ValidationError
from tauro.flavors import ColumnSpec
from tauro.registry import ModelRegistry
from tauro.serving._holder import ModelChoice
from tauro.types import StrPath

_CHUNK: Final = 50_000
_PLAN: Final = "plan.json"


class BulkPlan(msgspec.Struct, frozen=True):
    """What an unfinished run predicts; only the same can be taken up.

    Attributes:
        source: The input's path, size and time of change.
        model: The model and version.
        digest: Of the version's files.
        chunk: Rows a part.
    """

    source: list[str | int]
    model: str
    digest: str
    chunk: int


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What :func:`predict_file` did.

    Attributes:
        model: The model.
        version: The version that predicted.
        rows: Rows of the output.
        resumed: Rows of these that an earlier run had predicted.
        output: Where they are.
    """

    model: str
    version: int
    rows: int
    resumed: int
    output: str


def predict_file(
    registry: ModelRegistry,
    choice: ModelChoice,
    source: StrPath,
    output: StrPath,
    *,
    chunk_rows: int = _CHUNK,
    allow_pickle: bool = False,
    on_rows: Callable[[int], None] | None = None,
) -> BulkResult:
    """Predict every row of a Parquet or CSV file into a Parquet file.

    The output has the input's columns and ``prediction`` (or ``prediction_NAME`` for each of a
    model's several outputs), and names model and version in its metadata. One chunk at a time is in
    memory. Finished chunks are kept beside the output until all are there: a run that was broken
    off is taken up by the same call. The output appears whole or not at all.

    Args:
        registry: Where the model is.
        choice: Which version.
        source: A ``.parquet`` or ``.csv`` file.
        output: The Parquet file to write, replaced if it is there.
        chunk_rows: Rows predicted at a time.
        allow_pickle: Permit formats whose loading runs code.
        on_rows: Called with the number of rows of every chunk that is done.

    Raises:
        ValidationError: The input is no such file, or has no rows.
        SignatureMismatchError: Rows do not fit the signature; says which chunk.
        ServingError: The model failed; says which chunk.
    """
    if chunk_rows < 1:
        raise ValidationError(f"chunk_rows is {chunk_rows}; expected at least 1.")
    version = choice.resolve(registry)
    model = version.load(allow_pickle=allow_pickle)
    place, target = Path(source), Path(output)
    if target.resolve() == place.resolve():
        raise ValidationError("The output would replace the input.")
    label = f"{version.name} v{version.version}"
    plan = BulkPlan(_fingerprint(place), label, version.metadata.digest, chunk_rows)
    parts = _open_parts(target, plan)
    rows = resumed = count = 0
    signature = version.signature or model.signature
    columns = signature.inputs if signature is not None and not signature.is_tensor else ()
    for number, chunk in enumerate(_chunks(place, chunk_rows, columns)):
        count, part = number + 1, parts / f"{number:06}.parquet"
        if part.exists():
            resumed += chunk.num_rows
        else:
            start = f"Rows {rows:,} to {rows + chunk.num_rows:,}"
            _write(part, _predict(model, chunk, start))
        rows += chunk.num_rows
        if on_rows is not None:
            on_rows(chunk.num_rows)
    if not rows:
        shutil.rmtree(parts)
        raise ValidationError(f"{str(place)!r} has no rows.", context={"path": str(place)})
    _join(parts, count, target, {"tauro.model": version.name, "tauro.version": version.version})
    shutil.rmtree(parts)
    return BulkResult(version.name, version.version, rows, resumed, str(target))


def _fingerprint(source: Path) -> list[str | int]:
    try:
        status = source.stat()
    except OSError as error:
        raise ValidationError(
            f"The input {str(source)!r} cannot be read: {error.strerror}.",
            context={"path": str(source)},
        ) from error
    return [str(source.resolve()), status.st_size, status.st_mtime_ns]


def _open_parts(target: Path, plan: BulkPlan) -> Path:
    """Return the folder of finished chunks; one of another plan is emptied first."""
    parts = target.with_name(f".{target.name}.parts")
    written, wanted = parts / _PLAN, msgspec.json.encode(plan)
    if not (written.is_file() and written.read_bytes() == wanted):
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir(parents=True)
        written.write_bytes(wanted)
    return parts


def _chunks(source: Path, rows: int, columns: Sequence[ColumnSpec]) -> Iterator[pa.Table]:
    """Yield tables of exactly so many rows, the last of those that are left."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in _batches(source, rows, columns):
        at = 0
        while at < batch.num_rows:
            piece = batch.slice(at, rows - size)
            held.append(piece)
            size, at = size + piece.num_rows, at + piece.num_rows
            if size == rows:
                yield pa.Table.from_batches(held)
                held, size = [], 0
    if held:
        yield pa.Table.from_batches(held)


def _batches(source: Path, rows: int, columns: Sequence[ColumnSpec]) -> Iterator[pa.RecordBatch]:
    try:
        if source.suffix.lower() == ".csv":
            # By the first rows alone `007` would be a number, and a column of 1, 2, 2.5 integers.
            kinds = {"string": pa.string(), "float": pa.float64()}
            types = {each.name: kinds[each.type] for each in columns if each.type in kinds}
            options = pa.csv.ConvertOptions(column_types=types)
            yield from pa.csv.open_csv(source, convert_options=options)
        elif source.suffix.lower() in (".parquet", ".pq"):
            # Read ahead, the whole file would stay in memory until its end.
            with pq.ParquetFile(source, pre_buffer=False) as file:
                yield from file.iter_batches(batch_size=rows)
        else:
            raise ValidationError(
                f"The input {source.name!r} is of an unknown kind; expected .parquet or .csv."
            )
    except pa.ArrowException as error:
        raise ValidationError(f"The input {str(source)!r} cannot be read: {error}.") from error


def _predict(model: Any, chunk: pa.Table, label: str) -> pa.Table:
    try:
        found = model.predict(chunk.to_pandas())
    except SignatureMismatchError as error:
        raise SignatureMismatchError(f"{label}: {error.message}", context=error.context) from error
    # The model is the user's code.
    except Exception as error:
        raise ServingError(f"{label}: the model failed: {type(error).__name__}: {error}") from error
    for name, values in _outputs(found).items():
        if len(values) != chunk.num_rows:
            raise ServingError(f"{label}: the model gave {len(values)} predictions.")
        column = pa.array(values)
        if name in chunk.column_names:
            chunk = chunk.drop_columns([name])
        chunk = chunk.append_column(name, column)
    return chunk


def _outputs(found: Any) -> dict[str, Any]:
    if isinstance(found, pd.DataFrame):
        found = {str(name): found[name].to_numpy() for name in found.columns}
    if isinstance(found, dict):
        return {f"prediction_{name}": _flat(values) for name, values in found.items()}
    return {"prediction": _flat(found)}


def _flat(values: Any) -> Any:
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    return array if array.ndim == 1 else array.tolist()


def _write(path: Path, table: pa.Table) -> None:
    """Write a part so that it is whole wherever it has its name."""
    unfinished = path.with_suffix(".tmp")
    pq.write_table(table, unfinished)
    _put(unfinished, path)


def _put(unfinished: Path, path: Path) -> None:
    """Give a file its name once its bytes are on disk."""
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def _join(parts: Path, count: int, target: Path, facts: dict[str, Any]) -> None:
    paths = [parts / f"{number:06}.parquet" for number in range(count)]
    schema = pa.unify_schemas(
        [pq.read_schema(path) for path in paths], promote_options="permissive"
    )
    notes = {**(schema.metadata or {}), **{key: str(value) for key, value in facts.items()}}
    unfinished = parts / "whole.tmp"
    with pq.ParquetWriter(unfinished, schema.with_metadata(notes)) as writer:
        for path in paths:
            writer.write_table(pq.read_table(path).cast(writer.schema))
    _put(unfinished, target)
