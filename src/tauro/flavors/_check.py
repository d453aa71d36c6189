"""Data against a signature: every wrong column, with where and what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tauro.errors import SignatureMismatchError
from tauro.flavors._columns import ColumnSpec, SchemaProblem
from tauro.flavors._tables import as_table, column_type, is_frame, to_array, to_frame
from tauro.flavors._types import ColumnType, type_of_kind

if TYPE_CHECKING:
    import pandas as pd

# What a column of each type also accepts without looking at its values.
_ACCEPTS: Final[dict[ColumnType, frozenset[ColumnType]]] = {
    "integer": frozenset({"integer"}),
    "float": frozenset({"float", "integer"}),
    "string": frozenset({"string"}),
    "boolean": frozenset({"boolean"}),
    "datetime": frozenset({"datetime"}),
    "binary": frozenset({"binary"}),
}


def find_problems(columns: Sequence[ColumnSpec], data: Any) -> list[SchemaProblem]:
    """Return everything that does not fit the columns."""
    if any(column.shape is not None for column in columns):
        return _tensor_problems(columns, data)
    if not columns:
        return []
    table = as_table(data)
    if not is_frame(table):
        try:
            table = to_frame(data, columns)
        except SignatureMismatchError as error:
            return [SchemaProblem("inputs", "", _rows(columns), error.message)]
    problems = []
    for column in columns:
        if column.name not in table.columns:
            if column.required:
                problems.append(_problem(column, "no such column"))
        else:
            found = _column_problem(column, table[column.name])
            problems.extend([found] if found else [])
    return problems


def _rows(columns: Sequence[ColumnSpec]) -> str:
    return f"rows with the columns {', '.join(column.name for column in columns)}"


def _problem(
    column: ColumnSpec, got: str, row: object = None, count: int = 0, expected: str = ""
) -> SchemaProblem:
    where = f"inputs.{column.name}" + ("" if row is None else f"[{row}]")
    wanted = expected or f"{column.type}{' or null' if column.nullable else ''}"
    return SchemaProblem(where, column.name, wanted, got, count)


def _column_problem(column: ColumnSpec, series: pd.Series[Any]) -> SchemaProblem | None:
    missing = series.isna().to_numpy()
    if missing.any() and not column.nullable:
        first = int(missing.argmax())
        return _problem(column, "null", first, int(missing.sum()))
    if column.type == "any" or missing.all():
        return None
    if column_type(series) in _ACCEPTS[column.type]:
        return None
    wrong = [
        (row, value)
        for row, (value, null) in enumerate(zip(series.tolist(), missing, strict=True))
        if not null and not _fits(value, column.type)
    ]
    if not wrong:
        return None
    row, value = wrong[0]
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    return _problem(column, f"{shown} ({type(value).__name__})", row, len(wrong))


def _fits(value: Any, wanted: ColumnType) -> bool:
    """Tell whether one value of a mixed column fits; whole floats are integers, as JSON has it."""
    import numbers
    from datetime import date

    is_bool = isinstance(value, bool) or type(value).__name__ == "bool_"
    if wanted == "boolean":
        return is_bool
    if wanted == "integer":
        return not is_bool and isinstance(value, numbers.Real) and float(value).is_integer()
    if wanted == "float":
        return not is_bool and isinstance(value, numbers.Real)
    if wanted == "string":
        return isinstance(value, str)
    if wanted == "binary":
        return isinstance(value, bytes | bytearray)
    return isinstance(value, date) or (isinstance(value, str) and _is_time(value))


def _is_time(text: str) -> bool:
    from datetime import datetime

    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _tensor_problems(columns: Sequence[ColumnSpec], data: Any) -> list[SchemaProblem]:
    table = as_table(data)
    if len(columns) == 1 and not isinstance(table, dict):
        return _array_problems(columns[0], table)
    problems = []
    for column in columns:
        if not isinstance(table, dict) and not is_frame(table):
            return [SchemaProblem("inputs", "", "a mapping of tensors", type(data).__name__)]
        if column.name not in table:
            problems.append(_problem(column, "no such tensor"))
        else:
            problems.extend(_array_problems(column, table[column.name]))
    return problems


def _array_problems(column: ColumnSpec, data: Any) -> list[SchemaProblem]:
    array = to_array(data)
    kind, shape = type_of_kind(array.dtype.kind), column.shape or ()
    fits = len(shape) == array.ndim and all(
        want in (-1, got) for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        return [_problem(column, f"shape {list(array.shape)}", expected=f"shape {list(shape)}")]
    if column.type != "any" and kind not in _ACCEPTS[column.type]:
        return [_problem(column, str(array.dtype))]
    return []
