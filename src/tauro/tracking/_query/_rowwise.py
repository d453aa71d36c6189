"""A filter applied to one record: the plain form of its meaning.

Conditions are true, false or unknown, as in SQL. A comparison with a field that has no value, or
none of the reading that the literal asks for, is unknown; NOT unknown is unknown; a record passes
when the whole is true.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

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
from tauro.tracking._query._values import (
    boolean_of_text,
    microseconds_of,
    number_of,
    number_of_text,
    text_of,
)

Truth = bool | None

OPERATORS: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matches(expression: Expression | None, record: Mapping[str, Any]) -> bool:
    """Tell whether a record passes a filter; None is the filter that all records pass.

    Args:
        expression: What :func:`parse_filter` returned.
        record: Attributes by name, and the mappings ``metrics``, ``params`` (or ``parameters``)
            and ``tags``. Times are datetimes or ISO texts.
    """
    return expression is None or evaluate(expression, record) is True


def evaluate(expression: Expression, record: Mapping[str, Any]) -> Truth:
    """Return whether a filter is true, false or unknown (None) of a record."""
    match expression:
        case And(parts):
            truths = [evaluate(part, record) for part in parts]
            return False if False in truths else None if None in truths else True
        case Or(parts):
            truths = [evaluate(part, record) for part in parts]
            return True if True in truths else None if None in truths else False
        case Not(part):
            truth = evaluate(part, record)
            return None if truth is None else not truth
        case IsNull(field):
            return read(record, field, field.kind) is None
        case Like(field, pattern, ignore_case):
            text = read(record, field, Kind.TEXT)
            if text is None:
                return None
            return like_pattern(pattern, ignore_case=ignore_case).fullmatch(text) is not None
        case In(field, values, reading):
            found = read(record, field, reading)
            return None if found is None else any(compare("=", found, value) for value in values)
        case Compare(field, sign, value, reading):
            found = read(record, field, reading)
            return None if found is None else compare(sign, found, value)


def compare(sign: Operator, found: Any, value: Value) -> bool:
    """Compare two values of one reading. NaN equals NaN and is neither less nor greater."""
    if isinstance(value, float) and math.isnan(value):
        is_nan = math.isnan(found)
        return is_nan if sign == "=" else not is_nan if sign == "!=" else False
    return OPERATORS[sign](found, value)


def read(record: Mapping[str, Any], field: Field, reading: Kind) -> Any:
    """Return a field's value in a reading, or None."""
    value = raw_value(record, field)
    if value is None:
        return None
    match reading:
        case Kind.TIME:
            return microseconds_of(value)
        case Kind.NUMBER if field.kind is Kind.NUMBER:
            return number_of(value)
        case _:
            return read_text(text_of(value), reading)


def read_text(text: str | None, reading: Kind) -> Any:
    """Return what a parameter's, tag's or attribute's text says in a reading, or None."""
    if text is None or reading in (Kind.TEXT, Kind.LOOSE):
        return text
    return number_of_text(text) if reading is Kind.NUMBER else boolean_of_text(text)


def raw_value(record: Mapping[str, Any], field: Field) -> Any:
    """Return a field's value as the record holds it, or None."""
    if field.space == "attributes":
        if field.name == "duration":
            return _duration(record)
        return record.get(field.name)
    values = record.get(field.space)
    if values is None and field.space == "params":
        values = record.get("parameters")
    return None if values is None else values.get(field.name)


def _duration(record: Mapping[str, Any]) -> float | None:
    """Return the seconds from start to end; None while the run has not ended."""
    start, end = microseconds_of(record.get("start_time")), microseconds_of(record.get("end_time"))
    return None if start is None or end is None else (end - start) / 1e6
