"""One point of each of several metrics at once: the guarantees of single points, in one hold."""

from __future__ import annotations

import errno
import math
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tauro._internal import _fs
from tauro.errors import StorageError, TrackingValidationError
from tauro.tracking._metric_log import MetricLog
from tauro.tracking._metric_log._lane import MAX_KEYS, Lane


@pytest.fixture(params=[True, False], ids=["maps", "writes"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> MetricLog:
    return MetricLog(tmp_path / "metrics", maps=request.param)


@pytest.fixture(autouse=True)
def no_hook() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


def values(log: MetricLog, key: str, run: str = "run") -> list[float]:
    return [float(value) for value in log.history("exp", run, key).value]


def test_a_row_is_read_at_once_by_another_log(log: MetricLog) -> None:
    log.writer("exp", "run").append_row({"loss": 0.25, "accuracy": 0.5}, 3, 1_000)
    other = MetricLog(log.folder)
    for key, value in (("loss", 0.25), ("accuracy", 0.5)):
        history = other.history("exp", "run", key)
        assert (history.step.tolist(), history.value.tolist()) == ([3], [value])
        assert history.timestamp_ns.tolist() == [1_000]


def test_rows_and_points_of_a_run_keep_their_order(log: MetricLog) -> None:
    writer = log.writer("exp", "run")
    writer.append_row({"a": 1.0, "b": 10.0}, 0, 1)
    writer.append("a", 2.0, 1, 2)
    writer.append_row({"b": 20.0, "c": 100.0, "a": 3.0}, 2, 3)
    writer.append_row({"a": 4.0, "b": 30.0}, 3, 4)
    assert values(log, "a") == [1, 2, 3, 4]
    assert values(log, "b") == [10, 20, 30]
    assert values(log, "c") == [100]


def test_a_row_of_nothing_is_nothing(log: MetricLog) -> None:
    log.writer("exp", "run").append_row({}, 0, 1)
    assert log.summary("exp", "run") == {}


@pytest.mark.parametrize("count", [MAX_KEYS - 1, MAX_KEYS, MAX_KEYS + 1, 5 * MAX_KEYS + 3])
def test_a_row_may_have_any_number_of_metrics(log: MetricLog, count: int) -> None:
    writer = log.writer("exp", "run")
    for step in range(2):
        writer.append_row({f"m{number}": number + step for number in range(count)}, step, step)
    found = MetricLog(log.folder).summary("exp", "run")
    assert {key: (each.last_value, each.count) for key, each in found.items()} == {
        f"m{number}": (number + 1, 2) for number in range(count)
    }


def test_nan_and_infinities_are_kept(log: MetricLog) -> None:
    log.writer("exp", "run").append_row({"nan": math.nan, "inf": math.inf, "low": -math.inf}, 0, 1)
    assert math.isnan(values(log, "nan")[0])
    assert (values(log, "inf"), values(log, "low")) == ([math.inf], [-math.inf])


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"good": 1.0, "bad": True}, "bad"),
        ({"good": 1.0, "bad": 1j}, "bad"),
        ({"good": 1.0, "": 1.0}, "key"),
        ({"good": 1.0, "a\0b": 1.0}, "key"),
        ({"good": 1.0, "x" * 1021: 1.0}, "key"),
    ],
    ids=["bool", "complex", "empty", "nul", "long"],
)
@pytest.mark.parametrize("known", [False, True], ids=["first row", "later row"])
def test_one_bad_point_refuses_the_row_and_writes_nothing(
    log: MetricLog, row: dict[str, Any], named: str, *, known: bool
) -> None:
    writer = log.writer("exp", "run")
    if known:
        writer.append_row({"good": 0.0, "bad": 0.0}, 0, 1)
    with pytest.raises(TrackingValidationError, match=named):
        writer.append_row(row, 1, 2)
    assert values(log, "good") == ([0.0] if known else [])


@pytest.mark.parametrize("step", [math.nan, 1.0, "1", True, 2**63], ids=repr)
def test_a_step_is_an_integer_of_64_bits(log: MetricLog, step: Any) -> None:
    writer = log.writer("exp", "run")
    with pytest.raises(TrackingValidationError, match="step"):
        writer.append_row({"a": 1.0}, step, 1)
    assert log.summary("exp", "run") == {}


def test_a_first_row_holds_the_lane_once(log: MetricLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run of many metrics costs is mostly the holds of its lane."""
    holds: list[Lane] = []
    held = Lane.held

    def counted(lane: Lane) -> AbstractContextManager[bool]:
        holds.append(lane)
        return held(lane)

    monkeypatch.setattr(Lane, "held", counted)
    log.writer("exp", "run").append_row({f"m{number}": 1.0 for number in range(20)}, 0, 1)
    assert len(holds) == 1


def test_rows_fill_one_segment_after_another(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, segment_points=1)
    rows = 1_200
    for run in range(3):
        writer = log.writer("exp", f"run-{run}")
        for step in range(rows):
            writer.append_row({f"m{number}": step for number in range(20)}, step, step)
    found = MetricLog(tmp_path)
    for run in range(3):
        assert values(found, "m19", f"run-{run}") == list(range(rows))
    assert len(list((tmp_path / "exp").glob("*"))) > 1


def test_threads_log_rows_to_one_run(log: MetricLog) -> None:
    writer = log.writer("exp", "run")

    def work(thread: int) -> None:
        for step in range(200):
            writer.append_row({f"t{thread}": step, "shared": thread}, step, step)

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(6):
        assert values(log, f"t{number}") == list(range(200))
    assert sorted(values(log, "shared")) == sorted(list(range(6)) * 200)


@pytest.mark.parametrize("maps", [True, False], ids=["maps", "writes"])
def test_every_call_fails_by_turn(tmp_path: Path, *, maps: bool) -> None:
    """A row that was acknowledged is there; one that was refused is there in part at most."""
    point = 0
    while True:
        folder = tmp_path / str(point)
        log = MetricLog(folder, maps=maps, segment_points=1)
        calls = 0

        def fail(operation: str, path: str, at: int = point) -> None:
            nonlocal calls
            calls += 1
            if calls - 1 == at:
                raise OSError(errno.ENOSPC, "injected", path)

        _fs.set_fault_hook(fail)
        accepted = []
        for step in range(3):
            try:
                log.writer("exp", f"run-{step}").append_row({"a": step, "b": step}, step, step)
            except StorageError:
                continue
            accepted.append(step)
        _fs.set_fault_hook(None)
        for step in accepted:
            assert values(MetricLog(folder), "a", f"run-{step}") == [step]
            assert values(MetricLog(folder), "b", f"run-{step}") == [step]
        log.close()
        if calls <= point:
            break
        assert len(accepted) >= 2
        point += 1
    assert point > (3 if maps else 5)
