"""Time that passes only when somebody waits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tauro.resilience import set_clock


class FakeClock:
    """A clock for retries and circuit breakers whose waiting takes no time.

    Attributes:
        slept: Every pause that was asked for, in seconds.
    """

    def __init__(self) -> None:
        self._now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds that have passed so far."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass, and remember that somebody waited."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


@contextlib.contextmanager
def fake_clock() -> Iterator[FakeClock]:
    """Have retries and circuit breakers live by a fake clock inside the ``with`` block."""
    clock = FakeClock()
    before = set_clock(clock)
    try:
        yield clock
    finally:
        set_clock(before)
