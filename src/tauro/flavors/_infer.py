"""The signature of a model, inferred from what went in and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tauro.flavors._signature import ColumnSpec, ModelSignature
from tauro.flavors._tables import as_table, is_frame, to_array
from tauro.flavors._types import ColumnType, type_of_kind

if TYPE_CHECKING:
    import pandas as pd

_INFERRED: Final[dict[str, ColumnType]] = {
    "string": "string",
    "integer": "integer",
    "integer-na": "integer",
    "floating": "float",
    "mixed-integer-float": "float",
    "boolean": "boolean",
    "bytes": "binary",
    "datetime": "datetime",
    "datetime64": "datetime",
    "date": "datetime",
}


def infer_signature(inputs: Any, outputs: Any = None) -> ModelSignature:
    """Return the signature of a model from examples of its inputs and outputs.

    A column is nullable when the example has a missing value in it. Arrays of one or two
    dimensions without names are one tensor, as are larger ones; the first dimension is free.

    Args:
        inputs: A frame, records, columns, an array, or a mapping of arrays.
        outputs: The same of what the model returned.
    """
    return ModelSignature(
        _columns(inputs, "input") if inputs is not None else (),
        _columns(outputs, "output") if outputs is not None else (),
    )


def column_type(series: pd.Series[Any]) -> ColumnType:
    """Return the type of a frame's column."""
    import pandas as pd

    dtype: Any = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return column_type(pd.Series(dtype.categories))
    if isinstance(dtype, pd.StringDtype):
        return "string"
    if dtype.kind != "O":
        return type_of_kind(dtype.kind)
    return _INFERRED.get(pd.api.types.infer_dtype(series, skipna=True), "any")


def _columns(data: Any, role: str) -> tuple[ColumnSpec, ...]:
    table = as_table(data)
    if is_frame(table):
        return tuple(
            ColumnSpec(
                str(name) if len(table.columns) > 1 or name not in (0, None) else role,
                column_type(table.iloc[:, position]),
                nullable=bool(table.iloc[:, position].isna().any()),
            )
            for position, name in enumerate(table.columns)
        )
    if isinstance(table, Mapping):
        return tuple(_tensor(str(name), value) for name, value in table.items())
    return (_tensor(role, table),)


def _tensor(name: str, data: Any) -> ColumnSpec:
    array = to_array(data)
    return ColumnSpec(name, type_of_kind(array.dtype.kind), shape=(-1, *array.shape[1:]))
