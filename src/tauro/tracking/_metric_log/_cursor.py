"""Reading a run once, and then only what is new: history, summary and following are all this."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tauro.tracking._metric_log._index import IndexCache, SegmentIndex
from tauro.tracking._metric_log._parts import read_points, read_summaries
from tauro.tracking._metric_log._points import (
    LaneKey,
    LaneSummary,
    Points,
    Summary,
    combined,
    over_lanes,
    summarize,
)
from tauro.tracking._metric_log._scan import SlotReader
from tauro.tracking._metric_log._view import View

Stretch = tuple[LaneKey, Points]


class RunCursor:
    """Where the reading of a run stands: what was delivered of each lane.

    Points are delivered once, whatever compaction does meanwhile: a point keeps its place in its
    lane when it moves from a segment to a part.
    """

    def __init__(self, indexes: IndexCache, run_id: str, key: str | None = None) -> None:
        self.run_id = run_id
        self.key = key
        self._indexes = indexes
        self._delivered: dict[str, int] = {}
        self._parts: set[str] = set()
        self._looked: dict[str, int] = {}

    def advance(
        self, view: View, reduce: Callable[[Points], Points] | None = None
    ) -> list[Stretch]:
        """Return what the view holds beyond what was delivered; it counts as delivered then.

        Args:
            view: The files to read.
            reduce: Applied to each stretch as it is read, so that not all are held at once.

        Raises:
            FileNotFoundError: The view is out of date; nothing counts as delivered.
        """
        found: list[Stretch] = []
        delivered = dict(self._delivered)
        looked: dict[str, int] = {}
        for lane_key, points in self._fresh(view, looked):
            lane = lane_key[1]
            new = points
            if len(points) and points.seq[0] <= self._delivered.get(lane, -1):
                new = points.pick(points.seq > self._delivered[lane])
            if len(new):
                delivered[lane] = max(delivered.get(lane, -1), int(new.seq[-1]))
                found.append((lane_key, reduce(new) if reduce is not None else new))
        self._delivered = delivered
        self._looked = looked
        self._parts = {part.points.name for part in view.manifest.parts}
        return found

    def start_after(self, view: View, delivered: dict[str, int]) -> None:
        """Count the parts of a view as delivered, up to a place in each lane."""
        self._parts = {part.points.name for part in view.manifest.parts}
        self._delivered = delivered

    def _fresh(self, view: View, looked: dict[str, int]) -> Iterator[Stretch]:
        for part in view.manifest.parts:
            if part.points.name not in self._parts:
                yield from read_points(view.folder, part, self.run_id, self.key)
        for ref in view.segments:
            index = self._indexes.get(ref)
            before = self._looked.get(ref.path, 0)
            if index.names.sealed is not None and before == index.scanned:
                looked[ref.path] = before
                continue
            with SlotReader(ref.path) as reader:
                index.refresh(reader)
                points = self._of_segment(index, reader, before)
            looked[ref.path] = index.scanned
            for key, stretch in points.items():
                yield (key, ref.lane), stretch

    def _of_segment(
        self, index: SegmentIndex, reader: SlotReader, before: int
    ) -> dict[str, Points]:
        if index.scanned == before:
            return {}
        return index.points(reader, self.run_id, key=self.key, after=before - 1)


class RunFold:
    """The summary of a run, kept up to date at the cost of what is new."""

    def __init__(self, indexes: IndexCache, run_id: str) -> None:
        self._cursor = RunCursor(indexes, run_id)
        self._lanes: dict[LaneKey, LaneSummary] = {}
        self._started = False

    def advance(self, view: View) -> dict[str, Summary]:
        """Return the summary of each metric as the view has it.

        Raises:
            FileNotFoundError: The view is out of date; look again.
        """
        if not self._started:
            self._start(view)
        for lane_key, points in self._cursor.advance(view):
            self._add(lane_key, summarize(points))
        by_key: dict[str, dict[str, LaneSummary]] = {}
        for (key, lane), summary in self._lanes.items():
            by_key.setdefault(key, {})[lane] = summary
        return {key: over_lanes(by_key[key]) for key in sorted(by_key)}

    def _start(self, view: View) -> None:
        """Take the parts' own summaries instead of their points."""
        run_id = self._cursor.run_id
        found = [
            row for part in view.manifest.parts for row in read_summaries(view.folder, part, run_id)
        ]
        delivered: dict[str, int] = {}
        for lane_key, summary in found:
            self._add(lane_key, summary)
            lane = lane_key[1]
            delivered[lane] = max(delivered.get(lane, -1), summary.seq)
        self._cursor.start_after(view, delivered)
        self._started = True

    def _add(self, lane_key: LaneKey, summary: LaneSummary) -> None:
        before = self._lanes.get(lane_key)
        self._lanes[lane_key] = summary if before is None else combined([before, summary])
