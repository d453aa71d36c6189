"""Tests of numbers."""

from __future__ import annotations

import numpy as np

from tauro.drift._ks import ks_distance, ks_p_value
from tauro.drift._samples import NumericSample, TestOutcome


def kolmogorov_smirnov(
    reference: NumericSample, current: NumericSample, rng: np.random.Generator
) -> TestOutcome:
    """Compare two samples by the largest gap between their distribution functions."""
    del rng
    gap, where = ks_distance(reference.values, current.values)
    p_value = ks_p_value(gap, reference.values, current.values)
    return TestOutcome(gap, p_value, abs(gap), "exact or asymptotic", where)
