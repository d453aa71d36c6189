"""What the tests compare: a column as sorted numbers or as counted categories."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

Kind: TypeAlias = Literal["numeric", "datetime", "boolean", "categorical", "text"]
"""How a column is compared. ``text`` compares lengths; ``boolean`` is a category of two."""

Side: TypeAlias = Literal["reference", "current"]

_SAFE: Final = 1e140
"""Squares of larger values overflow; those of values below its inverse vanish."""
_LOST: Final = 1e-4
"""Share of the squared mean below which a variance loses digits in one pass."""


@dataclass(frozen=True, slots=True)
class NumericSample:
    """The present values of one column, sorted.

    Attributes:
        values: Ascending, finite, without missing values. Dates are seconds since 1970, UTC.
        missing: How many further rows hold no value.
    """

    values: FloatArray
    missing: int

    @property
    def present(self) -> int:
        """Rows that hold a value."""
        return len(self.values)

    @property
    def rows(self) -> int:
        """All rows."""
        return len(self.values) + self.missing

    def quantile(self, q: float) -> float:
        """Return the value at a share of the sorted sample, without interpolation."""
        return float(self.values[min(int(q * len(self.values)), len(self.values) - 1)])

    def moments(self) -> tuple[float, float]:
        """Return the mean and the standard deviation, whatever the scale."""
        size = max(abs(float(self.values[0])), abs(float(self.values[-1])))
        if size > _SAFE or 0 < size < 1 / _SAFE:
            scaled = self.values / size
            return float(scaled.mean()) * size, float(scaled.std()) * size
        mean = float(self.values.mean())
        # One pass and no copy, unless the spread would drown in the size of the mean.
        variance = float(np.einsum("i,i->", self.values, self.values)) / len(self.values) - mean**2
        if variance < _LOST * mean**2:
            return mean, float(self.values.std())
        return mean, math.sqrt(max(variance, 0.0))


@dataclass(frozen=True, slots=True)
class CategoricalSample:
    """The present values of one column, counted.

    Attributes:
        counts: Rows of each category.
        missing: How many further rows hold no value.
    """

    counts: Mapping[str, int]
    missing: int

    @property
    def present(self) -> int:
        """Rows that hold a value."""
        return sum(self.counts.values())

    @property
    def rows(self) -> int:
        """All rows."""
        return self.present + self.missing


Sample: TypeAlias = NumericSample | CategoricalSample


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """What a statistical test found.

    Attributes:
        statistic: The test's own statistic.
        p_value: The chance of one at least as extreme where nothing changed.
        effect: How large the change is, on the scale that the effect gate is stated in.
        method: How the p-value was computed: exact, asymptotic, permutation.
        where: The value where the samples differ most, for tests that know one.
    """

    __test__ = False  # not a class of tests, for pytest

    statistic: float
    p_value: float
    effect: float
    method: str
    where: float | None = None


NumericTest: TypeAlias = Callable[[NumericSample, NumericSample, Any], TestOutcome]
CategoricalTest: TypeAlias = Callable[[CategoricalSample, CategoricalSample, Any], TestOutcome]
