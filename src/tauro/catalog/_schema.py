"""A declared schema against what was loaded, with the first rows that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from tauro._internal._close import close_matches
from tauro._internal._dataset import ColumnSpec, DatasetSpec
from tauro.catalog._engine import Engine
from tauro.catalog._python import CONVERT
from tauro.errors import SchemaMismatchError

_SHOWN: Final = 5
_UNTYPED: Final = ("csv", "json", "excel")
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "integer": (int,),
    "float": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "datetime": (date,),
    "binary": (bytes, bytearray),
}


def checked(frame: Any, spec: DatasetSpec, engine: Engine, shown: str) -> Any:
    """Return the frame if it has the columns and types of its schema.

    Columns that the schema does not name are allowed. Text formats carry no times, so there a
    column declared as ``datetime`` that came as text is parsed.

    Raises:
        SchemaMismatchError: A column is missing, or has values of another type, or nulls.
    """
    if not spec.schema:
        return frame
    present = engine.columns(frame)
    complaints: list[str] = []
    for column in spec.schema:
        if column.name not in present:
            complaints.append(_missing(column.name, present))
            continue
        values = engine.column(frame, column.name)
        if column.type == "datetime" and spec.format in _UNTYPED:
            parsed = _as_datetime(values)
            if parsed is not None:
                frame = engine.with_column(frame, column.name, parsed)
                values = parsed
        complaints += _complaints(column, values, as_text=spec.format == "csv")
    if complaints:
        listed = "\n".join(f"  - {line}" for line in complaints)
        raise SchemaMismatchError(
            f"Dataset {spec.name!r} ({shown}) is not of its schema:\n{listed}",
            context={"dataset": spec.name, "columns": [column.name for column in spec.schema]},
            suggestions=["Correct the data, or 'schema:' in the configuration."],
        )
    return frame


def _missing(name: str, present: list[str]) -> str:
    near = close_matches(name, present, limit=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(present) or 'none'}"
    return f"the column {name!r} is missing; {hint}"


def _complaints(column: ColumnSpec, values: Any, *, as_text: bool) -> list[str]:
    """Return what is wrong with a column: its type, its nulls.

    Args:
        column: What is declared.
        values: What was loaded.
        as_text: Whether the file holds texts, so that one wrong value makes a column of texts.
    """
    if isinstance(values, list):
        kind = "of several kinds"
        wrong = [row for row, value in enumerate(values) if not _is(value, column.type)]
        nulls = [row for row, value in enumerate(values) if value is None]
    else:
        from tauro.catalog import _arrow

        kind = str(values.type)
        wrong = _arrow.wrong_rows(column.type, values)
        nulls = _arrow.null_rows(values)
    if as_text and wrong:
        wrong = [row for row in wrong if not _reads_as(_value(values, row), column.type)] or wrong
    found = []
    if wrong:
        found.append(f"{column.name!r} must be {column.type}, is {kind}: {_rows(wrong, values)}")
    if nulls and not column.nullable:
        found.append(f"{column.name!r} must not be null: {_rows(nulls, values)}")
    return found


def _reads_as(value: Any, wanted: str) -> bool:
    """Tell whether a text is how a file writes a value of a type."""
    convert = datetime.fromisoformat if wanted == "datetime" else CONVERT.get(wanted)
    if not isinstance(value, str) or convert is None:
        return False
    try:
        convert(value)
    except ValueError:
        return False
    return True


def _rows(rows: list[int], values: Any) -> str:
    parts = [f"row {row}: {_value(values, row)!r}" for row in rows[:_SHOWN]]
    more = f", and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return ", ".join(parts) + more


def _value(values: Any, row: int) -> Any:
    return values[row] if isinstance(values, list) else values[row].as_py()


def _is(value: Any, wanted: str) -> bool:
    if value is None or wanted == "any":
        return True
    if isinstance(value, bool):
        return wanted == "boolean"
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[wanted])


def _as_datetime(values: Any) -> Any:
    """Return texts as times, or None where they are no texts or do not all parse."""
    if not isinstance(values, list):
        from tauro.catalog import _arrow

        return _arrow.as_datetime(values)
    if not all(value is None or isinstance(value, str) for value in values):
        return None
    try:
        return [datetime.fromisoformat(value) if value else None for value in values]
    except ValueError:
        return None
