"""Reading a run once, and then only what is new: history, summary and following are all this."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from tauro.tracking._metric_log._index import IndexCache, SegmentIndex
from tauro.tracking._metric_log._manifest import PartRecord
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
from tauro.tracking._metric_log._view import SegmentRef, View

Stretch = tuple[LaneKey, Points]


class Sweep:
    """One look at one view, for some runs: no file is read once a run that could be read once.

    Args:
        indexes: Where the indexes are kept between sweeps.
        run_ids: The runs.
    """

    def __init__(self, indexes: IndexCache, run_ids: Collection[str]) -> None:
        self._indexes = indexes
        self._run_ids = run_ids
        self._refreshed: dict[str, SegmentIndex] = {}
        self._summaries: dict[str, dict[str, list[tuple[LaneKey, LaneSummary]]]] = {}

    def index(self, ref: SegmentRef) -> SegmentIndex:
        """Return the index of a segment, the same one at every call."""
        return self._refreshed.get(ref.path) or self._indexes.get(ref)

    def is_fresh(self, index: SegmentIndex) -> bool:
        """Tell whether an index knows all that there is, as of this sweep."""
        return index.names.sealed is not None or index.ref.path in self._refreshed

    def refresh(self, index: SegmentIndex, reader: SlotReader) -> None:
        """Let an index take in what was appended."""
        index.refresh(reader)
        self._refreshed[index.ref.path] = index

    def summaries(
        self, folder: str, part: PartRecord, run_id: str
    ) -> list[tuple[LaneKey, LaneSummary]]:
        """Return what a part holds of each metric of one of the runs."""
        found = self._summaries.get(part.summary.name)
        if found is None:
            found = read_summaries(folder, part, self._run_ids)
            self._summaries[part.summary.name] = found
        return found.get(run_id, [])


class RunCursor:
    """Where the reading of a run stands: what was delivered of each lane.

    Points are delivered once, whatever compaction does meanwhile: a point keeps its place in its
    lane when it moves from a segment to a part.
    """

    def __init__(self, run_id: str, key: str | None = None) -> None:
        self.run_id = run_id
        self.key = key
        self._delivered: dict[str, int] = {}
        self._parts: set[str] = set()
        self._looked: dict[str, int] = {}

    def advance(
        self, view: View, sweep: Sweep, reduce: Callable[[Points], Points] | None = None
    ) -> list[Stretch]:
        """Return what the view holds beyond what was delivered; it counts as delivered then.

        Args:
            view: The files to read.
            sweep: The look at them.
            reduce: Applied to each stretch as it is read, so that not all are held at once.

        Raises:
            FileNotFoundError: The view is out of date; nothing counts as delivered.
        """
        found: list[Stretch] = []
        delivered = dict(self._delivered)
        looked: dict[str, int] = {}
        for lane_key, points in self._fresh(view, sweep, looked):
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

    def _fresh(self, view: View, sweep: Sweep, looked: dict[str, int]) -> Iterator[Stretch]:
        for part in view.manifest.parts:
            if part.points.name not in self._parts:
                yield from read_points(view.folder, part, self.run_id, self.key)
        for ref in view.segments:
            index = sweep.index(ref)
            before = self._looked.get(ref.path, 0)
            if sweep.is_fresh(index) and (before == index.scanned or not index.holds(self.run_id)):
                looked[ref.path] = index.scanned
                continue
            with SlotReader(ref.path) as reader:
                sweep.refresh(index, reader)
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

    def __init__(self, run_id: str) -> None:
        self._cursor = RunCursor(run_id)
        self._lanes: dict[LaneKey, LaneSummary] = {}
        self._started = False

    def advance(self, view: View, sweep: Sweep) -> dict[str, Summary]:
        """Return the summary of each metric as the view has it.

        Raises:
            FileNotFoundError: The view is out of date; look again.
        """
        if not self._started:
            self._start(view, sweep)
        for lane_key, points in self._cursor.advance(view, sweep):
            self._add(lane_key, summarize(points))
        by_key: dict[str, dict[str, LaneSummary]] = {}
        for (key, lane), summary in self._lanes.items():
            by_key.setdefault(key, {})[lane] = summary
        return {key: over_lanes(by_key[key]) for key in sorted(by_key)}

    def _start(self, view: View, sweep: Sweep) -> None:
        """Take the parts' own summaries instead of their points."""
        found = [
            row
            for part in view.manifest.parts
            for row in sweep.summaries(view.folder, part, self._cursor.run_id)
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
