"""From p-values to a decision: the correction for many tests, and the gate of effect size."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Correction: TypeAlias = Literal["benjamini-hochberg", "bonferroni", "none"]
CORRECTIONS: Final = ("benjamini-hochberg", "bonferroni", "none")

DEFAULT_EFFECTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "ks": 0.05,
        "cramer_von_mises": 0.05,
        "anderson_darling": 0.05,
        "wasserstein": 0.1,
        "psi": 0.1,
        "jensen_shannon": 0.1,
        "hellinger": 0.1,
        "chi_square": 0.05,
        "total_variation": 0.05,
        "missing": 0.02,
        "new_categories": 0.01,
    }
)
"""The smallest change that counts, per test, on the scale of the test's effect."""


def correct(p_values: NDArray[np.float64], correction: Correction) -> NDArray[np.float64]:
    """Return the p-values corrected for their number, to be compared with alpha.

    ``benjamini-hochberg`` holds the false discovery rate (and, where nothing drifted, the chance
    of any alarm) at alpha; ``bonferroni`` the chance of any false alarm, at a loss of power.
    """
    count = len(p_values)
    if count == 0 or correction == "none":
        return p_values
    if correction == "bonferroni":
        return np.minimum(1.0, p_values * count)
    order = np.argsort(p_values)
    stepped = p_values[order] * count / np.arange(1, count + 1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(1.0, np.minimum.accumulate(stepped[::-1])[::-1])
    return corrected
