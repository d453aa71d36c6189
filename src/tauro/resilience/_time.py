"""Waiting and the passing of time, with a seam for tests."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What retries and circuit breakers need to know of time."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


_clock: Clock = time


def set_clock(clock: Clock | None) -> Clock:
    """Replace the clock, or with None restore the real one; return the one before."""
    global _clock
    before, _clock = _clock, clock if clock is not None else time
    return before


def monotonic() -> float:
    """Return seconds since some fixed moment."""
    return _clock.monotonic()


def sleep(seconds: float) -> None:
    """Wait."""
    _clock.sleep(seconds)
