"""Columns of points, and how those of several writers become one history."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one metric of one run, from one lane.

    Attributes:
        seq: Place in the lane, rising.
        step: As logged.
        time: Nanoseconds since the epoch.
        value: As logged.
        metadata: Place in the lane to the metadata of that point, as JSON text.
    """

    seq: Ints
    step: Ints
    time: Ints
    value: Floats
    metadata: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.seq)

    def pick(self, which: NDArray[Any]) -> Points:
        """Return some of the points."""
        return Points(
            self.seq[which], self.step[which], self.time[which], self.value[which], self.metadata
        )

    @staticmethod
    def joined(parts: Sequence[Points]) -> Points:
        """Return points of one lane from several files, each in order, in the order logged."""
        parts = sorted(parts, key=lambda part: int(part.seq[0]) if len(part) else -1)
        if len(parts) == 1:
            return parts[0]
        whole = Points(
            np.concatenate([part.seq for part in parts]),
            np.concatenate([part.step for part in parts]),
            np.concatenate([part.time for part in parts]),
            np.concatenate([part.value for part in parts]),
            {place: text for part in parts for place, text in part.metadata.items()},
        )
        ends = [(part.seq[0], part.seq[-1]) for part in parts if len(part)]
        if all(before[1] < after[0] for before, after in itertools.pairwise(ends)):
            return whole
        return whole.pick(np.argsort(whole.seq, kind="stable"))


def seq_of(index: int, places: Ints) -> Ints:
    """Return the places in the lane of slots of its segment ``index``."""
    return (index << 32) + places


LaneKey = tuple[str, str]
"""Key of a metric and name of a lane."""


@dataclass(frozen=True, slots=True)
class History:
    """The points of a metric: in the order logged by each writer, merged over writers by time.

    Attributes:
        step: As logged.
        value: As logged; NaN and infinities are kept.
        timestamp_ns: Nanoseconds since the epoch.
        metadata: Place in the arrays to the metadata of that point as JSON text, where it has any.
    """

    step: Ints
    value: Floats
    timestamp_ns: Ints
    metadata: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.step)


def empty_history() -> History:
    """Return the history of a metric that was never logged."""
    return History(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64))


def merge(lanes: Mapping[str, Points]) -> History:
    """Return the history of a metric from what each lane logged.

    A lane keeps its own order also where its clock, or the times its client gave, went backwards:
    a point counts as no earlier than those before it. Lanes are taken by name where times tie.
    """
    parts = [points for _, points in sorted(lanes.items()) if len(points)]
    if not parts:
        return empty_history()
    if len(parts) == 1:
        (part,) = parts
        return History(part.step, part.value, part.time, _placed_metadata(parts, None))
    step = np.concatenate([part.step for part in parts])
    value = np.concatenate([part.value for part in parts])
    time = np.concatenate([part.time for part in parts])
    when = np.concatenate([np.maximum.accumulate(part.time) for part in parts])
    order = np.argsort(when, kind="stable")
    return History(step[order], value[order], time[order], _placed_metadata(parts, order))


def _placed_metadata(parts: Sequence[Points], order: NDArray[Any] | None) -> dict[int, str]:
    placed: dict[int, str] = {}
    start = 0
    for part in parts:
        for seq, text in part.metadata.items():
            place = int(np.searchsorted(part.seq, seq))
            if place < len(part) and part.seq[place] == seq:
                placed[start + place] = text
        start += len(part)
    if order is None or not placed:
        return placed
    moved = np.empty(len(order), np.int64)
    moved[order] = np.arange(len(order))
    return {int(moved[place]): text for place, text in sorted(placed.items())}


class Summary(msgspec.Struct, frozen=True):
    """What there is of a metric in a run.

    Attributes:
        last_value: Value of the last point of its history.
        last_step: Its step.
        last_timestamp_ns: Its time.
        count: How many points.
        min: Least value that is a number; NaN where there is none.
        max: Greatest.
    """

    last_value: float
    last_step: int
    last_timestamp_ns: int
    count: int
    min: float
    max: float


class LaneSummary(msgspec.Struct, frozen=True):
    """A summary of what one lane logged, with what is needed to go on from it.

    Attributes:
        summary: Of the lane's points alone.
        when: Greatest time of its points, which is when its last point counts as logged.
        seq: Place of its last point.
    """

    summary: Summary
    when: int
    seq: int


def summarize(points: Points) -> LaneSummary:
    """Return the summary of a lane's points, of which there is at least one."""
    low, high = float(np.fmin.reduce(points.value)), float(np.fmax.reduce(points.value))
    return LaneSummary(
        Summary(
            last_value=float(points.value[-1]),
            last_step=int(points.step[-1]),
            last_timestamp_ns=int(points.time[-1]),
            count=len(points),
            min=low,
            max=high,
        ),
        when=int(points.time.max()),
        seq=int(points.seq[-1]),
    )


def combined(parts: Sequence[LaneSummary]) -> LaneSummary:
    """Return the summary of consecutive stretches of one lane, in any order."""
    last = max(parts, key=lambda part: part.seq)
    return LaneSummary(
        _total(last.summary, [part.summary for part in parts]),
        when=max(part.when for part in parts),
        seq=last.seq,
    )


def over_lanes(lanes: Mapping[str, LaneSummary]) -> Summary:
    """Return the summary of a metric from those of its lanes."""
    if len(lanes) == 1:
        return next(iter(lanes.values())).summary
    _, _, last = max((part.when, lane, part.summary) for lane, part in lanes.items())
    return _total(last, [part.summary for part in lanes.values()])


def _total(last: Summary, parts: Iterable[Summary]) -> Summary:
    every = list(parts)
    if len(every) == 1:
        return last
    return Summary(
        last_value=last.last_value,
        last_step=last.last_step,
        last_timestamp_ns=last.last_timestamp_ns,
        count=sum(part.count for part in every),
        min=float(np.fmin.reduce([part.min for part in every])),
        max=float(np.fmax.reduce([part.max for part in every])),
    )
