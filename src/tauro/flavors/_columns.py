"""Columns and tensors of a signature, and what can be wrong with one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tauro.errors import SignatureMismatchError
from tauro.flavors._types import ColumnType

Category = str | int | float | bool


class ColumnSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column of a table, or one tensor.

    Attributes:
        name: The column's name; of a lone tensor, ``input`` or ``output``.
        type: One of ``integer float string boolean datetime binary any``.
        nullable: Whether values may be missing.
        required: Whether the column must be there at all.
        shape: Of a tensor, its dimensions with -1 for any length; None for a column.
        categories: Of a categorical column, what it held in training, in its order; None for
            another column. A value that is none of them counts as missing.
    """

    name: str
    type: ColumnType = "any"
    nullable: bool = False
    required: bool = True
    shape: tuple[int, ...] | None = None
    categories: tuple[Category, ...] | None = None


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
