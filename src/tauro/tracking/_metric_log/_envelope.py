"""Fewer points for a plot, without losing a spike."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tauro.tracking._metric_log._points import Floats, History, Ints
from tauro.tracking._metric_log._values import refuse

LEAST: Final = 4
"""First, last, lowest and highest."""


def check_max_points(max_points: Any) -> int:
    """Return the most points of an answer.

    Raises:
        TrackingValidationError: It is too small to keep first, last, lowest and highest.
    """
    if isinstance(max_points, bool) or not isinstance(max_points, int) or max_points < LEAST:
        raise refuse(
            "max_points",
            max_points,
            f"an integer of at least {LEAST}: first, last, lowest and highest",
        )
    return max_points


def keep(value: Floats, max_points: int) -> Ints:
    """Return which of the values to keep, rising.

    First and last, and of equal stretches between them the lowest and the highest, and, where any
    value is NaN or infinite, the first such of each stretch: one infinity does not hide the spikes
    beside it. Where there is no room for that, infinities are the lowest and the highest.
    """
    count = len(value)
    if count <= max_points:
        return np.arange(count)
    inner = value[1:-1]
    missing = np.isnan(inner)
    odd = [hits for hits in (missing, np.isposinf(inner), np.isneginf(inner)) if hits.any()]
    shown = inner
    if max_points - 2 < 2 + len(odd):
        odd = [missing] if missing.any() and max_points > LEAST else []
    elif odd:
        shown = np.where(np.isfinite(inner), inner, np.nan)
    coarse = _starts(len(inner), (max_points - 2) // (2 + len(odd)))
    found = [_first_true(hits, coarse) for hits in odd]
    # What is rare takes little room; the rest is for the lowest and the highest.
    starts = _starts(len(inner), (max_points - 2 - sum(map(len, found))) // 2)
    found.append(_first_of(shown, np.fmin.reduceat(shown, starts), starts))
    found.append(_first_of(shown, np.fmax.reduceat(shown, starts), starts))
    chosen = np.unique(np.concatenate(found))
    return np.concatenate([[0], chosen + 1, [count - 1]])


def _starts(count: int, buckets: int) -> Ints:
    return (np.arange(buckets) * count // buckets).astype(np.int64)


def _first_true(hits: NDArray[np.bool_], starts: Ints) -> Ints:
    """Return the first hit of each stretch that has one."""
    places = np.flatnonzero(hits)
    stretch = np.searchsorted(starts, places, side="right")
    _, first = np.unique(stretch, return_index=True)
    return places[first]


def _first_of(value: Floats, extreme: Floats, starts: Ints) -> Ints:
    lengths = np.diff(np.append(starts, len(value)))
    wanted = np.repeat(extreme, lengths)
    hits: NDArray[np.bool_] = (value == wanted) | (np.isnan(wanted) & np.isnan(value))
    return _first_true(hits, starts)


def thinned(history: History, max_points: int | None) -> History:
    """Return a history of at most ``max_points``; all of it for None."""
    if max_points is None or len(history) <= max_points:
        return history
    kept = keep(history.value, max_points)
    place = {int(old): new for new, old in enumerate(kept.tolist())}
    metadata = {place[old]: text for old, text in history.metadata.items() if old in place}
    return History(history.step[kept], history.value[kept], history.timestamp_ns[kept], metadata)
