"""Order: sort keys of records, and the cursor with which a page continues."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from tauro.tracking._query._ast import Field, Kind, OrderKey
from tauro.tracking._query._rowwise import read
from tauro.tracking._query._values import number_of_text

Record = TypeVar("Record")

VALUE, NOT_A_NUMBER, ABSENT = 0, 1, 2
"""Classes of sort keys; they stand in this order whichever the direction."""


def loose_key(text: str) -> tuple[int, float, str]:
    """Return the sort key of a parameter's or tag's text: numbers by value, then texts."""
    number = number_of_text(text)
    return (1, 0.0, text) if number is None else (0, number, "")


def class_of(value: Any) -> int:
    """Return the class of a field's value."""
    if value is None:
        return ABSENT
    return NOT_A_NUMBER if isinstance(value, float) and math.isnan(value) else VALUE


def sort_key(field: Field, value: Any) -> Any:
    """Return what a field's value is sorted by, within its class."""
    return loose_key(value) if field.kind is Kind.LOOSE else value


def sort_records(
    records: Iterable[Record],
    order: tuple[OrderKey, ...],
    fields: Callable[[Record], Mapping[str, Any]],
    identity: Callable[[Record], str],
) -> list[Record]:
    """Return the records in order, ties by identity."""
    ordered = sorted(records, key=identity)
    for part in reversed(order):
        classes: tuple[list[tuple[Any, Record]], ...] = ([], [], [])
        for record in ordered:
            value = read(fields(record), part.field, part.field.kind)
            rank = class_of(value)
            key = sort_key(part.field, value) if rank == VALUE else None
            classes[rank].append((key, record))
        classes[VALUE].sort(key=lambda pair: pair[0], reverse=part.descending)
        ordered = [record for members in classes for _, record in members]
    return ordered
