"""A page of runs as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tauro.tracking._catalogue._capture import Captured
from tauro.tracking._catalogue._table import is_flat, kinds_of
from tauro.tracking._query import Field

if TYPE_CHECKING:
    import pandas as pd

_ATTRIBUTES: Final = (
    "run_id",
    "name",
    "status",
    "experiment_id",
    "start_time",
    "end_time",
    "parent_run_id",
)


def captured_frame(captured: Captured, fields: Sequence[Field] | None) -> pd.DataFrame:
    """Return runs as a frame: the columns asked for, or attributes and all that have a value."""
    table = captured.table()
    kinds = kinds_of(table.schema)
    if fields is None:
        flat = [name for name in table.column_names if is_flat(name)]
        names = [*_ATTRIBUTES, *(name for name in flat if table[name].null_count < len(table))]
    else:
        names = [str(field) for field in fields]
    columns = {name: _column(table, name, kinds.get(name, "text")) for name in names}
    frame: pd.DataFrame = pa.Table.from_arrays(list(columns.values()), list(columns)).to_pandas()
    return frame


def _column(table: pa.Table, name: str, kind: str) -> Any:
    if name == "duration":
        passed = pc.subtract(table["end_time"], table["start_time"])
        return pc.divide(passed.cast(pa.int64()).cast(pa.float64()), 1e6)
    if name not in table.column_names:
        return pa.nulls(len(table), pa.float64() if name.startswith("metrics.") else pa.string())
    match kind:
        case "integer" | "number":
            return _numbers(table[name], kind)
        case "boolean":
            return pc.equal(table[name], "True")
        case _:
            return table[name]


def _numbers(texts: Any, kind: str) -> Any:
    try:
        return texts.cast(pa.int64() if kind == "integer" else pa.float64())
    except pa.ArrowInvalid:  # An integer of more than 64 bits.
        return texts.cast(pa.float64())
