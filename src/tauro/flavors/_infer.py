"""The signature of a model, inferred from what went in and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tauro.flavors._columns import ColumnSpec
from tauro.flavors._signature import ModelSignature
from tauro.flavors._tables import as_table, categories_of, column_type, is_frame, to_array
from tauro.flavors._types import type_of_kind


def infer_signature(inputs: Any, outputs: Any = None) -> ModelSignature:
    """Return the signature of a model from examples of its inputs and outputs.

    A column is nullable when the example has a missing value in it. A column of pandas's category
    dtype keeps its categories. Arrays of one or two
    dimensions without names are one tensor, as are larger ones; the first dimension is free.

    Args:
        inputs: A frame, records, columns, an array, or a mapping of arrays.
        outputs: The same of what the model returned.
    """
    return ModelSignature(
        _columns(inputs, "input") if inputs is not None else (),
        _columns(outputs, "output") if outputs is not None else (),
    )


def _columns(data: Any, role: str) -> tuple[ColumnSpec, ...]:
    table = as_table(data)
    if is_frame(table):
        return tuple(
            ColumnSpec(
                str(name) if len(table.columns) > 1 or name not in (0, None) else role,
                column_type(table.iloc[:, position]),
                nullable=bool(table.iloc[:, position].isna().any()),
                categories=categories_of(table.iloc[:, position]),
            )
            for position, name in enumerate(table.columns)
        )
    if isinstance(table, Mapping):
        return tuple(_tensor(str(name), value) for name, value in table.items())
    return (_tensor(role, table),)


def _tensor(name: str, data: Any) -> ColumnSpec:
    array = to_array(data)
    return ColumnSpec(name, type_of_kind(array.dtype.kind), shape=(-1, *array.shape[1:]))
