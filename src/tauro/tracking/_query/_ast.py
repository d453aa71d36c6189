"""The parsed form of a filter: small frozen nodes without behaviour."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

Space = Literal["attributes", "metrics", "params", "tags"]
Operator = Literal["=", "!=", "<", "<=", ">", ">="]


class Kind(enum.Enum):
    """How a field's value is read in a comparison."""

    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    """Microseconds since the epoch."""
    BOOLEAN = "boolean"
    LOOSE = "text or number"
    """Of a field, not of a comparison: the literal decides (parameters and tags)."""


@dataclass(frozen=True, slots=True)
class Field:
    """What a condition is about, such as ``metrics.loss`` or the attribute ``status``."""

    space: Space
    name: str
    kind: Kind

    def __str__(self) -> str:
        return self.name if self.space == "attributes" else f"{self.space}.{self.name}"


Value = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Compare:
    """``field operator value``; unknown where the field has no value of that reading."""

    field: Field
    operator: Operator
    value: Value
    reading: Kind


@dataclass(frozen=True, slots=True)
class In:
    """The field equals one of the values."""

    field: Field
    values: tuple[Value, ...]
    reading: Kind


@dataclass(frozen=True, slots=True)
class Like:
    """The field's text fits a pattern in which ``%`` is any text and ``_`` any character."""

    field: Field
    pattern: str
    ignore_case: bool


@dataclass(frozen=True, slots=True)
class IsNull:
    """The field has no value. Never unknown."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """True where the part is false; unknown where it is unknown."""

    part: Expression


@dataclass(frozen=True, slots=True)
class And:
    """True where all parts are; false where any is false."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True where any part is; false where all are false."""

    parts: tuple[Expression, ...]


Expression = Compare | In | Like | IsNull | Not | And | Or


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One part of an order. Nulls come last whichever the direction, NaN just before them."""

    field: Field
    descending: bool = False
