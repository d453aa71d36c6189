"""Threads, signals, forks and many experiments: who writes to which file."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import psutil
import pytest

from tauro.tracking._metric_log import MetricLog
from tauro.tracking._metric_log import _lanes as module


def segments(log: MetricLog) -> list[Path]:
    return sorted(Path(log.folder).rglob("*.seg"))


def open_files(folder: Path) -> int:
    """Count the files below a folder that this process has open; those elsewhere are others'."""
    opened = [Path(file.path) for file in psutil.Process().open_files()]
    return sum(path.is_relative_to(folder.resolve()) for path in opened)


def in_thread(work: object) -> None:
    assert callable(work)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_threads_one_after_another_share_a_file(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    writer = log.writer("exp", "run")
    for number in range(50):
        in_thread(lambda value=float(number): writer.append("a", value))
    assert len(segments(log)) == 1
    assert log.history("exp", "run", "a").value.tolist() == [float(n) for n in range(50)]


def test_threads_at_the_same_time_have_files_of_their_own(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    writer = log.writer("exp", "run")
    meet = threading.Barrier(5)

    def work() -> None:
        writer.append("a", 1.0)
        meet.wait()
        writer.append("a", 2.0)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(segments(log)) == 5
    assert sorted(log.history("exp", "run", "a").value.tolist()) == [1.0] * 5 + [2.0] * 5


def test_many_experiments_do_not_hold_many_files(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    for number in range(150):
        writer = log.writer(f"exp{number}", "run")
        writer.append("a", float(number))
        writer.close()
    assert 0 < open_files(tmp_path) < 3 * module.MOST_IDLE
    writer = log.writer("exp3", "run")
    writer.append("a", -1.0)
    assert log.history("exp3", "run", "a").value.tolist() == [3.0, -1.0]
    log.close()
    assert open_files(tmp_path) == 0
    assert log.experiments() == sorted(f"exp{number}" for number in range(150))


def test_an_open_run_keeps_its_file_however_many_experiments(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    kept = log.writer("kept", "run")
    kept.append("a", 0.0)
    for number in range(2 * module.MOST_IDLE):
        writer = log.writer(f"exp{number}", "run")
        writer.append("a", 1.0)
        writer.close()
    kept.append("a", 1.0)
    assert len(list((tmp_path / "kept").glob("*.seg"))) == 1


def test_a_closed_run_may_be_logged_to_again(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    writer = log.writer("exp", "run")
    writer.append("a", 1.0)
    writer.close()
    writer.append("a", 2.0)
    log.writer("exp", "run").append("a", 3.0)
    assert log.history("exp", "run", "a").value.tolist() == [1.0, 2.0, 3.0]
    assert log.summary("exp", "run")["a"].count == 3
    assert len(segments(log)) == 1


def test_more_runs_and_keys_than_a_segment_can_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tauro.tracking._metric_log._lane.MAX_NUMBER", 40)
    log = MetricLog(tmp_path)
    for number in range(100):
        log.writer("exp", f"run{number}").append(f"key{number % 70}", float(number))
    assert len(segments(log)) > 2
    for number in range(100):
        history = log.history("exp", f"run{number}", f"key{number % 70}")
        assert history.value.tolist() == [float(number)]


@pytest.fixture
def on_alarm() -> Iterator[list[object]]:
    """Calls what is put into the list from a signal handler, when the timer goes off."""
    calls: list[object] = []

    def handler(number: int, frame: FrameType | None) -> None:
        for call in calls:
            assert callable(call)
            call()

    previous = signal.signal(signal.SIGVTALRM, handler)
    yield calls
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, previous)


@pytest.mark.parametrize("maps", [True, False])
def test_a_signal_handler_may_log_in_the_middle_of_an_append(
    tmp_path: Path, on_alarm: list[object], *, maps: bool
) -> None:
    log = MetricLog(tmp_path, maps=maps, segment_points=1)
    writer = log.writer("exp", "run")
    inside: list[int] = []

    def from_handler() -> None:
        writer.append("signal", 1.0, len(inside))
        writer.append(f"signal{len(inside) % 7}", 1.0)
        inside.append(len(inside))

    on_alarm.append(from_handler)
    count, armed = 0, -1
    while len(inside) < 60:
        if armed != len(inside):
            armed = len(inside)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.0003)
        if count % 100 == 0:
            writer.append_batch("batch", np.zeros(300))
        writer.append("main", 0.5, count)
        count += 1
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    reader = MetricLog(tmp_path)
    assert np.array_equal(reader.history("exp", "run", "main").step, np.arange(count))
    assert sorted(reader.history("exp", "run", "signal").step.tolist()) == inside
    assert [found for found in reader.verify("exp") if not found.harmless] == []


# Where an interrupt falls into a callback of the interpreter's own (a weak reference's, one of the
# garbage collector's, a finalizer), Python drops it and says so.
@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_in_the_middle_of_an_append_damages_nothing(
    tmp_path: Path, on_alarm: list[object]
) -> None:
    """Ctrl-C in a notebook: the log must go on, and nothing may look like damage."""
    log = MetricLog(tmp_path, segment_points=1)
    writer = log.writer("exp", "run")

    def interrupt() -> None:
        raise KeyboardInterrupt

    on_alarm.append(interrupt)
    interrupts = 0
    count = 0
    accepted: list[int] = []
    while interrupts < 12:
        try:
            while True:
                count += 1
                if count % 200 == 1:
                    # Again and again: an interrupt inside a weak reference's callback is ignored.
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0007)
                log.writer("exp", f"run{count % 3}").append(f"k{count % 50}", 0.5, count)
                writer.append("main", 0.5, count)
                accepted.append(count)
                if count % 10 == 0:
                    log.writer("exp", f"new{count}").append_batch("b", np.zeros(200))
        except KeyboardInterrupt:
            interrupts += 1
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    log.close()
    reader = MetricLog(tmp_path)
    steps = reader.history("exp", "run", "main").step.tolist()
    assert sorted(set(steps)) == steps
    assert set(accepted) <= set(steps)
    assert len(steps) - len(accepted) <= interrupts
    assert [found for found in reader.verify("exp") if not found.harmless] == []
    assert reader.compact("exp").skipped == []
    assert reader.history("exp", "run", "main").step.tolist() == steps


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_in_the_middle_starts_new_files_in_the_child(tmp_path: Path) -> None:
    log = MetricLog(tmp_path)
    writer = log.writer("exp", "run")
    writer.append("a", 1.0)
    parent_id = log.writer_id
    child = os.fork()
    if child == 0:
        status = 1
        try:
            writer.append("a", 2.0)
            log.writer("exp", "child").append("a", 3.0)
            values = log.history("exp", "run", "a").value.tolist()
            status = 0 if sorted(values)[:2] == [1.0, 2.0] and log.writer_id != parent_id else 2
        finally:
            os._exit(status)
    for _ in range(100):
        writer.append("a", 4.0)
    assert os.waitpid(child, 0)[1] == 0
    values = MetricLog(tmp_path).history("exp", "run", "a").value.tolist()
    assert sorted(values) == [1.0, 2.0] + [4.0] * 100
    assert log.history("exp", "child", "a").value.tolist() == [3.0]
    assert len(segments(log)) == 2
    assert log.compact("exp").segments == 1, "the child is gone, the parent is not"
    assert len(log.history("exp", "run", "a")) == 102


def test_two_logs_of_one_writer_id_do_not_share_files(tmp_path: Path) -> None:
    logs = [MetricLog(tmp_path, writer_id="same") for _ in range(2)]
    for number, log in enumerate(logs):
        log.writer("exp", "run").append("a", float(number), 0, number)
    assert len(segments(logs[0])) == 2
    assert logs[0].history("exp", "run", "a").value.tolist() == [0.0, 1.0]


def test_the_lane_of_a_dead_thread_is_not_used_by_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new thread may get the number of one whose lane went to another thread."""
    log = MetricLog(tmp_path)
    writer = log.writer("exp", "run")
    writer.append("a", 1.0)
    took, done = threading.Event(), threading.Event()

    def heir() -> None:
        monkeypatch.setattr(sys, "_current_frames", dict)
        writer.append("a", 2.0)
        monkeypatch.undo()
        took.set()
        done.wait()
        writer.append("a", 4.0)

    thread = threading.Thread(target=heir)
    thread.start()
    took.wait()
    assert len(segments(log)) == 1
    assert threading.get_ident() not in writer._tables
    writer.append("a", 3.0)
    done.set()
    thread.join()
    assert len(segments(log)) == 2
    assert log.history("exp", "run", "a").value.tolist() == [1.0, 2.0, 3.0, 4.0]
