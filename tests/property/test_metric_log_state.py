"""The metric log against a dictionary, through rolls, compactions, crashes and reopening."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tauro.tracking._metric_log import Follower, MetricLog

INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES = st.floats(allow_nan=True, allow_infinity=True)
RUNS = st.sampled_from(["r1", "r2", "a longer run id with Ünïcode"])
KEYS = st.sampled_from(["loss", "acc/val", "k" * 60])
Point = tuple[int, float, int]


def same(first: list[Point], second: list[Point]) -> bool:
    return len(first) == len(second) and all(
        one[0] == two[0]
        and one[2] == two[2]
        and (one[1] == two[1] or (math.isnan(one[1]) and math.isnan(two[1])))
        for one, two in zip(first, second, strict=True)
    )


class MetricLogMachine(RuleBasedStateMachine):
    """One thread logs, so the history is the order of the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="metric-log-"))
        self.maps = True
        self.log = self.open()
        self.model: dict[tuple[str, str], list[Point]] = {}
        self.followed: list[tuple[Follower, str, dict[str, list[Point]]]] = []
        self.time = 0

    def open(self) -> MetricLog:
        self.maps = not self.maps
        return MetricLog(self.folder / "log", maps=self.maps, segment_points=1)

    def teardown(self) -> None:
        self.log.close()
        shutil.rmtree(self.folder)

    def expect(self, run: str, key: str, points: list[Point]) -> None:
        self.model.setdefault((run, key), []).extend(points)

    @rule(run=RUNS, key=KEYS, value=VALUES, step=INT64)
    def append(self, run: str, key: str, value: float, step: int) -> None:
        self.time += 1
        self.log.writer("exp", run).append(key, value, step, self.time)
        self.expect(run, key, [(step, value, self.time)])

    @rule(run=RUNS, key=KEYS, count=st.integers(1, 9000), start=st.integers(-100, 100))
    def append_batch(self, run: str, key: str, count: int, start: int) -> None:
        steps = np.arange(start, start + count)
        times = np.arange(self.time + 1, self.time + 1 + count)
        values = np.sqrt(np.arange(float(count)))
        self.time += count
        self.log.writer("exp", run).append_batch(key, values, steps, times)
        points = zip(steps.tolist(), values.tolist(), times.tolist(), strict=True)
        self.expect(run, key, list(points))

    @rule(run=RUNS)
    def close_run(self, run: str) -> None:
        self.log.writer("exp", run).close()

    @rule()
    def compact(self) -> None:
        assert self.log.compact("exp").skipped == []

    @rule()
    def close_and_reopen(self) -> None:
        self.log.close()
        self.log = self.open()

    @rule()
    def crash_and_reopen(self) -> None:
        """Let go of the files as the kernel does for a killed process."""
        for lane in self.log._lanes.clear():
            lane.release()
        self.log = self.open()

    @rule(run=RUNS)
    @precondition(lambda self: len(self.followed) < 3)
    def follow(self, run: str) -> None:
        follower = MetricLog(self.folder / "log").follow("exp", run)
        self.followed.append((follower, run, {}))

    @rule()
    def poll(self) -> None:
        for follower, run, seen in self.followed:
            for key, history in follower.poll().items():
                columns = (history.step, history.value, history.timestamp_ns)
                new = zip(*(column.tolist() for column in columns), strict=True)
                seen.setdefault(key, []).extend(new)
            for (of, key), points in self.model.items():
                if of == run:
                    assert same(seen.get(key, []), points)

    @rule(run=RUNS, key=KEYS)
    def history(self, run: str, key: str) -> None:
        for log in (self.log, MetricLog(self.folder / "log")):
            history = log.history("exp", run, key)
            columns = (history.step, history.value, history.timestamp_ns)
            found = list(zip(*(column.tolist() for column in columns), strict=True))
            assert same(found, self.model.get((run, key), []))

    @rule(run=RUNS, key=KEYS, most=st.integers(4, 300))
    def thinned(self, run: str, key: str, most: int) -> None:
        points = self.model.get((run, key), [])
        history = self.log.history("exp", run, key, max_points=most)
        assert len(history) <= most
        assert len(history) == len(points) or len(points) > most
        if points:
            assert (history.step[0], history.step[-1]) == (points[0][0], points[-1][0])
            values = [value for _, value, _ in points if not math.isnan(value)]
            if values:
                assert np.nanmax(history.value) == max(values)
                assert np.nanmin(history.value) == min(values)

    @rule(run=RUNS)
    def summary(self, run: str) -> None:
        for log in (self.log, MetricLog(self.folder / "log")):
            found = log.summary("exp", run)
            assert set(found) == {key for of, key in self.model if of == run}
            for key, summary in found.items():
                points = self.model[run, key]
                step, value, time = points[-1]
                assert summary.count == len(points)
                assert (summary.last_step, summary.last_timestamp_ns) == (step, time)
                assert same([(0, summary.last_value, 0)], [(0, value, 0)])

    @invariant()
    def nothing_is_damaged(self) -> None:
        assert [found for found in self.log.verify("exp") if not found.harmless] == []


MetricLogMachine.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestMetricLog = MetricLogMachine.TestCase
