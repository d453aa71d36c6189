"""Detectors on streams of any numbers: Page-Hinkley, and Kolmogorov-Smirnov on windows."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from tauro.drift._checks import at_least, positive
from tauro.drift._ks import ks_distance, untied_p_value
from tauro.drift._stream import StreamDetector
from tauro.drift._ties import exact_p_value
from tauro.errors import DriftOptionError


class PageHinkley(StreamDetector):
    """Say drift when the summed rise above the running mean is large (Page 1954, Hinkley 1971).

    The sum is in units of the stream's own standard deviation, learnt in the warm-up, so
    ``threshold`` means the same on every scale. Measured at the defaults: one false alarm in 2
    million stationary normal values; a step of one standard deviation is found after some 30.

    Args:
        slack: Standard deviations above the mean that do not count.
        threshold: The sum, in standard deviations, that is drift.
        direction: ``up``, ``down`` or ``both``.
        warm_up: Values before it judges.
    """

    def __init__(
        self,
        *,
        slack: float = 0.25,
        threshold: float = 25.0,
        direction: str = "both",
        warm_up: int = 100,
    ) -> None:
        self.slack = positive("slack", slack)
        self.threshold = positive("threshold", threshold)
        self.warm_up = at_least("warm_up", warm_up, 2)
        if direction not in {"up", "down", "both"}:
            raise DriftOptionError(f"direction is {direction!r}; up, down or both is needed.")
        self.direction = direction
        super().__init__()

    def _restart(self) -> None:
        self._count = 0
        self._mean = self._squares = 0.0
        self._up = self._down = 0.0

    def _changed(self, value: float) -> bool:
        self._count += 1
        if self._count > self.warm_up:
            spread = math.sqrt(self._squares / (self._count - 2))
            if spread > 0:
                step = (value - self._mean) / spread
            else:
                step = math.copysign(math.inf, value - self._mean) if value != self._mean else 0.0
            self._up = max(0.0, self._up + step - self.slack)
            self._down = max(0.0, self._down - step - self.slack)
            if (self.direction != "down" and self._up > self.threshold) or (
                self.direction != "up" and self._down > self.threshold
            ):
                self._restart()
                return True
        change = value - self._mean
        self._mean += change / self._count
        self._squares += change * (value - self._mean)
        return False


class KSWIN(StreamDetector):
    """Compare the newest values with the window before them by Kolmogorov-Smirnov (Raab 2020).

    Sees any change of the distribution, not of the mean alone. The chance of a false alarm is at
    most ``alpha`` a look, so ``alpha / every`` a value: with the defaults one in 100,000 (measured:
    one in 160,000). A step of one standard deviation is found after some 50 values. All of the
    older window is compared, not a random part of it: the same stream gives the same alarms.

    Args:
        alpha: The chance of a false alarm at each look.
        window: Values kept.
        newest: How many of them are the newest.
        every: Look each so many values.
    """

    def __init__(
        self, alpha: float = 0.0001, *, window: int = 300, newest: int = 60, every: int = 10
    ) -> None:
        self.alpha = positive("alpha", alpha, below=1)
        self.window = at_least("window", window, 4)
        self.newest = at_least("newest", newest, 2)
        self.every = at_least("every", every, 1)
        if not newest < window:
            raise DriftOptionError(f"newest is {newest}; fewer than window ({window}) are needed.")
        self._bar = _critical_distance(window - newest, newest, alpha)
        super().__init__()

    def _restart(self) -> None:
        self._values: deque[float] = deque(maxlen=self.window)

    def _changed(self, value: float) -> bool:
        self._values.append(value)
        if len(self._values) < self.window or self.seen % self.every:
            return False
        values = np.array(self._values)
        old, new = np.sort(values[: -self.newest]), np.sort(values[-self.newest :])
        if abs(ks_distance(old, new)[0]) < self._bar:
            return False
        self._restart()
        self._values.extend(values[-self.newest :].tolist())
        return True


def _critical_distance(n: int, m: int, alpha: float) -> float:
    """Return the least distance whose p-value is at most alpha (repeats only lower p-values)."""
    sizes = np.ones(n + m, dtype=np.int64)
    steps = np.unique(np.abs(np.subtract.outer(np.arange(n + 1) / n, np.arange(m + 1) / m)))
    low, high = 0, len(steps) - 1
    while low < high:
        middle = (low + high) // 2
        small = n * m <= 400_000
        p_value = (
            exact_p_value(float(steps[middle]), n, m, sizes)
            if small
            else untied_p_value(float(steps[middle]), n, m)
        )
        low, high = (low, middle) if p_value <= alpha else (middle + 1, high)
    return float(steps[low]) - 1e-9
