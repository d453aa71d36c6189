"""Ages in days, as users give them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from tauro.errors import ValidationError

_MOST: Final = 365_000
"""Before that there were no years that a date of Python can name."""


def days(number: float, what: str, *, error: type[ValidationError] = ValidationError) -> timedelta:
    """Return so many days.

    Raises:
        ValidationError: It is no number of days from 0 on; as ``error``.
    """
    given: object = number
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= _MOST:
        return timedelta(days=given)
    raise error(
        f"{what} is {number!r}; a number of days from 0 to {_MOST} is expected.",
        suggestions=["0 is everything, 30 what is a month old."],
    )
