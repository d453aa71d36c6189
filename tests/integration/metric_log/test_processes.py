"""The metric log among processes that race, fork and are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tauro.tracking._metric_log import MetricLog

CHILDREN = Path(__file__).with_name("_children.py")
COUNTS = np.dtype([("count", "<i8"), ("rest", "V56")])


def start(name: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(CHILDREN), name, *map(str, arguments)])


def wait_for(condition: object, child: subprocess.Popen[bytes]) -> None:
    """Wait until something has happened, as long as the child lives to make it happen."""
    assert callable(condition)
    while not condition():
        assert child.poll() is None, f"the child ended with {child.returncode}"
        time.sleep(0.002)


def kill_and_read(folder: Path, seed: int, *, maps: bool, threads: int = 4) -> None:
    """Kill a logging process at a random moment; all that it was told is there, in order."""
    chance = random.Random(seed)
    counts = folder / "counts"
    counts.write_bytes(bytes(64 * threads))

    def acknowledged() -> list[int]:
        return [int(count) for count in np.fromfile(counts, COUNTS)["count"]]

    log = folder / "log"
    child = start("log_until_killed", log, counts, threads, "maps" if maps else "writes", seed)
    target = chance.randint(1, 6000)
    try:
        wait_for(lambda: max(acknowledged()) >= target, child)
    finally:
        child.kill()
        child.wait()
    told = acknowledged()
    reader = MetricLog(log)
    for thread, count in enumerate(told):
        steps = reader.history("exp", f"run{thread}-0", f"all{thread}").step
        assert len(steps) >= count, f"seed {seed}: thread {thread} lost {count - len(steps)}"
        assert np.array_equal(steps, np.arange(len(steps))), f"seed {seed}: out of order"
        # One call, of at most 400 points, may have been under way.
        assert len(steps) - count <= 400, f"seed {seed}: points nobody logged"
    damage = [found for found in reader.verify("exp") if not found.harmless]
    assert damage == [], f"seed {seed}"
    before = {n: reader.history("exp", f"run{n}-0", f"all{n}") for n in range(threads)}
    assert reader.compact("exp").skipped == []
    assert list((log / "exp").glob("*.seg")) == []
    for thread, history in before.items():
        after = MetricLog(log).history("exp", f"run{thread}-0", f"all{thread}")
        assert np.array_equal(after.step, history.step)
        assert after.metadata == history.metadata


@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_acknowledged_survives_kill(tmp_path: Path, seed: int, *, maps: bool) -> None:
    kill_and_read(tmp_path, seed, maps=maps)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_what_was_acknowledged_survives_a_hundred_kills(
    tmp_path: Path, torture_seed: int, torture_report: Callable[..., None]
) -> None:
    for number in range(100):
        folder = tmp_path / str(number)
        folder.mkdir()
        kill_and_read(folder, torture_seed * 1000 + number, maps=number % 4 != 3)
        torture_report(kills=1)


def race(folder: Path, processes: int, threads: int, points: int) -> None:
    children = [
        start("log_points", folder, threads, points, f"p{number}") for number in range(processes)
    ]
    reader = MetricLog(folder)
    follower = MetricLog(folder).follow("exp", "run")
    followed = 0
    seen = -1
    while any(child.poll() is None for child in children):
        count = reader.summary("exp", "run").get("m")
        assert count is None or count.count >= seen
        seen = count.count if count is not None else seen
        followed += len(follower.poll().get("m", ()))
        assert [found for found in reader.verify("exp") if not found.harmless] == []
        MetricLog(folder).compact("exp")
    assert [child.returncode for child in children] == [0] * processes
    followed += len(follower.poll().get("m", ()))
    history = reader.history("exp", "run", "m")
    assert len(history) == followed == processes * threads * points
    assert np.array_equal(np.bincount(history.step), np.full(points, processes * threads)), (
        "each step once for each thread"
    )
    for number in range(processes):
        for thread in range(threads):
            own = reader.history("exp", "run", f"p{number}-{thread}")
            assert np.array_equal(own.step, np.arange(100))
    reader.compact("exp")
    assert len(MetricLog(folder).history("exp", "run", "m")) == processes * threads * points


def test_processes_and_threads_write_one_run_while_it_is_read_and_compacted(
    tmp_path: Path,
) -> None:
    race(tmp_path, processes=3, threads=4, points=3000)


@pytest.mark.torture
def test_eight_processes_of_four_threads_write_one_run(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    race(tmp_path, processes=8, threads=4, points=30_000)
    torture_report(races=1)


def prepared(folder: Path) -> None:
    for seed in range(3):
        log = MetricLog(folder)
        log.writer("exp", "run").append_batch("m", np.arange(20.0), np.arange(20), seed)
        log.close()
        if seed < 2:
            log.compact("exp")


def compaction_killed_at(
    folder: Path, first: int, every: int, torture_report: Callable[..., None]
) -> None:
    template = folder / "template"
    prepared(template)
    result = start("die_at_each_call", template, folder / "killed", first, every)
    assert result.wait() == 0
    copies = sorted((folder / "killed").iterdir())
    assert len(copies) > 3
    for copy in copies:
        log = MetricLog(copy)
        assert len(log.history("exp", "run", "m")) == 60, copy.name
        assert log.summary("exp", "run")["m"].count == 60
        assert log.verify("exp") == []
        assert log.compact("exp").done
        assert len(MetricLog(copy).history("exp", "run", "m")) == 60, copy.name
        assert list((copy / "exp").glob("*.seg")) == []
        assert log.verify("exp") == []
        torture_report(kills=1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_compaction_may_be_killed_at_any_call(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    compaction_killed_at(tmp_path, 3, 5, torture_report)


@pytest.mark.torture
def test_a_compaction_may_be_killed_at_every_call(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    compaction_killed_at(tmp_path, 0, 1, torture_report)


def test_the_segments_of_a_killed_process_are_compacted_those_of_a_live_one_not(
    tmp_path: Path,
) -> None:
    counts = tmp_path / "counts"
    counts.write_bytes(bytes(64))
    log = tmp_path / "log"
    child = start("log_until_killed", log, counts, 1, "maps", 5)
    wait_for(lambda: np.fromfile(counts, COUNTS)["count"][0] > 100, child)
    reader = MetricLog(log)
    reader.compact("exp")
    assert len(list((log / "exp").glob("*.seg"))) >= 1
    child.send_signal(signal.SIGKILL)
    child.wait()
    told = np.fromfile(counts, COUNTS)["count"][0]
    reader.compact("exp")
    assert list((log / "exp").glob("*.seg")) == []
    assert len(reader.history("exp", "run0-0", "all0")) >= told
