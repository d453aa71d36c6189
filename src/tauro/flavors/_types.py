"""Column types: the seven names a signature knows, and the spellings that mean one of them."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

from tauro._internal._close import did_you_mean
from tauro.errors import ValidationError

ColumnType = Literal["integer", "float", "string", "boolean", "datetime", "binary", "any"]
COLUMN_TYPES: Final[tuple[ColumnType, ...]] = get_args(ColumnType)

_SPELLINGS: Final[dict[str, ColumnType]] = {
    **{name: name for name in COLUMN_TYPES},
    "int": "integer",
    "long": "integer",
    "bigint": "integer",
    "smallint": "integer",
    "number": "float",
    "double": "float",
    "decimal": "float",
    "real": "float",
    "str": "string",
    "text": "string",
    "category": "string",
    "varchar": "string",
    "bool": "boolean",
    "date": "datetime",
    "timestamp": "datetime",
    "bytes": "binary",
    "object": "any",
}
_KINDS: Final[dict[str, ColumnType]] = {
    "i": "integer",
    "u": "integer",
    "f": "float",
    "b": "boolean",
    "M": "datetime",
    "U": "string",
    "T": "string",
    "S": "binary",
}


def to_column_type(spelling: Any, column: str) -> ColumnType:
    """Return the type that a spelling means: ``int64``, ``double``, ``str``, a dtype, a class.

    Raises:
        ValidationError: It means none; the message names the column.
    """
    text = spelling.__name__ if isinstance(spelling, type) else str(spelling)
    folded = text.strip().casefold()
    found = _SPELLINGS.get(folded) or _SPELLINGS.get(folded.rstrip("0123456789"))
    if found is None and folded.startswith("datetime64"):
        found = "datetime"
    if found is None and folded.rstrip("0123456789") == "uint":
        found = "integer"
    if found is None:
        raise ValidationError(
            f"The type {text!r} of the column {column!r} is not known; "
            f"expected one of {', '.join(COLUMN_TYPES)}.",
            context={"column": column, "type": text},
            suggestions=did_you_mean(text, COLUMN_TYPES),
        )
    return found


def type_of_kind(kind: str) -> ColumnType:
    """Return the type of a NumPy dtype's kind."""
    return _KINDS.get(kind, "any")
