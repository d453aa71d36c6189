"""``index.parquet``: an experiment's runs, or the experiments, as a table that pandas can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from tauro._internal import _fs
from tauro.tracking._catalogue._table import DOCUMENT

FORMAT: Final = 1
_KEY: Final = b"tauro"
_ROW_GROUP: Final = 16_384


@dataclass(frozen=True, slots=True)
class Index:
    """A view as it was published.

    Attributes:
        serial: Rises with every publication of the store.
        table: Its rows.
        cut: Whether metrics, params or tags without a column of their own stand in documents only.
    """

    serial: int
    table: pa.Table
    cut: bool


def write_index(path: str, index: Index) -> None:
    """Put a view in place in one step."""
    about = {"format": FORMAT, "serial": index.serial, "cut": index.cut}
    table = index.table.replace_schema_metadata({_KEY: msgspec.json.encode(about)})
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=1,
        row_group_size=_ROW_GROUP,
        use_dictionary=[name for name in table.column_names if name not in (DOCUMENT, "run_id")],
        write_statistics=False,
    )
    _fs.replace_file(path, sink.getvalue().to_pybytes())


def read_index(path: str) -> Index | None:
    """Return the view at a path, or None where there is none that this version can use.

    A missing, damaged, foreign or newer file is all one: the view is made anew from the documents.
    """
    try:
        data = _fs.read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        table = pq.read_table(pa.BufferReader(data))
        about: dict[str, Any] = msgspec.json.decode((table.schema.metadata or {})[_KEY])
    except (pa.ArrowException, OSError, KeyError, msgspec.DecodeError):
        return None
    if about.get("format") != FORMAT:
        return None
    return Index(int(about["serial"]), table, bool(about["cut"]))
