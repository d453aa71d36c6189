"""A column of numbers in some thousand of its values, with how many rows lie at and between them.

Up to that many distinct values it is the whole column. Beyond, the values kept are order statistics
at even ranks, closer in both tails, and a sample made from them has the distribution function of
the column at every kept value, and straight lines between: it is off by less than one step of the
ranks (0.1 %), for smooth columns by far less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tauro.drift._samples import NumericSample

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

POINTS: Final = 1_024
_MOST_ROWS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Sketch:
    """Kept values of a sorted column.

    Attributes:
        values: Distinct, ascending; the least and the greatest are among them.
        between: Rows strictly between the value before and this one.
        at: Rows at the value.
        missing: Rows without a value.
    """

    values: FloatArray
    between: IntArray
    at: IntArray
    missing: int

    @property
    def present(self) -> int:
        """Rows with a value."""
        return int(self.between.sum() + self.at.sum())

    @property
    def upto(self) -> IntArray:
        """Rows at or below each value."""
        return np.cumsum(self.between + self.at)

    @classmethod
    def of(cls, sample: NumericSample, points: int = POINTS) -> Sketch:
        """Return the sketch of a sorted sample."""
        values = sample.values
        picked = np.unique(values[_ranks(len(values), points)])
        if len(picked) < min(points, len(values)):  # values repeat, so perhaps there are few
            new = np.concatenate([[True], values[1:] != values[:-1]])
            picked = values[new] if np.count_nonzero(new) <= 2 * points else picked
        upto = np.searchsorted(values, picked, "right")
        below = np.searchsorted(values, picked, "left")
        return cls(picked, below - np.append(0, upto[:-1]), upto - below, sample.missing)

    def sample(self) -> NumericSample:
        """Return a sorted sample like the column; of very many rows, a thinner one like it."""
        if not len(self.values):
            return NumericSample(np.empty(0), self.missing)
        thin = max(1, -(-self.present // _MOST_ROWS))
        ranks = np.arange(0, self.present, thin) + (thin - 1) / 2
        upto = self.upto
        below = upto - self.at
        # Rank r lies at a value where below <= r < upto, and on the line between two otherwise.
        places = np.column_stack([below, upto - 1]).ravel().astype(np.float64)
        values = np.interp(ranks, places, np.repeat(self.values, 2))
        return NumericSample(values, round(self.missing / thin))

    def merge(self, other: Sketch, points: int = POINTS) -> Sketch:
        """Return the sketch of both columns' rows together."""
        if not len(other.values) or not len(self.values):
            kept = self if len(self.values) else other
            return Sketch(kept.values, kept.between, kept.at, self.missing + other.missing)
        values = np.union1d(self.values, other.values)
        below = self._below(values) + other._below(values)
        at = self._at(values) + other._at(values)
        upto = np.maximum.accumulate(np.round(below + at).astype(np.int64))
        total = self.present + other.present
        whole = int(at.sum()) == total
        if len(values) > (2 * points if whole else points):
            keep = np.unique(np.searchsorted(upto, _ranks(total, points), "right"))
            values, at, upto = values[keep], at[keep], upto[keep]
        upto[-1] = total
        between = np.maximum(0, np.diff(upto, prepend=0) - at)
        at = np.diff(upto, prepend=0) - between
        return Sketch(values, between, at, self.missing + other.missing)

    def _at(self, values: FloatArray) -> IntArray:
        place = np.minimum(np.searchsorted(self.values, values), len(self.values) - 1)
        return np.where(self.values[place] == values, self.at[place], 0)

    def _below(self, values: FloatArray) -> FloatArray:
        """Return the rows below each value, on a straight line between two kept ones."""
        upto = self.upto
        below = upto - self.at
        right = np.searchsorted(self.values, values, "left")
        inside = np.clip(right, 1, max(1, len(self.values) - 1))
        if len(self.values) == 1:
            return np.where(right == 0, 0.0, np.where(self._at(values) > 0, 0.0, float(upto[-1])))
        low, high = self.values[inside - 1], self.values[inside]
        part = np.clip((values - low) / (high - low), 0.0, 1.0)
        line = upto[inside - 1] + part * (below[inside] - upto[inside - 1])
        line = np.where(values <= self.values[0], 0.0, line)
        return np.where(values > self.values[-1], float(upto[-1]), line)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers."""
        return {
            "values": self.values.tolist(),
            "between": self.between.tolist(),
            "at": self.at.tolist(),
            "missing": self.missing,
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Sketch:
        """Return the sketch that ``to_dict`` gave.

        Raises:
            ValueError: It is none.
        """
        sketch = cls(
            np.array(plain["values"], dtype=np.float64),
            np.array(plain["between"], dtype=np.int64),
            np.array(plain["at"], dtype=np.int64),
            int(plain["missing"]),
        )
        sketch._check()
        return sketch

    def _check(self) -> None:
        values, rows = self.values, np.concatenate([self.between, self.at, [self.missing]])
        if not len(values) == len(self.between) == len(self.at) or values.ndim != 1:
            raise ValueError("there are not as many counts as values")
        if not np.isfinite(values).all() or (np.diff(values) <= 0).any():
            raise ValueError("the values do not ascend")
        if (rows < 0).any():
            raise ValueError("a count is below zero")


def _ranks(rows: int, points: int) -> IntArray:
    """Return even ranks from first to last, with more of them in both tails."""
    if rows <= points:
        return np.arange(rows)
    tail = 2 ** np.arange(int(np.log2(rows)) - 1)
    even = np.linspace(0, rows - 1, max(2, points - 2 * len(tail))).round().astype(np.int64)
    return np.unique(np.concatenate([even, tail - 1, rows - tail]))
