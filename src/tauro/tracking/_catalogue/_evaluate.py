"""A filter applied to all rows at once; means what ``matches`` means for one record."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from tauro.tracking._catalogue._columns import Mask, TextColumn
from tauro.tracking._query._ast import (
    And,
    Compare,
    Expression,
    Field,
    In,
    IsNull,
    Kind,
    Like,
    Not,
    Operator,
    Or,
    Value,
)
from tauro.tracking._query._like import like_pattern
from tauro.tracking._query._rowwise import OPERATORS, compare

if TYPE_CHECKING:
    from tauro.tracking._catalogue._view import View

Truths = tuple[Mask, Mask]
"""Where the condition is true, and where it is false; it is unknown where it is neither."""


def evaluate(expression: Expression, view: View) -> Truths:
    """Return where a filter is true and where it is false."""
    match expression:
        case And(parts):
            truths = [evaluate(part, view) for part in parts]
            return _all(true for true, _ in truths), _any(false for _, false in truths)
        case Or(parts):
            truths = [evaluate(part, view) for part in parts]
            return _any(true for true, _ in truths), _all(false for _, false in truths)
        case Not(part):
            true, false = evaluate(part, view)
            return false, true
        case IsNull(field):
            null = _nulls(field, view)
            return null, ~null
        case Like(field, pattern, ignore_case):
            fits = like_pattern(pattern, ignore_case=ignore_case).fullmatch
            return _by_text(field, view, Kind.TEXT, lambda text: fits(text) is not None)
        case In(field, values, reading):
            return _either([_compare(field, "=", value, reading, view) for value in values])
        case Compare(field, sign, value, reading):
            return _compare(field, sign, value, reading, view)


def _all(masks: Any) -> Mask:
    return reduce(np.logical_and, masks)


def _any(masks: Any) -> Mask:
    return reduce(np.logical_or, masks)


def _either(truths: list[Truths]) -> Truths:
    return _any(true for true, _ in truths), _all(false for _, false in truths)


def _nulls(field: Field, view: View) -> Mask:
    if field.kind in (Kind.NUMBER, Kind.TIME):
        return ~view.numbers(field).head(len(view))[1]
    return view.texts(field).head(len(view)) < 0


def _compare(field: Field, sign: Operator, value: Value, reading: Kind, view: View) -> Truths:
    if field.kind in (Kind.NUMBER, Kind.TIME):
        values, valid = view.numbers(field).head(len(view))
        true = _compare_numbers(sign, values, value)
        return true & valid, ~true & valid
    if reading is Kind.TEXT and sign in ("=", "!="):
        column = view.texts(field)
        codes = column.head(len(view))
        same, known = codes == column.code_of(str(value)), codes >= 0
        return (same, known & ~same) if sign == "=" else (known & ~same, same)
    return _by_text(field, view, reading, lambda found: compare(sign, found, value))


def _compare_numbers(sign: Operator, values: Any, value: Value) -> Any:
    if isinstance(value, float) and math.isnan(value):
        is_nan = np.isnan(values)
        return is_nan if sign == "=" else ~is_nan if sign == "!=" else np.zeros(len(values), bool)
    return OPERATORS[sign](values, value)


def _by_text(field: Field, view: View, reading: Kind, holds: Callable[[Any], bool]) -> Truths:
    """Decide each distinct text once."""
    column: TextColumn = view.texts(field)
    readings = column.readings(reading)
    true = [found is not None and holds(found) for found in readings]
    known = [found is not None for found in readings]
    # The code of a row without a text is -1, which reads the last place: neither true nor false.
    true_of, known_of = np.array([*true, False]), np.array([*known, False])
    codes = column.head(len(view))
    return true_of[codes], (known_of & ~true_of)[codes]
