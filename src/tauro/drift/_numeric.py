"""Tests of numbers that compare whole distribution functions."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tauro.drift._ks import ks_distance, ks_p_value
from tauro.drift._samples import NumericSample, TestOutcome
from tauro.drift._tally import Tally, permute, tally

FloatArray = NDArray[np.float64]

_CVM_TAIL: Final = 2.0
_AD_TAIL: Final = 8.0


def kolmogorov_smirnov(
    reference: NumericSample, current: NumericSample, rng: np.random.Generator
) -> TestOutcome:
    """Compare two samples by the largest gap between their distribution functions."""
    del rng
    gap, where = ks_distance(reference.values, current.values)
    p_value, method = ks_p_value(gap, reference.values, current.values)
    return TestOutcome(gap, p_value, abs(gap), method, where)


def cramer_von_mises(
    reference: NumericSample, current: NumericSample, rng: np.random.Generator
) -> TestOutcome:
    """Compare two samples by the mean squared gap between their distribution functions.

    The statistic is scipy's where no values repeat. The effect is the Kolmogorov-Smirnov distance.
    """
    counted = tally(reference, current)
    statistic = float(_cvm(counted.first[None, :].astype(np.float64), counted)[0])
    gap, where = ks_distance(reference.values, current.values)
    if (dealt := counted.to_deal()) is not None:
        return TestOutcome(statistic, permute(dealt, _cvm, rng), abs(gap), "permutation", where)
    n, m = reference.present, current.present
    # The finite samples' mean and variance are moved to those of the limit (Anderson 1962).
    mean = 1 / 6 + 1 / (6 * (n + m))
    variance = (n + m + 1) / (45 * (n + m) ** 2 * 4 * n * m)
    variance *= 4 * n * m * (n + m) - 3 * (n**2 + m**2) - 2 * n * m
    limit = 1 / 6 + (statistic - mean) / math.sqrt(45 * variance)
    return TestOutcome(statistic, cvm_tail(limit), abs(gap), "asymptotic", where)


def _cvm(first: FloatArray, counted: Tally) -> FloatArray:
    pooled = counted.pooled
    gaps, n, m = _gaps(first, pooled)
    total = n + m
    return np.asarray(n * m / total**2 * (gaps**2 @ pooled))


def _gaps(first: FloatArray, pooled: NDArray[np.int64]) -> tuple[FloatArray, int, int]:
    """Return the gaps of the distribution functions after each value, and both sizes."""
    below = np.cumsum(first, axis=1)
    n = round(float(below[0, -1]))
    rows = np.cumsum(pooled)
    m = int(rows[-1]) - n
    return below / n - (rows - below) / m, n, m


def cvm_tail(x: float) -> float:
    """Return the upper tail of the limit law of the Cramér-von Mises statistic."""
    if x <= 0.003:
        return 1.0
    if x > _CVM_TAIL:  # the series' complement would be lost in rounding; its leading term is left
        return float(2 / (math.pi**1.5 * math.sqrt(x)) * math.exp(-(math.pi**2) * x / 2))
    k = np.arange(20)
    z = (4 * k + 1) ** 2 / (16 * x)
    terms = special.gamma(k + 0.5) / (math.pi**1.5 * math.sqrt(x) * special.factorial(k))
    terms = terms * np.sqrt(4 * k + 1) * np.exp(-2 * z) * special.kve(0.25, z)
    return float(np.clip(1 - terms.sum(), 0.0, 1.0))


def anderson_darling(
    reference: NumericSample, current: NumericSample, rng: np.random.Generator
) -> TestOutcome:
    """Compare two samples by the squared gap of their distribution functions, tails weighted up.

    The statistic is that of scipy's ``anderson_ksamp`` before it is standardised. The effect is the
    Kolmogorov-Smirnov distance.
    """
    counted = tally(reference, current)
    statistic = float(_ad(counted.first[None, :].astype(np.float64), counted)[0])
    gap, where = ks_distance(reference.values, current.values)
    if len(counted.values) < 2:
        return TestOutcome(0.0, 1.0, abs(gap), "exact", where)
    if (dealt := counted.to_deal()) is not None:
        return TestOutcome(statistic, permute(dealt, _ad, rng), abs(gap), "permutation", where)
    return TestOutcome(statistic, ad_tail(statistic), abs(gap), "asymptotic", where)


def _ad(first: FloatArray, counted: Tally) -> FloatArray:
    pooled = counted.pooled
    rows = np.cumsum(pooled)
    total = int(rows[-1])
    if len(pooled) < 2:
        return np.zeros(len(first))
    middle = rows - pooled / 2
    below = np.cumsum(first, axis=1) - first / 2
    n = round(float(first[0].sum()))
    spread = middle * (total - middle) - total * pooled / 4
    squared = (total * below - middle * n) ** 2 @ (pooled / total / spread)
    # The other sample's deviations are the same with the other sign.
    return np.asarray((total - 1) / total * squared * (1 / n + 1 / (total - n)))


def ad_tail(z: float) -> float:
    """Return the upper tail of the limit law of the Anderson-Darling statistic.

    By the formulas of Marsaglia and Marsaglia (2004); beyond their range by the leading term of
    the tail of the sum of chi-squares that the law is.
    """
    if z <= 0:
        return 1.0
    if z > _AD_TAIL:
        return math.sqrt(3 / (math.pi * z)) * math.exp(-z)
    if z < 2:
        inner = np.polyval([0.00168691, -0.011672, 0.0347962, -0.0649821, 0.247105, 2.00012], z)
        return float(1 - math.exp(-1.2337141 / z) / math.sqrt(z) * inner)
    exponent = np.polyval([0.0003146, -0.008056, 0.082433, -0.43424, 2.30695, -1.0776], z)
    return float(-math.expm1(-math.exp(-exponent)))


def wasserstein(
    reference: NumericSample, current: NumericSample, rng: np.random.Generator
) -> TestOutcome:
    """Compare two samples by the area between their distribution functions.

    The statistic is in the column's own unit; the effect is in standard deviations of the
    reference. The p-value is by permutation, of large samples in some hundred groups.
    """
    counted = tally(reference, current)
    statistic = float(_area(counted.first[None, :].astype(np.float64), counted)[0])
    spread = reference.moments()[1]
    effect = statistic / spread if spread else math.inf if statistic else 0.0
    dealt = counted if counted.small else counted.coarse()
    p_value = permute(dealt, _area, rng)
    return TestOutcome(statistic, p_value, effect, "permutation")


def _area(first: FloatArray, counted: Tally) -> FloatArray:
    gaps, _, _ = _gaps(first, counted.pooled)
    return np.asarray(np.abs(gaps[:, :-1]) @ np.diff(counted.values))
