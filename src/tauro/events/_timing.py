"""Durations in bounded memory."""

from __future__ import annotations

from collections import deque
from typing import Final

_WINDOW: Final = 1024


class Timing:
    """Count, sum, extremes of all durations, and percentiles of the latest 1,024.

    Not locked; the collector holds its lock around every call.
    """

    __slots__ = ("_latest", "_max", "_min", "count", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self._min = float("inf")
        self._max = float("-inf")
        self._latest: deque[float] = deque(maxlen=_WINDOW)

    def add(self, seconds: float) -> None:
        """Add one duration."""
        self.count += 1
        self.total += seconds
        self._min = min(self._min, seconds)
        self._max = max(self._max, seconds)
        self._latest.append(seconds)

    def summary(self) -> dict[str, float]:
        """Return the figures in seconds; percentiles by the nearest rank."""
        ordered = sorted(self._latest)
        return {
            "count": self.count,
            "min": self._min,
            "max": self._max,
            "mean": self.total / self.count,
            **{f"p{q}": ordered[-(-q * len(ordered) // 100) - 1] for q in (50, 95, 99)},
        }
