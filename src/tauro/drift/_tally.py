"""Two numeric samples as counts at their distinct values, which the permutation tests deal anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tauro.drift._permute import permutation_p_value
from tauro.drift._samples import NumericSample

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FEW_ROWS: Final = 3_000
FEW_VALUES: Final = 256
_DRAWS: Final = 9_999
_HEAVY: Final = 0.05
_BLOCK: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts at each distinct pooled value.

    Attributes:
        values: The distinct values, ascending.
        first: Rows of the reference at each.
        second: Rows of the current data at each.
    """

    values: FloatArray
    first: IntArray
    second: IntArray

    @property
    def pooled(self) -> IntArray:
        """Rows of both samples at each value."""
        return self.first + self.second

    @property
    def small(self) -> bool:
        """Whether dealing the rows anew is cheap: few rows, or few distinct values."""
        return len(self.values) <= FEW_VALUES or int(self.pooled.sum()) <= FEW_ROWS

    def to_deal(self) -> Tally | None:
        """Return the counts to deal anew, or None where the limit law of untied samples holds."""
        if self.small:
            return self
        heavy = int(self.pooled.max()) > _HEAVY * int(self.pooled.sum())
        return self.coarse() if heavy else None

    def coarse(self) -> Tally:
        """Return the tally with neighbouring values joined into a few hundred groups of like size.

        The groups depend on the pooled values only, so a permutation test on them stays valid.
        """
        pooled = self.pooled
        total = int(pooled.sum())
        group = np.minimum((np.cumsum(pooled) - 1) * FEW_VALUES // total, FEW_VALUES - 1)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        weight = np.add.reduceat(pooled, starts)
        return Tally(
            np.add.reduceat(self.values * pooled, starts) / weight,
            np.add.reduceat(self.first, starts),
            np.add.reduceat(self.second, starts),
        )


def tally(reference: NumericSample, current: NumericSample) -> Tally:
    """Return the counts of both samples at their distinct values."""
    x, y = reference.values, current.values
    values = np.unique(np.concatenate([x, y]))
    first = np.diff(np.searchsorted(x, values, "right"), prepend=0)
    second = np.diff(np.searchsorted(y, values, "right"), prepend=0)
    return Tally(values, first, second)


Statistic = Callable[[FloatArray, Tally], FloatArray]
"""From reference counts, one row a draw, to a statistic a draw; large is extreme."""


def permute(counted: Tally, statistic: Statistic, rng: np.random.Generator) -> float:
    """Return the permutation p-value of a statistic of the reference counts."""
    pooled, n = counted.pooled, int(counted.first.sum())
    observed = float(statistic(counted.first[None, :].astype(np.float64), counted)[0])

    def draw(size: int) -> FloatArray:
        block = max(1, _BLOCK // len(pooled))
        parts = []
        for start in range(0, size, block):
            dealt = deal(pooled, n, min(block, size - start), rng)
            parts.append(statistic(dealt.astype(np.float64), counted))
        return np.concatenate(parts)

    return permutation_p_value(observed, draw, draws=_DRAWS)


def deal(pooled: IntArray, n: int, size: int, rng: np.random.Generator) -> IntArray:
    """Return ``size`` ways to choose ``n`` of the pooled rows, as counts at each value."""
    if np.all(pooled == 1):
        # Without ties every way is a choice of places: the lowest ranks of random numbers.
        places = np.argpartition(rng.random((size, len(pooled))), n - 1, axis=1)[:, :n]
        chosen = np.zeros((size, len(pooled)), dtype=np.int64)
        np.put_along_axis(chosen, places, 1, axis=1)
        return chosen
    return rng.multivariate_hypergeometric(pooled, n, size, method="marginals")
