"""Values and steps of metrics, from Python, numpy and tensors, without importing either."""

from __future__ import annotations

import operator
from typing import Any, Final

from tauro._internal._shown import short_repr
from tauro.errors import ValidationError

_LOWEST_STEP: Final = -(1 << 63)
_HIGHEST_STEP: Final = (1 << 63) - 1
_NUMBER_KINDS: Final = "iuf"
"""numpy's kinds that are numbers: signed, unsigned, floating; not bool, time, text, complex."""


def validate_metric_value(
    value: object, *, key: str = "", error: type[ValidationError] = ValidationError
) -> float:
    """Return a metric's value as a float; NaN and infinities are values.

    Numbers of Python and numpy are accepted, and arrays and tensors of one element. A bool is not
    a metric.

    Args:
        value: The value as the user gave it.
        key: The metric, for the message.
        error: The class to raise.

    Raises:
        ValidationError: It is not one real number that a float64 can hold; as ``error``.
    """
    if type(value) is float:
        return value
    if type(value) is int:
        return _to_float(value, key, error)
    number = _unwrap(value, key, error)
    if isinstance(number, bool) or not hasattr(number, "__float__"):
        raise error(
            f"{_metric(key)} got {_shown(value)}; a number is expected.",
            suggestions=[_remedy(value)],
        )
    return _to_float(number, key, error)


def _unwrap(value: Any, key: str, error: type[ValidationError]) -> Any:
    """Return the Python number inside a numpy scalar, an array or a tensor; else the value."""
    kind = getattr(getattr(value, "dtype", None), "kind", "f")
    if kind not in _NUMBER_KINDS:
        raise error(
            f"{_metric(key)} got {_shown(value)} of dtype {value.dtype}; a number is expected.",
            suggestions=[_remedy(value)],
        )
    if not hasattr(value, "item"):
        return value
    try:
        return value.item()
    except (ValueError, TypeError, RuntimeError) as cause:
        raise error(
            f"{_metric(key)} got {type(value).__name__} of shape "
            f"{tuple(getattr(value, 'shape', ()))}; one number is expected.",
            suggestions=["Reduce it first: value.mean(), or log one metric for each element."],
        ) from cause


def _to_float(number: Any, key: str, error: type[ValidationError]) -> float:
    try:
        return float(number)
    except (TypeError, ValueError, OverflowError) as cause:
        raise error(
            f"{_metric(key)} got {_shown(number)}, which does not fit a float64.",
            suggestions=["Scale it, or log it as a parameter, which keeps any text."],
        ) from cause


def validate_metric_step(
    step: object, *, key: str = "", error: type[ValidationError] = ValidationError
) -> int:
    """Return a metric's step: a whole number that 64 bits hold.

    Raises:
        ValidationError: It is no such number; as ``error``.
    """
    try:
        number = operator.index(step)  # type: ignore[arg-type]  # that is what is found out here
    except TypeError:
        number = None
    if number is None or isinstance(step, bool):
        raise error(
            f"{_metric(key)} got the step {_shown(step)}; a whole number is expected.",
            suggestions=["Use the epoch or the batch number: step=epoch."],
        )
    if not _LOWEST_STEP <= number <= _HIGHEST_STEP:
        raise error(
            f"{_metric(key)} got the step {short_repr(number, 60)}, which does not fit 64 bits.",
            suggestions=["Count from 0."],
        )
    return number


def _metric(key: str) -> str:
    return f"The metric {key!r}" if key else "A metric"


def _shown(value: object) -> str:
    return f"{type(value).__name__} {short_repr(value, 60)}"


def _remedy(value: object) -> str:
    if isinstance(value, bool) or "bool" in type(value).__name__:
        return "Log int(value) to count it, or set a tag."
    if isinstance(value, str):
        return "Log a text as a parameter or a tag; convert a number with float(...)."
    return "Give a float, an int or a numpy number."
