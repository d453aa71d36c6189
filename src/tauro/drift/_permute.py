"""Permutation p-values that cost little where nothing changed.

Draws stop as soon as enough of them are as extreme as what was seen (Besag and Clifford 1991):
the p-value is valid however early that is, and precise where it is small.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ENOUGH: Final = 100
DRAWS: Final = 19_999
_BATCHES: Final = (200, 800, 3_000, 8_000)


def permutation_p_value(
    observed: float, draw: Callable[[int], FloatArray], *, draws: int = DRAWS
) -> float:
    """Return the share of permutations at least as extreme as ``observed``, itself counted.

    Args:
        observed: The statistic seen; large is extreme.
        draw: Returns that many statistics under permutation.
        draws: The most to make; the smallest p-value is 1 / (draws + 1).
    """
    # Ties with the observed statistic must count, also when rounding differs.
    bar = observed - 1e-9 * max(1.0, abs(observed))
    done = extreme = 0
    batch = 0
    while done < draws:
        size = min(_BATCHES[min(batch, len(_BATCHES) - 1)], draws - done)
        hits = np.flatnonzero(draw(size) >= bar)
        if extreme + len(hits) >= ENOUGH:
            return ENOUGH / (done + int(hits[ENOUGH - extreme - 1]) + 1)
        extreme += len(hits)
        done += size
        batch += 1
    return (extreme + 1) / (draws + 1)
