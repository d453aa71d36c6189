"""History and summary of a run, from all who wrote it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tauro.tracking._metric_log._format import parse_name
from tauro.tracking._metric_log._scan import read_segment, segment_files


@dataclass(frozen=True, slots=True)
class History:
    """The points of a metric, in order.

    Attributes:
        step: As logged.
        value: As logged; NaN and infinities are kept.
        timestamp_ns: Nanoseconds since the epoch.
    """

    step: NDArray[np.int64]
    value: NDArray[np.float64]
    timestamp_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True, slots=True)
class Summary:
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


def _points(folder: str, run_id: str) -> dict[str, History]:
    lanes: dict[tuple[str, str], list[NDArray[np.void]]] = {}
    for path in segment_files(folder):
        lane = parse_name(os.path.basename(path))
        segment = read_segment(path)
        numbers = [number for number, name in segment.names.runs.items() if name == run_id]
        if not numbers or lane is None:
            continue
        mine = segment.slots[segment.slots["run"] == numbers[0]]
        for number in np.unique(mine["key"]).tolist():
            key = segment.names.keys.get(number)
            if key is not None:
                lanes.setdefault((key, lane[0]), []).append(mine[mine["key"] == number])
    keys: dict[str, list[NDArray[np.void]]] = {}
    for (key, _), parts in sorted(lanes.items()):
        keys.setdefault(key, []).append(np.concatenate(parts))
    return {key: _merged(parts) for key, parts in keys.items()}


def _merged(lanes: list[NDArray[np.void]]) -> History:
    slots = np.concatenate(lanes)
    if len(lanes) > 1:
        # A lane keeps its own order also where its clock, or its client, went backwards.
        when = np.concatenate([np.maximum.accumulate(lane["time"]) for lane in lanes])
        slots = slots[np.argsort(when, kind="stable")]
    return History(slots["step"].copy(), slots["value"].copy(), slots["time"].copy())


def read_history(folder: str, run_id: str, key: str) -> History:
    """Return the history of one metric."""
    empty = np.empty(0, np.int64)
    return _points(folder, run_id).get(key, History(empty, np.empty(0, np.float64), empty))


def read_summary(folder: str, run_id: str) -> dict[str, Summary]:
    """Return the summary of each metric."""
    found = {}
    for key, history in _points(folder, run_id).items():
        numbers = history.value[~np.isnan(history.value)]
        found[key] = Summary(
            last_value=float(history.value[-1]),
            last_step=int(history.step[-1]),
            last_timestamp_ns=int(history.timestamp_ns[-1]),
            count=len(history),
            min=float(numbers.min()) if len(numbers) else float("nan"),
            max=float(numbers.max()) if len(numbers) else float("nan"),
        )
    return found
