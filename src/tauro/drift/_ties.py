"""The distribution of the Kolmogorov-Smirnov gap where samples are small or values repeat."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ATOM: Final = 0.02
"""A value that holds at least this share of the data is treated as a jump."""
_GAP: Final = 0.004
_NODES: Final = 96
_IMAGES: Final = 3


def exact_p_value(distance: float, n: int, m: int, sizes: IntArray) -> float:
    """Return the exact chance of a gap of at least ``distance``, given the pooled tie sizes.

    Every way to deal the pooled values to the two samples is a path from (0, 0) to (n, m); a gap
    shows only at the end of a run of equal values. Paths that never reach the gap are counted row
    by row (Hodges 1958, with ties as in Schröer and Trenkler 1995), scaled so as not to overflow.

    Args:
        distance: The gap observed.
        n: Size of one sample.
        m: Size of the other.
        sizes: How often each distinct pooled value occurs, in the order of the values.
    """
    if n > m:
        n, m = m, n
    ends = np.zeros(n + m + 1, dtype=bool)
    ends[np.cumsum(sizes)] = True
    columns = np.arange(m + 1)
    tolerance = 1e-9
    limit = distance - tolerance
    row = np.ones(m + 1)
    log_scale = 0.0
    position = np.arange(m + 1)
    for i in range(n + 1):
        barred = ends[i : i + m + 1] & (np.abs(i / n - columns / m) >= limit)
        if i == 0:
            reached = np.maximum.accumulate(barred)
            row = np.where(reached, 0.0, 1.0)
            continue
        total = np.cumsum(row)
        if barred.any():
            # The running sum starts anew after each barred point.
            last = np.maximum.accumulate(np.where(barred, position, -1))
            row = total - np.where(last >= 0, total[last], 0.0)
        else:
            row = total
        top = row.max()
        if top <= 0.0:
            return 1.0
        if top > 1e200:
            row = row / top
            log_scale += math.log(top)
    inside = row[m]
    if inside <= 0.0:
        return 1.0
    log_all = math.lgamma(n + m + 1) - math.lgamma(n + 1) - math.lgamma(m + 1)
    return float(min(1.0, max(0.0, -math.expm1(math.log(inside) + log_scale - log_all))))


def heavy_atoms(reference: FloatArray, current: FloatArray) -> tuple[tuple[float, float], ...]:
    """Return (share before, share) of each value that holds much of the pooled data.

    A value of a share of 2 % of the pool has at least that share in one sample, so it shows as a
    repeat at a stride of 1 % there.
    """
    candidates = []
    for sample in (reference, current):
        picked = sample[:: max(1, len(sample) // 100)]
        candidates.append(picked[1:][picked[1:] == picked[:-1]])
    values = np.unique(np.concatenate(candidates))
    if not len(values):
        return ()
    total = len(reference) + len(current)
    below = np.searchsorted(reference, values, "left") + np.searchsorted(current, values, "left")
    upto = np.searchsorted(reference, values, "right") + np.searchsorted(current, values, "right")
    return tuple(
        (float(start) / total, float(end - start) / total)
        for start, end in zip(below, upto, strict=True)
        if (end - start) / total >= ATOM
    )


def bridge_p_value(height: float, atoms: tuple[tuple[float, float], ...]) -> float:
    """Return P(largest |Brownian bridge| >= height), looked at everywhere but inside the atoms.

    The bridge is a Brownian motion that ends at zero. Its density on the paths that stayed inside
    is carried from one atom's edge to the next: by the plain normal kernel over an atom, where
    nothing is looked at, and by the kernel with absorbing walls over the stretches between.
    """
    if height < 0.2:
        return 1.0
    nodes, weights = _quadrature()
    points = nodes * height
    mass = weights * height
    density: FloatArray | None = None
    steps = _steps(atoms)
    for index, (length, walls) in enumerate(steps):
        last = index == len(steps) - 1
        starts = np.zeros(1) if density is None else points
        stops = np.zeros(1) if last else points
        kernel = _kernel(starts, stops, length, height if walls else None)
        density = kernel[0] if density is None else (density * mass) @ kernel
    assert density is not None  # there is at least one step
    inside = float(density[0]) * math.sqrt(2 * math.pi)
    return min(1.0, max(0.0, 1.0 - inside))


def _steps(atoms: tuple[tuple[float, float], ...]) -> list[tuple[float, bool]]:
    """Return (length, watched) for each stretch of [0, 1]; tiny stretches join the next atom."""
    steps: list[tuple[float, bool]] = []
    at = 0.0
    for start, share in atoms:
        spare = start - at
        if spare > _GAP:
            steps.append((spare, True))
            spare = 0.0
        steps.append((share + max(spare, 0.0), False))
        at = start + share
    if 1.0 - at > _GAP:
        steps.append((1.0 - at, True))
    elif steps:
        length, watched = steps[-1]
        steps[-1] = (length + max(1.0 - at, 0.0), watched)
    return steps


@lru_cache(maxsize=1)
def _quadrature() -> tuple[FloatArray, FloatArray]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


def _kernel(starts: FloatArray, stops: FloatArray, length: float, wall: float | None) -> FloatArray:
    """Return the density of a motion from each start to each stop, killed at ±wall if given."""

    def normal(distance: FloatArray) -> FloatArray:
        return np.exp(-(distance**2) / (2 * length)) / math.sqrt(2 * math.pi * length)

    ahead = stops[None, :] - starts[:, None]
    if wall is None:
        return normal(ahead)
    mirrored = stops[None, :] + starts[:, None]
    result = np.zeros_like(ahead)
    images = _IMAGES if length > 0.05 * wall**2 else 1
    for k in range(-images, images + 1):
        result += normal(ahead - 4 * k * wall) - normal(mirrored - (4 * k + 2) * wall)
    return result
