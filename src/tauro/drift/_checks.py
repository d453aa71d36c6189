"""Options of detectors, checked one by one."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from numbers import Integral, Real
from typing import Any

from tauro._internal._close import did_you_mean
from tauro._internal._shown import short_repr
from tauro.errors import DriftOptionError


def positive(
    name: str, value: Any, *, below: float = math.inf, suggestions: Sequence[str] = ()
) -> float:
    """Return an option as a float.

    Raises:
        DriftOptionError: It is not a number above 0 and below the limit.
    """
    number = _as_float(value)
    if not 0 < number < below:
        limit = f" and below {below:g}" if below < math.inf else ""
        raise DriftOptionError(
            f"{name} is {short_repr(value)}; a number above 0{limit} is needed.",
            suggestions=suggestions,
        )
    return number


def zero_or_more(name: str, value: Any) -> float:
    """Return an option as a float.

    Raises:
        DriftOptionError: It is not a number from 0.
    """
    number = _as_float(value)
    if not number >= 0:
        raise DriftOptionError(f"{name} is {short_repr(value)}; a number from 0 is needed.")
    return number


def _as_float(value: Any) -> float:
    """Return a number as a float, NaN for what is none or too large to be one."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def at_least(name: str, value: Any, least: int) -> int:
    """Return an option as an int.

    Raises:
        DriftOptionError: It is not a whole number from ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise DriftOptionError(f"{name} is {value!r}; a whole number from {least} is needed.")
    return int(value)


def one_of(name: str, value: Any, allowed: Collection[str]) -> None:
    """Refuse a name that is not known.

    Raises:
        DriftOptionError: It is none of those allowed.
    """
    if not isinstance(value, str) or value not in allowed:
        raise DriftOptionError(
            f"{name} is {value!r}; one of {', '.join(sorted(allowed))} is needed.",
            suggestions=did_you_mean(str(value), allowed),
        )
