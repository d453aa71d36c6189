"""The signature of a model: which columns or tensors go in, and which come out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tauro.flavors._check import find_problems
from tauro.flavors._columns import ColumnSpec, SchemaProblem, raise_problems
from tauro.flavors._schemas import parse_schema, to_json_schema
from tauro.flavors._tables import to_frame

if TYPE_CHECKING:
    import pandas as pd


class ModelSignature(msgspec.Struct, frozen=True, omit_defaults=True):
    """The columns or tensors of a model's inputs and outputs, in order.

    Attributes:
        inputs: What ``predict`` takes; empty when unknown.
        outputs: What it returns; empty when unknown.
    """

    inputs: tuple[ColumnSpec, ...] = ()
    outputs: tuple[ColumnSpec, ...] = ()

    @classmethod
    def from_schemas(cls, inputs: Any = None, outputs: Any = None) -> ModelSignature:
        """Return the signature of two schemas in any of the accepted forms.

        A schema is ``{column: type}``, ``[{"name", "type", "nullable"}]``, a JSON Schema, or a
        signature, whose side is taken.

        Raises:
            ValidationError: A schema has another form, or a type is unknown.
        """
        return cls(
            inputs.inputs if isinstance(inputs, cls) else parse_schema(inputs, "input"),
            outputs.outputs if isinstance(outputs, cls) else parse_schema(outputs, "output"),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelSignature:
        """Return the signature that :meth:`to_dict` described."""
        return msgspec.convert(dict(data), cls)

    def to_dict(self) -> dict[str, Any]:
        """Return the signature as plain JSON values."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, in order."""
        return [column.name for column in self.inputs]

    @property
    def is_tensor(self) -> bool:
        """Whether the inputs are tensors and not the columns of a table."""
        return any(column.shape is not None for column in self.inputs)

    def problems(self, data: Any) -> list[SchemaProblem]:
        """Return everything in ``data`` that does not fit the inputs; further columns are fine.

        Args:
            data: A frame, records, columns or an array, as ``predict`` takes it.
        """
        return find_problems(self.inputs, data)

    def validate(self, data: Any) -> None:
        """Check that ``data`` fits the inputs.

        Raises:
            SignatureMismatchError: It does not; every wrong column is listed with its path.
        """
        raise_problems(self.problems(data))

    def to_frame(self, data: Any) -> pd.DataFrame:
        """Return table-like ``data`` as a frame with the inputs' columns, in their order.

        Raises:
            SignatureMismatchError: It is no table, or lacks a required column.
        """
        return to_frame(data, self.inputs)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of one row of the inputs."""
        return to_json_schema(self.inputs)

    def __str__(self) -> str:
        return f"inputs: {_listed(self.inputs)}\noutputs: {_listed(self.outputs)}"


def _listed(columns: Iterable[ColumnSpec]) -> str:
    parts = []
    for column in columns:
        shape = "" if column.shape is None else f"{list(column.shape)}"
        parts.append(f"{column.name}: {column.type}{shape}{'?' if column.nullable else ''}")
    return ", ".join(parts) or "unknown"
