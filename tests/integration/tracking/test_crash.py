"""Kill -9 at random moments: what was acknowledged is there, in order, and search finds it."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tauro.tracking import ExperimentTracker, Run, RunStatus

from . import _crash_child as child

THREADS = 3


def kill_once(store: Path, board: Path, seed: int) -> list[tuple[int, int]]:
    """Run the child, kill it at a random moment, and return what each thread was told."""
    board.write_bytes(b"\0" * (16 * THREADS))
    command = [sys.executable, child.__file__, str(store), str(board), str(THREADS), str(seed)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            while struct.unpack_from("<q", board.read_bytes(), 8)[0] == 0:
                if process.poll() is not None:
                    assert process.stderr is not None
                    pytest.fail(process.stderr.read().decode())
                time.sleep(0.005)
            time.sleep(random.Random(seed).uniform(0, 0.15))
        finally:
            process.kill()
    data = board.read_bytes()
    return [struct.unpack_from("<qq", data, 16 * thread) for thread in range(THREADS)]


def check(store: Path, told: list[tuple[int, int]], known: set[str]) -> int:
    """Look, as a fresh process would, for everything that was acknowledged; return the runs."""
    tracker = ExperimentTracker(store)
    experiment = tracker.find_experiment("crash")
    assert experiment is not None
    listed = {run["run_id"]: run for run in tracker.list_runs(experiment)}
    new = {run_id: run for run_id, run in listed.items() if run_id not in known}
    assert known <= set(listed), "a run of before is not found any more"
    by_name = {run["name"]: run for run in new.values()}
    for thread, (run_number, calls) in enumerate(told):
        for number in range(run_number + 1):
            acknowledged = child.CALLS if number < run_number else calls
            if acknowledged:
                check_run(tracker, by_name[f"{thread}-{number}"], thread, number, acknowledged)
    known |= set(new)
    tracker.close()
    return len(new)


def check_run(
    tracker: ExperimentTracker, listed: dict[str, object], thread: int, number: int, calls: int
) -> None:
    run = tracker.get_run(str(listed["run_id"]))
    params = min(max(calls - 1, 0), child.PARAMS)
    points = min(max(calls - 1 - child.PARAMS, 0), child.POINTS)
    assert len(run.parameters) >= params
    assert all(run.parameters[f"p{each}"] == each for each in range(params))
    assert listed["parameters"] == run.parameters
    history = run.history("m")
    values = history["value"].tolist()
    assert values == [child.value_of(thread, number, point) for point in range(len(values))]
    assert history["step"].tolist() == list(range(len(values)))
    assert len(values) >= points
    check_artifact(tracker, run, thread, number, calls)
    assert run.tags == {"team": "ds"} or calls < child.CALLS - 1
    if calls == child.CALLS:
        assert run.status is RunStatus.COMPLETED
        assert run.metrics == {"m": values[-1]}
    elif run.status is RunStatus.RUNNING:
        assert run.is_abandoned


def check_artifact(
    tracker: ExperimentTracker, run: Run, thread: int, number: int, calls: int
) -> None:
    """Look for the last acknowledged version, or one that was being put in its place."""
    done = min(max(calls - 1 - child.PARAMS - child.POINTS, 0), child.TEXTS)
    versions = [child.text_of(thread, number, each) for each in range(child.TEXTS)]
    stored = tracker.list_artifacts(run)
    assert [each.path for each in stored] in (["notes/a.txt"], [])
    if stored:
        key = f"experiment_tracking/artifacts/{run.run_id}/notes/a.txt"
        assert tracker.storage.read_bytes(key).decode() in versions[max(done - 1, 0) : done + 1]
    assert run.artifacts == ["notes/a.txt"] or not done


def kill_often(folder: Path, kills: int, seed: int, report: Callable[..., None]) -> None:
    store, board, known = folder / "store", folder / "board", set[str]()
    runs = 0
    for turn in range(kills):
        told = kill_once(store, board, seed * 10_000 + turn)
        runs += check(store, told, known)
        assert not list(ExperimentTracker(store).verify()), f"seed {seed}, kill {turn}"
        report(kills=1)
    print(f"{kills} kills, {runs} runs, none lost, none torn")


def test_what_was_acknowledged_survives_kill(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    """A few kills of the same store, one after the other."""
    kill_often(tmp_path, 4, seed=1, report=torture_report)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_what_was_acknowledged_survives_a_hundred_kills(
    tmp_path: Path, torture_seed: int, torture_report: Callable[..., None]
) -> None:
    """The same, long: every store is looked at whole after each of its kills."""
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        kill_often(folder, 10, seed=torture_seed * 100 + number, report=torture_report)
