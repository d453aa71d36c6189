"""What detectors on streams share: counting, arrays, the record of what was found."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from tauro._internal._shown import short_repr
from tauro.errors import DriftInputError


class StreamDetector(ABC):
    """Watch a stream of numbers and say when it changed.

    Give each value, or arrays of them, to ``update`` in their order. After drift was found the
    detector starts anew on what follows. Detectors can be pickled and go on where they were;
    each belongs to one thread at a time.

    Attributes:
        seen: Values given so far.
        drift_points: The values, counted from 0, at which drift was found.
        drift_detected: Whether the last call of ``update`` found drift.
        warning_detected: Whether the detector is close to finding drift, for those that can tell.
    """

    binary = False
    """Whether values must be 0 (right) or 1 (wrong)."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all that was seen."""
        self.seen = 0
        self.drift_points: list[int] = []
        self.drift_detected = False
        self.warning_detected = False
        self._restart()

    def update(self, values: Any) -> bool:
        """Take one value, or an array of them in order, and return whether drift was found.

        Raises:
            DriftInputError: A value is not a finite number, or not 0 or 1 where errors are watched.
        """
        self.drift_detected = False
        if isinstance(values, float):  # the quick way for one value after the other
            self._take(values)
        else:
            array = as_numbers("values", values)
            for value in array.tolist():
                self._take(value)
        return self.drift_detected

    def _take(self, value: float) -> None:
        if not math.isfinite(value) or (self.binary and value not in {0.0, 1.0}):
            expected = "0 or 1" if self.binary else "a finite number"
            raise DriftInputError(
                f"{type(self).__name__} was given {value!r} as value {self.seen:,} of the stream; "
                f"{expected} is needed.",
                suggestions=["Give 1 for each wrong prediction and 0 for each right one."]
                if self.binary
                else ["Leave out missing values before."],
            )
        if self._changed(value):
            self.drift_points.append(self.seen)
            self.drift_detected = True
        self.seen += 1

    @abstractmethod
    def _restart(self) -> None:
        """Forget what went before a drift."""

    @abstractmethod
    def _changed(self, value: float) -> bool:
        """Take a value and tell whether the stream changed; start anew where it did."""


def as_numbers(name: str, values: Any) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a number, or numbers, as an array; what a mask hides is NaN.

    Raises:
        DriftInputError: They are none.
    """
    try:
        if isinstance(values, np.ma.MaskedArray):
            values = np.ma.filled(values.astype(np.float64), np.nan)
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DriftInputError(
            f"{name} is {short_repr(values)}; a number or an array of numbers is needed."
        ) from error
    return array.reshape(1) if array.ndim == 0 else array.ravel()
