"""Key figures and histograms of a column's samples, small enough to keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tauro.drift._categorical import contingency
from tauro.drift._plain import plain
from tauro.drift._samples import CategoricalSample, NumericSample

FloatArray = NDArray[np.float64]

_BINS: Final = 32
_BARS: Final = 12


@dataclass(frozen=True, slots=True)
class Summary:
    """One side of a compared column.

    Attributes:
        rows: All rows.
        missing: Rows without a value.
        figures: ``min q05 q25 median q75 q95 max mean std`` for numbers; ``categories`` for others.
        edges: Edges of the histogram's bins, for numbers; the first and last bin also hold what
            lies outside.
        labels: Categories of the bars, for others; the last may stand for all further ones.
        others: Whether it does.
        shares: Share of the present rows in each bin or bar.
    """

    rows: int
    missing: int
    figures: Mapping[str, float] = field(default_factory=dict)
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    others: bool = False
    shares: tuple[float, ...] = ()

    @property
    def present(self) -> int:
        """Rows that hold a value."""
        return self.rows - self.missing

    @property
    def named(self) -> tuple[str, ...]:
        """The categories of the bars, without the bar that stands for all further ones."""
        return self.labels[:-1] if self.others else self.labels

    def to_dict(self) -> dict[str, Any]:
        """Return the key figures as plain values, without the histogram."""
        return {"rows": self.rows, "missing": self.missing, **plain(dict(self.figures))}


def summarise_numbers(reference: NumericSample, current: NumericSample) -> tuple[Summary, Summary]:
    """Return both sides' figures, with histograms over the same bins."""
    edges = _edges(reference, current)
    return _numbers(reference, edges), _numbers(current, edges)


def _edges(reference: NumericSample, current: NumericSample) -> FloatArray:
    """Return bins over the bulk of both samples: the far 0.5 % of each tail joins the end bins."""
    sides = [side for side in (reference, current) if side.present]
    low = min(side.quantile(0.005) for side in sides)
    high = max(side.quantile(0.995) for side in sides)
    if not high > low:
        low, high = min(s.values[0] for s in sides), max(s.values[-1] for s in sides)
    if not high > low:
        return np.array([low - 0.5, low + 0.5])
    picked = np.concatenate([s.values[:: max(1, s.present // 512)] for s in sides])
    if np.all(picked == np.round(picked)):
        width = math.ceil((high - low + 1) / _BINS)  # whole numbers: as many in every bin
        return np.arange(low - 0.5, high + width, width)
    return np.linspace(low, high, _BINS + 1)


def _numbers(sample: NumericSample, edges: FloatArray) -> Summary:
    if not sample.present:
        return Summary(sample.rows, sample.missing, edges=tuple(edges.tolist()))
    inner = np.searchsorted(sample.values, edges[1:-1], "left")
    counts = np.diff(np.concatenate([[0], inner, [sample.present]]))
    values = sample.values
    mean, spread = sample.moments()
    figures = {
        "min": float(values[0]),
        **{f"q{int(q * 100):02d}": sample.quantile(q) for q in (0.05, 0.25)},
        "median": sample.quantile(0.5),
        **{f"q{int(q * 100):02d}": sample.quantile(q) for q in (0.75, 0.95)},
        "max": float(values[-1]),
        "mean": mean,
        "std": spread,
    }
    return Summary(
        sample.rows,
        sample.missing,
        figures,
        edges=tuple(edges.tolist()),
        shares=tuple((counts / sample.present).tolist()),
    )


def summarise_categories(
    reference: CategoricalSample, current: CategoricalSample
) -> tuple[Summary, Summary]:
    """Return both sides' shares of the categories that hold or changed most."""
    labels, first, second = contingency(reference, current)
    shares = [counts / max(1, counts.sum()) for counts in (first, second)]
    weight = np.maximum(*shares) + 4 * np.abs(shares[0] - shares[1])
    chosen = np.argsort(-weight, kind="stable")
    if len(chosen) > _BARS:
        chosen = chosen[: _BARS - 1]
    chosen = chosen[np.argsort(-shares[0][chosen], kind="stable")]
    names = [labels[i] for i in chosen]
    rest = len(labels) - len(chosen)
    if rest:
        names.append(f"{rest:,} others")
    sides = []
    for sample, share in zip((reference, current), shares, strict=True):
        bars = share[chosen].tolist()
        if rest:
            bars.append(max(0.0, float(share.sum()) - sum(bars)))
        sides.append(
            Summary(
                sample.rows,
                sample.missing,
                {"categories": float(len(sample.counts))},
                labels=tuple(names),
                others=rest > 0,
                shares=tuple(bars),
            )
        )
    return sides[0], sides[1]
