"""Divergences of shares: of numbers in bins of reference quantiles, or of categories.

All are quadratic near zero: with ``k`` bins their mean where nothing changed is
``curvature * (k - 1) * (1/n + 1/m)``, which is taken off, so that small samples show no change
that is only their noise; and over the same factor they follow a chi-square law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tauro.drift._categorical import contingency
from tauro.drift._permute import permutation_p_value
from tauro.drift._samples import CategoricalSample, NumericSample, TestOutcome

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BINS: Final = 10
_ENOUGH_EXPECTED: Final = 30.0


@dataclass(frozen=True, slots=True)
class Divergence:
    """A divergence of two rows of shares.

    Attributes:
        of: Computes it along the last axis.
        curvature: Its value near zero over the sum of squared differences by their mean.
        effect: From the divergence, its noise taken off, to the effect.
    """

    of: Callable[[FloatArray, FloatArray], FloatArray]
    curvature: float
    effect: Callable[[float], float]


def _psi(p: FloatArray, q: FloatArray) -> FloatArray:
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


def _jensen_shannon(p: FloatArray, q: FloatArray) -> FloatArray:
    middle = (p + q) / 2
    parts = special.xlogy(p, p / middle) + special.xlogy(q, q / middle)
    return np.asarray(parts.sum(axis=-1) / 2)


def _squared_hellinger(p: FloatArray, q: FloatArray) -> FloatArray:
    return np.asarray(((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=-1) / 2)


_DIVERGENCES: Final = {
    "psi": Divergence(_psi, 1.0, lambda d: d),
    "jensen_shannon": Divergence(_jensen_shannon, 1 / 8, lambda d: math.sqrt(d / math.log(2))),
    "hellinger": Divergence(_squared_hellinger, 1 / 8, math.sqrt),
}


def _shares(counts: IntArray | FloatArray) -> FloatArray:
    """Return shares with half a row added to every bin, so that none is empty."""
    raised = counts + 0.5
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def reference_bins(reference: NumericSample, bins: int = BINS) -> FloatArray:
    """Return the inner edges of bins that hold like shares of the reference.

    A value that repeats over several quantiles has a bin of its own.
    """
    values = reference.values
    places = np.linspace(0, len(values), bins + 1)[1:-1].astype(np.int64)
    edges = np.unique(values[np.minimum(places, len(values) - 1)])
    repeated = np.searchsorted(values, edges, "right") - np.searchsorted(values, edges, "left")
    heavy = edges[repeated > len(values) / bins]
    return np.unique(np.concatenate([edges, np.nextafter(heavy, np.inf)]))


def bin_counts(sample: NumericSample, edges: FloatArray) -> IntArray:
    """Return how many values lie in each bin; an edge belongs to the bin above it."""
    below = np.searchsorted(sample.values, edges, "left")
    return np.diff(below, prepend=0, append=len(sample.values)).astype(np.int64)


def _numeric(name: str) -> Callable[..., TestOutcome]:
    def test(
        reference: NumericSample,
        current: NumericSample,
        rng: np.random.Generator,
        *,
        bins: int = BINS,
    ) -> TestOutcome:
        edges = reference_bins(reference, bins)
        first, second = bin_counts(reference, edges), bin_counts(current, edges)

        def draw(size: int) -> tuple[FloatArray, FloatArray]:
            return _deal_into_bins(first, second, _repeats(reference, current), size, rng)

        return _outcome(_DIVERGENCES[name], first, second, draw)

    return test


def _repeats(reference: NumericSample, current: NumericSample) -> bool:
    """Tell whether values repeat so much that bins cannot be cut anywhere."""
    values = reference.values
    return bool(np.count_nonzero(values[1:] == values[:-1]) > 0.1 * len(values)) or (
        current.present > 1
        and bool(np.count_nonzero(np.diff(current.values) == 0) > 0.1 * current.present)
    )


def _deal_into_bins(
    first: IntArray, second: IntArray, repeats: bool, size: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return counts of both samples in the bins, where nothing changed.

    Reference quantiles hold the reference's counts still; the current rows fall between the
    reference's as into an urn (a Dirichlet-multinomial law). Where values repeat the bins stand
    still instead, and the rows are dealt.
    """
    n, m = int(first.sum()), int(second.sum())
    if repeats:
        dealt = rng.multivariate_hypergeometric(first + second, n, size, method="marginals")
        return dealt.astype(np.float64), (first + second - dealt).astype(np.float64)
    weights = first.astype(np.float64)
    weights[-1] += 1
    chances = rng.dirichlet(weights, size)
    current = rng.multinomial(m, chances).astype(np.float64)
    return np.broadcast_to(first.astype(np.float64), current.shape), current


def _outcome(
    divergence: Divergence,
    first: IntArray,
    second: IntArray,
    draw: Callable[[int], tuple[FloatArray, FloatArray]],
) -> TestOutcome:
    n, m, k = int(first.sum()), int(second.sum()), len(first)
    observed = float(divergence.of(_shares(first), _shares(second)))
    unit = divergence.curvature * (1 / n + 1 / m)
    effect = divergence.effect(max(0.0, observed - (k - 1) * unit))
    if k < 2:
        return TestOutcome(0.0, 1.0, 0.0, "exact")
    expected = (first + second).min() * min(n, m) / (n + m)
    if expected >= _ENOUGH_EXPECTED:
        p_value, method = float(special.chdtrc(k - 1, observed / unit)), "asymptotic"
    else:

        def draw_divergences(size: int) -> FloatArray:
            old, new = draw(size)
            return divergence.of(_shares(old), _shares(new))

        p_value, method = permutation_p_value(observed, draw_divergences), "permutation"
    return TestOutcome(observed, p_value, effect, method)


psi = _numeric("psi")
jensen_shannon = _numeric("jensen_shannon")
hellinger = _numeric("hellinger")


def _categorical(name: str) -> Callable[..., TestOutcome]:
    def test(
        reference: CategoricalSample, current: CategoricalSample, rng: np.random.Generator
    ) -> TestOutcome:
        _, first, second = contingency(reference, current)

        def draw(size: int) -> tuple[FloatArray, FloatArray]:
            return _deal_into_bins(first, second, True, size, rng)

        return _outcome(_DIVERGENCES[name], first, second, draw)

    return test


categorical_psi = _categorical("psi")
categorical_jensen_shannon = _categorical("jensen_shannon")
categorical_hellinger = _categorical("hellinger")


def total_variation(
    reference: CategoricalSample, current: CategoricalSample, rng: np.random.Generator
) -> TestOutcome:
    """Compare categories by the share of rows that would have to change category."""
    _, first, second = contingency(reference, current)
    n, m = int(first.sum()), int(second.sum())

    def distance(old: FloatArray, new: FloatArray) -> FloatArray:
        return np.asarray(np.abs(old / n - new / m).sum(axis=-1) / 2)

    observed = float(distance(first.astype(np.float64), second.astype(np.float64)))
    if len(first) < 2:
        return TestOutcome(0.0, 1.0, 0.0, "exact")

    def draw(size: int) -> FloatArray:
        return distance(*_deal_into_bins(first, second, True, size, rng))

    return TestOutcome(observed, permutation_p_value(observed, draw), observed, "permutation")
