"""Options of detectors, checked one by one."""

from __future__ import annotations

import math
from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

from tauro._internal._close import did_you_mean
from tauro.errors import DriftOptionError


def positive(name: str, value: Any, *, below: float = math.inf) -> float:
    """Return an option as a float.

    Raises:
        DriftOptionError: It is not a number above 0 and below the limit.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < below:
        limit = f" and below {below:g}" if below < math.inf else ""
        raise DriftOptionError(f"{name} is {value!r}; a number above 0{limit} is needed.")
    return float(value)


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
