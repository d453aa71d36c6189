"""Detectors on a stream of errors: 1 for each wrong prediction, 0 for each right one."""

from __future__ import annotations

import math

from tauro.drift._checks import at_least, positive
from tauro.drift._stream import StreamDetector
from tauro.errors import DriftInputError


class DDM(StreamDetector):
    """Say drift when the error rate rises far above its lowest level (Gama and others 2004).

    For abrupt changes for the worse; it sees no improvement. It weighs the rate against the lowest
    ever seen, so some false alarms are in its nature: measured at an error rate of 20 %, one in
    250,000 stationary values, most of them early. A rise from 20 to 50 % after 5,000 values is
    found after some 270 values, at times only after 1,400.

    Args:
        warning_level: Standard deviations above the lowest rate for a warning.
        drift_level: The same for drift.
        warm_up: Values before it judges.
    """

    binary = True

    def __init__(
        self, *, warning_level: float = 2.0, drift_level: float = 3.0, warm_up: int = 100
    ) -> None:
        self.warning_level = positive("warning_level", warning_level)
        self.drift_level = positive("drift_level", drift_level)
        self.warm_up = at_least("warm_up", warm_up, 1)
        super().__init__()

    def _restart(self) -> None:
        self._count = self._errors = 0
        self._lowest = math.inf
        self._lowest_rate = self._lowest_spread = math.inf

    def _changed(self, value: float) -> bool:
        self._count += 1
        self._errors += int(value)
        self.warning_detected = False
        if self._count < self.warm_up:
            return False
        rate = self._errors / self._count
        spread = math.sqrt(rate * (1 - rate) / self._count)
        if 0 < rate < 1 and rate + spread <= self._lowest:
            self._lowest = rate + spread
            self._lowest_rate, self._lowest_spread = rate, spread
        if self._lowest == math.inf:
            return False
        level = (rate + spread - self._lowest_rate) / self._lowest_spread
        if level > self.drift_level:
            self._restart()
            return True
        self.warning_detected = level > self.warning_level
        return False


class EDDM(StreamDetector):
    """Say drift when errors come closer together than at their sparsest (Baena-García 2006).

    For slow changes: it watches the distance between errors. It is easily alarmed: measured at an
    error rate of 20 %, one false alarm in 55,000 stationary values. A rise from 20 to 50 % after
    5,000 values is found after some 360.

    Args:
        warning_level: Share of the sparsest spacing below which it warns.
        drift_level: The same for drift.
        warm_up: Errors before it judges.
    """

    binary = True

    def __init__(
        self, *, warning_level: float = 0.95, drift_level: float = 0.9, warm_up: int = 100
    ) -> None:
        self.warning_level = positive("warning_level", warning_level, below=1)
        self.drift_level = positive("drift_level", drift_level, below=1)
        self.warm_up = at_least("warm_up", warm_up, 2)
        super().__init__()

    def _restart(self) -> None:
        self._since = 0
        self._errors = 0
        self._mean = self._squares = self._sparsest = 0.0

    def _changed(self, value: float) -> bool:
        self._since += 1
        if not value:
            return False
        self._errors += 1
        step = self._since - self._mean
        self._mean += step / self._errors
        self._squares += step * (self._since - self._mean)
        self._since = 0
        self.warning_detected = False
        if self._errors < self.warm_up:
            return False
        spacing = self._mean + 2 * math.sqrt(self._squares / self._errors)
        self._sparsest = max(self._sparsest, spacing)
        share = spacing / self._sparsest
        if share < self.drift_level:
            self._restart()
            return True
        self.warning_detected = share < self.warning_level
        return False


class HDDMA(StreamDetector):
    """Compare the mean with its lowest point by Hoeffding's bound (Frías-Blanco and others 2015).

    For abrupt changes of errors, or of any numbers from 0 to 1; with ``two_sided`` also for the
    better. Measured at an error rate of 20 %, one-sided: one false alarm in 2 million stationary
    values; a rise to 50 % is found after some 90.

    Args:
        drift_confidence: The chance that the bound is broken by chance, for drift.
        warning_confidence: The same for a warning.
        two_sided: Find falls too.
    """

    def __init__(
        self,
        *,
        drift_confidence: float = 0.0001,
        warning_confidence: float = 0.001,
        two_sided: bool = False,
    ) -> None:
        self.drift_confidence = positive("drift_confidence", drift_confidence, below=1)
        self.warning_confidence = positive("warning_confidence", warning_confidence, below=1)
        self.two_sided = two_sided
        super().__init__()

    def _restart(self) -> None:
        self._count, self._sum = 0, 0.0
        self._low_count, self._low_sum = 0, 0.0
        self._high_count, self._high_sum = 0, 0.0

    def _changed(self, value: float) -> bool:
        _check_unit(self, value)
        self._count += 1
        self._sum += value
        self._move_cuts()
        rose = self._gap(self._low_count, self._low_sum)
        fell = -self._gap(self._high_count, self._high_sum) if self.two_sided else -math.inf
        low_bar = self._bar(self._low_count, self.drift_confidence)
        high_bar = self._bar(self._high_count, self.drift_confidence)
        if rose >= low_bar or fell >= high_bar:
            self._restart()
            self.warning_detected = False
            return True
        self.warning_detected = rose >= self._bar(
            self._low_count, self.warning_confidence
        ) or fell >= self._bar(self._high_count, self.warning_confidence)
        return False

    def _move_cuts(self) -> None:
        mean, reach = self._sum / self._count, self._reach(self._count)
        if not self._low_count or (
            mean + reach <= self._low_sum / self._low_count + self._reach(self._low_count)
        ):
            self._low_count, self._low_sum = self._count, self._sum
        if not self._high_count or (
            mean - reach >= self._high_sum / self._high_count - self._reach(self._high_count)
        ):
            self._high_count, self._high_sum = self._count, self._sum

    def _reach(self, count: int) -> float:
        return math.sqrt(math.log(1 / self.drift_confidence) / (2 * count))

    def _gap(self, cut: int, total: float) -> float:
        return self._sum / self._count - total / cut

    def _bar(self, cut: int, confidence: float) -> float:
        if cut == self._count:
            return math.inf
        share = (self._count - cut) / (cut * self._count)
        return math.sqrt(share / 2 * math.log(2 / confidence))


class HDDMW(StreamDetector):
    """Compare exponentially weighted means by McDiarmid's bound (Frías-Blanco and others 2015).

    For gradual changes of errors, or of any numbers from 0 to 1. Measured at an error rate of 20 %,
    one-sided: one false alarm in 170,000 stationary values; a rise to 50 % is found after some 45.

    Args:
        drift_confidence: The chance that the bound is broken by chance, for drift.
        warning_confidence: The same for a warning.
        weight: Of the newest value in the means.
        two_sided: Find falls too.
    """

    def __init__(
        self,
        *,
        drift_confidence: float = 0.0001,
        warning_confidence: float = 0.001,
        weight: float = 0.05,
        two_sided: bool = False,
    ) -> None:
        self.drift_confidence = positive("drift_confidence", drift_confidence, below=1)
        self.warning_confidence = positive("warning_confidence", warning_confidence, below=1)
        self.weight = positive("weight", weight, below=1)
        self.two_sided = two_sided
        super().__init__()

    def _restart(self) -> None:
        self._all: _Weighted | None = None
        self._sides = [_Side(1.0), _Side(-1.0)] if self.two_sided else [_Side(1.0)]

    def _changed(self, value: float) -> bool:
        _check_unit(self, value)
        self._all = _weigh(self._all, value, self.weight)
        self.warning_detected = False
        for side in self._sides:
            side.take(self._all, value, self.weight, self.drift_confidence)
            if side.beyond(self.drift_confidence):
                self._restart()
                return True
            self.warning_detected |= side.beyond(self.warning_confidence)
        return False


_Weighted = tuple[float, float]
"""A weighted mean and the sum of its squared weights."""


def _weigh(before: _Weighted | None, value: float, weight: float) -> _Weighted:
    if before is None:
        return value, 1.0
    mean, squares = before
    return weight * value + (1 - weight) * mean, weight**2 + (1 - weight) ** 2 * squares


class _Side:
    """One direction of change: the mean up to its extreme, and the mean since."""

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.cut = math.inf
        self.before: _Weighted | None = None
        self.since: _Weighted | None = None

    def take(self, whole: _Weighted, value: float, weight: float, confidence: float) -> None:
        reach = math.sqrt(whole[1] * math.log(1 / confidence) / 2)
        if self.sign * whole[0] + reach < self.cut:
            self.cut = self.sign * whole[0] + reach
            self.before, self.since = whole, None
        else:
            self.since = _weigh(self.since, value, weight)

    def beyond(self, confidence: float) -> bool:
        if self.before is None or self.since is None:
            return False
        bound = math.sqrt((self.before[1] + self.since[1]) * math.log(1 / confidence) / 2)
        return self.sign * (self.since[0] - self.before[0]) > bound


def _check_unit(detector: StreamDetector, value: float) -> None:
    if not 0 <= value <= 1:
        raise DriftInputError(
            f"{type(detector).__name__} was given {value!r}; numbers from 0 to 1 are needed.",
            suggestions=["Give 0 and 1 for right and wrong, or use ADWIN or PageHinkley."],
        )
