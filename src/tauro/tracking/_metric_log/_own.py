"""The summary of a short run by the process that wrote it, without reading a file.

A run of five metrics ends every half millisecond where runs are many; reading it back through
files, checked, would take a third of that.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

from tauro.tracking._metric_log._format import unpack_points
from tauro.tracking._metric_log._index import IndexCache
from tauro.tracking._metric_log._lane import Lane
from tauro.tracking._metric_log._points import LaneSummary, Summary, over_lanes
from tauro.tracking._metric_log._view import View

_FEW: Final = 256


def own_summary(
    view: View, lanes: Collection[Lane], indexes: IndexCache, run_id: str
) -> dict[str, Summary] | None:
    """Return the summary of a run; None where other files than the open ones may hold it."""
    mine = {lane.segment.path: lane for lane in lanes if lane.segment is not None}
    others = [ref for ref in view.segments if ref.path not in mine]
    if len(view.segments) - len(others) != len(mine):
        return None
    if any(part.may_hold(run_id) for part in view.manifest.parts):
        return None
    for ref in others:
        names = indexes.get(ref).names
        if names.sealed is None or run_id in names.numbers:
            return None
    found: dict[str, dict[str, LaneSummary]] = {}
    for lane in mine.values():
        slots = lane.recent(run_id, _FEW)
        if slots is None:
            return None
        for key, summary in _fold(*slots).items():
            found.setdefault(key, {})[lane.name] = summary
    return {key: over_lanes(found[key]) for key in sorted(found)}


def _fold(data: bytes, first: int, names: dict[int, str]) -> dict[str, LaneSummary]:
    """Summarize slots that begin at ``first``, those of the series that have names here."""
    columns: dict[int, list[tuple[int, int, int, float]]] = {}
    for place, (run, key, step, time, value, _) in enumerate(unpack_points(data), first):
        series = run | key << 16
        if series in names:
            columns.setdefault(series, []).append((place, step, time, value))
    return {names[series]: _summarize(points) for series, points in columns.items()}


def _summarize(points: list[tuple[int, int, int, float]]) -> LaneSummary:
    seq, step, time, value = points[-1]
    if len(points) == 1:
        return LaneSummary(Summary(value, step, time, 1, value, value), time, seq)
    numbers = [point[3] for point in points if not math.isnan(point[3])]
    low, high = min(numbers, default=math.nan), max(numbers, default=math.nan)
    when = max(point[2] for point in points)
    return LaneSummary(Summary(value, step, time, len(points), low, high), when, seq)
