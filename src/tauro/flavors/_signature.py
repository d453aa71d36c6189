"""The signature of a model: which columns or tensors go in, and which come out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from tauro.errors import SignatureMismatchError
from tauro.flavors._types import ColumnType

if TYPE_CHECKING:
    import pandas as pd


class ColumnSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column of a table, or one tensor.

    Attributes:
        name: The column's name; of a lone tensor, ``input`` or ``output``.
        type: One of ``integer float string boolean datetime binary any``.
        nullable: Whether values may be missing.
        required: Whether the column must be there at all.
        shape: Of a tensor, its dimensions with -1 for any length; None for a column.
    """

    name: str
    type: ColumnType = "any"
    nullable: bool = False
    required: bool = True
    shape: tuple[int, ...] | None = None


class SchemaProblem(msgspec.Struct, frozen=True):
    """One thing that is wrong with one column.

    Attributes:
        path: Where, down to the first wrong row: ``inputs.age[3]``.
        column: The column's name.
        expected: What the signature asks for.
        got: What is there.
        count: How many rows are wrong; 0 when the column as a whole is.
    """

    path: str
    column: str
    expected: str
    got: str
    count: int = 0

    def __str__(self) -> str:
        rows = f" ({self.count} rows)" if self.count > 1 else ""
        return f"{self.path}: expected {self.expected}, got {self.got}{rows}"


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

        A schema is ``{column: type}``, ``[{"name", "type", "nullable"}]`` or a JSON Schema.

        Raises:
            ValidationError: A schema has another form, or a type is unknown.
        """
        from tauro.flavors._schemas import parse_schema

        return cls(parse_schema(inputs, "input"), parse_schema(outputs, "output"))

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
        from tauro.flavors._check import find_problems

        return find_problems(self, data)

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
        from tauro.flavors._tables import to_frame

        return to_frame(data, self)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of one row of the inputs."""
        from tauro.flavors._schemas import to_json_schema

        return to_json_schema(self.inputs)

    def __str__(self) -> str:
        return f"inputs: {_listed(self.inputs)}\noutputs: {_listed(self.outputs)}"


def raise_problems(problems: Sequence[SchemaProblem]) -> None:
    """Raise one error that lists every problem, or return when there is none.

    Raises:
        SignatureMismatchError: There is at least one problem.
    """
    if not problems:
        return
    lines = "\n".join(f"  {problem}" for problem in problems)
    plural = "s do" if len(problems) > 1 else " does"
    raise SignatureMismatchError(
        f"{len(problems)} column{plural} not fit the model's signature:\n{lines}",
        context={"problems": [msgspec.to_builtins(problem) for problem in problems]},
    )


def _listed(columns: Iterable[ColumnSpec]) -> str:
    parts = []
    for column in columns:
        shape = "" if column.shape is None else f"{list(column.shape)}"
        parts.append(f"{column.name}: {column.type}{shape}{'?' if column.nullable else ''}")
    return ", ".join(parts) or "unknown"
