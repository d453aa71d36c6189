"""Tests of categories: chi-square on the contingency table, new categories, shares."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tauro.drift._permute import permutation_p_value
from tauro.drift._samples import CategoricalSample, TestOutcome

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ENOUGH_EXPECTED: Final = 5.0
_ENOUGH_FOR_SHARES: Final = 20.0
_MANY: Final = 300
_LATTICE: Final = 1 << 14
_POSSIBLE: Final = 1e-9
_SMALLEST: Final = 1e-15


def contingency(
    reference: CategoricalSample, current: CategoricalSample
) -> tuple[list[str], IntArray, IntArray]:
    """Return the categories of both samples and the counts of each, in the same order."""
    labels = list(dict.fromkeys([*reference.counts, *current.counts]))
    first = np.array([reference.counts.get(label, 0) for label in labels], dtype=np.int64)
    second = np.array([current.counts.get(label, 0) for label in labels], dtype=np.int64)
    return labels, first, second


def total_variation(first: IntArray, second: IntArray) -> float:
    """Return the share of rows that would have to change category: half the summed gaps."""
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


def chi_square_statistic(first: IntArray, second: IntArray) -> float:
    """Return Pearson's statistic of the 2 x k table."""
    pooled = first + second
    total, n = pooled.sum(), first.sum()
    m = total - n
    gap = first - pooled * (n / total)
    return float((gap**2 / pooled).sum() * (total / n) * (total / m))


def table_p_value(first: IntArray, second: IntArray, rng: np.random.Generator) -> tuple[float, str]:
    """Return the p-value of a 2 x k table and how it was computed.

    Asymptotic where every expected count is at least 5; below that Fisher's exact test for two
    categories and a permutation of the labels for more, because the usual chi-square then raises
    false alarms or misses changes.
    """
    pooled = first + second
    if np.count_nonzero(pooled) < 2:
        return 1.0, "exact"
    keep = pooled > 0
    first, second, pooled = first[keep], second[keep], pooled[keep]
    n, total = int(first.sum()), int(pooled.sum())
    smallest = pooled.min() * min(n, total - n) / total
    if len(pooled) == 2:
        if smallest < _ENOUGH_FOR_SHARES:
            return fisher(first, second), "exact"
        return float(special.chdtrc(1, chi_square_statistic(first, second))), "asymptotic"
    observed = chi_square_statistic(first, second)
    if smallest >= _ENOUGH_EXPECTED:
        return float(special.chdtrc(len(pooled) - 1, observed)), "asymptotic"

    scale = total / n * (total / (total - n))

    def draw(size: int) -> FloatArray:
        dealt = rng.multivariate_hypergeometric(pooled, n, size, method="marginals")
        gap = dealt - pooled * (n / total)
        return np.asarray((gap**2 / pooled).sum(axis=1) * scale)

    if len(pooled) > _MANY:
        return _gamma_tail(observed, draw(_MANY)), "moments of permutations"
    return permutation_p_value(observed, draw), "permutation"


def _gamma_tail(observed: float, draws: FloatArray) -> float:
    """Return the tail of the gamma law with the draws' mean and variance.

    With hundreds of categories the statistic is a sum of many small parts, and its permutation
    law is close to a gamma; drawing to the far tail would take seconds.
    """
    mean, variance = float(draws.mean()), float(draws.var())
    if variance <= 0:
        return 1.0
    return float(special.gammaincc(mean**2 / variance, observed * mean / variance))


def fisher(first: IntArray, second: IntArray) -> float:
    """Return Fisher's exact two-sided p-value of a 2 x 2 table."""
    a, b, c, d = int(first[0]), int(first[1]), int(second[0]), int(second[1])
    n, m, successes = a + b, c + d, a + c
    k = np.arange(max(0, successes - m), min(n, successes) + 1)
    log_p = _log_choose(n, k) + _log_choose(m, successes - k)
    log_p -= float(_log_choose(n + m, np.array([successes]))[0])
    probability = np.exp(log_p)
    mine = probability[a - k[0]]
    return float(min(1.0, probability[probability <= mine * (1 + 1e-7)].sum()))


def _log_choose(n: int, k: IntArray) -> FloatArray:
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def chi_square(
    reference: CategoricalSample, current: CategoricalSample, rng: np.random.Generator
) -> TestOutcome:
    """Compare two samples of categories by the chi-square test; the effect is total variation."""
    _, first, second = contingency(reference, current)
    p_value, method = table_p_value(first, second, rng)
    return TestOutcome(
        chi_square_statistic(first, second), p_value, total_variation(first, second), method
    )


def share_test(hits: tuple[int, int], rows: tuple[int, int]) -> TestOutcome:
    """Compare a share of rows (missing, say) in two samples; the effect is its change."""
    first = np.array([hits[0], rows[0] - hits[0]], dtype=np.int64)
    second = np.array([hits[1], rows[1] - hits[1]], dtype=np.int64)
    p_value, method = table_p_value(first, second, np.random.default_rng(0))
    change = hits[1] / rows[1] - hits[0] / rows[0]
    return TestOutcome(change, p_value, abs(change), method)


def new_category_test(first: IntArray, second: IntArray) -> TestOutcome | None:
    """Test whether rows of categories unseen in the reference are more than chance brings.

    In a column of many rare categories some are unseen by chance alone. A category of ``c`` rows
    in both samples is all in the current one with a chance that falls with ``c``; the law of the
    rows in such categories is the convolution of these, computed by its Fourier transform. (The
    categories are dealt almost independently; their slight negative dependence makes the p-value
    a little too large, never too small to matter.)

    Returns:
        The outcome, or None where no category is unseen and none could well have been. The pooled
        counts decide that, so that whether the test is counted says nothing about drift.
    """
    pooled = first + second
    n, total = int(first.sum()), int(pooled.sum())
    seen = int(second[first == 0].sum())
    sizes, how_many = np.unique(pooled[pooled <= total - n], return_counts=True)
    log_chance = (
        special.gammaln(total - sizes + 1)
        - special.gammaln(total - sizes - n + 1)
        + special.gammaln(total - n + 1)
        - special.gammaln(total + 1)
    )
    if seen == 0:
        possible = bool(np.any(log_chance > math.log(_POSSIBLE)))
        return TestOutcome(0.0, 1.0, 0.0, "exact") if possible else None
    likely = log_chance > math.log(_SMALLEST) - np.log(how_many)
    p_value = _tail(sizes[likely], how_many[likely], np.exp(log_chance[likely]), seen)
    share = seen / int(second.sum())
    return TestOutcome(share, p_value, share, "exact")


def _tail(sizes: IntArray, how_many: IntArray, chances: FloatArray, bar: int) -> float:
    """Return P(sum of sizes of the chosen >= bar), each category chosen with its own chance."""
    most = int((sizes * how_many).sum())
    if bar > most:
        return _SMALLEST
    step = max(1, -(-most // _LATTICE))
    steps = np.maximum(1, np.round(sizes / step)).astype(np.int64) if step > 1 else sizes
    length = int((steps * how_many).sum()) + 1
    angles = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    transform = np.ones(length // 2 + 1, dtype=np.complex128)
    for size, count, chance in zip(steps, how_many, chances, strict=True):
        transform *= (1 - chance + chance * angles ** int(size)) ** int(count)
    law = np.fft.irfft(transform, length)
    return float(np.clip(law[min(length - 1, -(-bar // step)) :].sum(), _SMALLEST, 1.0))
