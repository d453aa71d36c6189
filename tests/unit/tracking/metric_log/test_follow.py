"""Following a run: every point once, whatever happens to the files meanwhile."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tauro._internal import _fs
from tauro.tracking._metric_log import MetricLog


def test_a_poll_gives_what_is_new(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    follower = MetricLog(tmp_path).follow("exp", "run")
    assert follower.poll() == {}
    writer = log.writer("exp", "run")
    writer.append("a", 1.0, 1)
    writer.append("b", 2.0, 1)
    log.writer("exp", "other").append("a", 9.0)
    new = follower.poll()
    assert {key: history.value.tolist() for key, history in new.items()} == {"a": [1.0], "b": [2.0]}
    assert follower.poll() == {}
    writer.append_batch("a", [3.0, 4.0], [2, 3])
    assert follower.poll()["a"].step.tolist() == [2, 3]


def test_points_come_once_while_segments_roll_and_are_compacted(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, segment_points=1)
    writer = log.writer("exp", "run")
    follower = MetricLog(tmp_path).follow("exp", "run")
    late = MetricLog(tmp_path).follow("exp", "run")
    steps: list[int] = []
    for number in range(12):
        first = number * 5000
        writer.append_batch("a", np.zeros(5000), np.arange(first, first + 5000))
        if number % 3 != 1:
            new = follower.poll()
            steps += new["a"].step.tolist()
        if number % 2:
            log.compact("exp")
    steps += [step for history in follower.poll().values() for step in history.step.tolist()]
    assert steps == list(range(60_000))
    assert np.array_equal(late.poll()["a"].step, np.arange(60_000))
    assert follower.poll() == late.poll() == {}
    log.close()
    log.compact("exp")
    assert follower.poll() == {}


def test_writers_of_several_logs_are_followed(tmp_path: Path) -> None:
    logs = [MetricLog(tmp_path) for _ in range(3)]
    follower = MetricLog(tmp_path).follow("exp", "run")
    found: list[float] = []
    for number in range(30):
        logs[number % 3].writer("exp", "run").append("a", float(number), 0, number)
        if number % 4 == 0:
            logs[number % 3].close()
            logs[number % 3] = MetricLog(tmp_path)
        if number % 5 == 0:
            found += follower.poll()["a"].value.tolist()
    found += follower.poll()["a"].value.tolist()
    assert sorted(found) == [float(number) for number in range(30)]


def test_an_idle_poll_is_a_few_calls(tmp_path: Path) -> None:
    """A watcher of a quiet run must not read the folder or the files again and again."""
    log = MetricLog(tmp_path)
    log.writer("exp", "run").append_batch("a", np.zeros(100_000))
    follower = log.follow("exp", "run")
    follower.poll()
    calls: list[str] = []

    def count(operation: str, path: str) -> int | None:
        calls.append(operation)
        return None

    _fs.set_fault_hook(count)
    follower.poll()
    _fs.set_fault_hook(None)
    assert len(calls) < 10


def test_a_summary_keeps_up_at_the_cost_of_what_is_new(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, segment_points=1)
    reader = MetricLog(tmp_path)
    writer = log.writer("exp", "run")
    for number in range(8):
        writer.append_batch("a", np.arange(7000.0) - number, np.arange(7000) + number)
        summary = reader.summary("exp", "run")["a"]
        assert summary.count == 7000 * (number + 1)
        assert (summary.min, summary.max) == (-float(number), 6999.0)
        assert (summary.last_value, summary.last_step) == (6999.0 - number, 6999 + number)
        assert summary == log.summary("exp", "run")["a"]
        assert summary == MetricLog(tmp_path).summary("exp", "run")["a"]
        if number % 3 == 1:
            log.compact("exp")


def test_keys_come_from_segments_and_parts(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    log.writer("exp", "run").append("old", 1.0)
    log.close()
    log.compact("exp")
    later = MetricLog(tmp_path)
    later.writer("exp", "run").append("new", 1.0)
    assert later.keys("exp", "run") == ["new", "old"]
    assert MetricLog(tmp_path).keys("exp", "run") == ["new", "old"]
    assert later.experiments() == ["exp"]
