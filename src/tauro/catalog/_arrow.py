"""The checks of a schema on Arrow data, a column at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

_FITTING: Final[Mapping[str, tuple[Callable[[Any], bool], ...]]] = {
    "integer": (pa.types.is_integer,),
    "float": (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal),
    "string": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    "boolean": (pa.types.is_boolean,),
    "datetime": (pa.types.is_timestamp, pa.types.is_date),
    "binary": (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view),
}


def wrong_rows(wanted: str, values: Any) -> list[int]:
    """Return the rows whose value is not of the type that is wanted."""
    if wanted == "any" or _fits(values.type, wanted):
        return []
    if wanted == "integer" and pa.types.is_floating(values.type):
        # Readers make floats of integers beside missing values.
        return _positions(pc.and_(pc.is_valid(values), pc.not_equal(values, pc.floor(values))))
    return _positions(pc.is_valid(values))


def null_rows(values: Any) -> list[int]:
    """Return the rows that are null."""
    return _positions(pc.is_null(values)) if values.null_count else []


def as_datetime(values: Any) -> Any:
    """Return texts as timestamps, or None where they are no texts or do not all parse."""
    if pa.types.is_null(values.type) or not _fits(values.type, "string"):
        return None
    texts = values.cast(pa.string())
    for kind in (pa.timestamp("us"), pa.timestamp("us", tz="UTC")):
        try:
            return texts.cast(kind)
        except pa.ArrowInvalid:
            continue
    return None


def _fits(kind: Any, wanted: str) -> bool:
    if pa.types.is_dictionary(kind):
        return _fits(kind.value_type, wanted)
    return pa.types.is_null(kind) or any(test(kind) for test in _FITTING[wanted])


def _positions(mask: Any) -> list[int]:
    whole = mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
    rows: list[int] = pc.indices_nonzero(pc.fill_null(whole, False)).to_pylist()
    return rows
