"""Time, with a seam for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_source: Callable[[], int] = time.time_ns


def set_source(source: Callable[[], int] | None) -> None:
    """Replace the wall clock (nanoseconds since the epoch); None restores the real one."""
    global _source  # noqa: PLW0603 - the one seam through which tests hold the clock still
    _source = source or time.time_ns


def now_ns() -> int:
    """Return nanoseconds since the epoch, UTC."""
    return _source()


def now() -> datetime:
    """Return the time as an aware datetime in UTC, to the microsecond."""
    return from_ns(now_ns())


def from_ns(nanoseconds: int) -> datetime:
    """Return an aware UTC datetime, to the microsecond."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
