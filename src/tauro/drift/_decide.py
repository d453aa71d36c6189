"""From p-values to a decision: the correction for many tests, and the gate of effect size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np

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


def correct(p_values: Sequence[float], correction: Correction, families: int = 1) -> list[float]:
    """Return the p-values corrected for their number, to be compared with alpha.

    ``benjamini-hochberg`` holds the false discovery rate (and, where nothing drifted, the chance
    of any alarm) at alpha; ``bonferroni`` the chance of any false alarm, at a loss of power.

    Args:
        p_values: Of one family of tests.
        correction: Its name.
        families: How many families share alpha.
    """
    given = np.array(p_values, dtype=np.float64)
    count = len(given)
    if count == 0 or correction == "none":
        return list(p_values)
    if correction == "bonferroni":
        corrected = given * count
    else:
        order = np.argsort(given)
        stepped = given[order] * count / np.arange(1, count + 1)
        corrected = np.empty_like(given)
        corrected[order] = np.minimum.accumulate(stepped[::-1])[::-1]
    result: list[float] = np.minimum(1.0, corrected * families).tolist()
    return result
