"""Every file-system call of a tracker's life fails in turn, or ends the process there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.errors import ExperimentError, StorageError
from tauro.tracking import ExperimentTracker, RunStatus

STEPS = ("experiment", "run", "params", "metric", "tag", "artifact", "end")


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


def live(store: Path, acknowledge: Callable[[str], None]) -> None:
    """Do one of everything, telling each step that returned."""
    with ExperimentTracker(store, capture_environment=False) as tracker:
        experiment = tracker.create_experiment("e", tags={"a": "b"})
        acknowledge("experiment")
        run = tracker.start_run(experiment, "r")
        acknowledge("run")
        run.log_params({"p": 1})
        acknowledge("params")
        tracker.close()  # Puts the document in place that waited; the run goes on.
        run.log_metric("m", 0.5, step=3)
        acknowledge("metric")
        run.set_tag("t", "v")
        acknowledge("tag")
        run.log_text("text", "a/b.txt")
        acknowledge("artifact")
        run.end()
        acknowledge("end")


def check(store: Path, done: list[str]) -> None:
    """Look for every acknowledged step with a fresh tracker; one cut short is whole or absent."""
    tracker = ExperimentTracker(store)
    experiment = tracker.find_experiment("e")
    if experiment is None:
        assert "experiment" not in done
        return
    assert experiment.tags == {"a": "b"}
    runs = tracker.list_runs(experiment)
    assert len(runs) <= 1
    if not runs:
        assert "run" not in done
        return
    run = tracker.get_run(runs[0]["run_id"])
    assert runs[0]["parameters"] == run.parameters
    assert run.parameters in ({"p": 1}, {})
    assert run.parameters == {"p": 1} or "params" not in done
    history = run.history("m")
    assert history["value"].tolist() in ([0.5], [])
    assert len(history) == 1 or "metric" not in done
    assert run.tags == {"t": "v"} or "tag" not in done
    assert run.artifacts == ["a/b.txt"] or "artifact" not in done
    if run.artifacts:
        key = f"experiment_tracking/artifacts/{run.run_id}/a/b.txt"
        assert tracker.storage.read_bytes(key) == b"text"
    assert run.status is RunStatus.COMPLETED or "end" not in done
    if run.status is RunStatus.COMPLETED:
        assert run.metrics == {"m": 0.5}
    assert not [damage for damage in tracker.verify() if not damage.path.endswith(".parquet")]
    # The store is of use: the next run is tracked as if nothing had been.
    with tracker.start_run(experiment, "next") as after:
        after.log_metric("m", 1.0)
    assert tracker.search_runs(experiment, filter="name = 'next'") == [after.run_id]
    tracker.close()


EVERY = pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.torture)])
"""Every third call in an ordinary run, all of them in a long one."""


def calls_of_a_life(folder: Path) -> list[str]:
    """Return the name of every file-system call that a life makes, in order."""
    calls: list[str] = []
    _fs.set_fault_hook(lambda operation, _: calls.append(operation))
    live(folder / "counted", lambda _: None)
    _fs.set_fault_hook(None)
    return calls


def live_with_fault(store: Path, turn: int, fault: Callable[[str, str], int | None]) -> list[str]:
    """Live with the fault at one call; return the acknowledged steps."""
    seen, done = [0], list[str]()

    def hook(operation: str, path: str) -> int | None:
        seen[0] += 1
        return fault(operation, path) if seen[0] == turn else None

    _fs.set_fault_hook(hook)
    try:
        live(store, done.append)
    except (StorageError, ExperimentError) as error:
        message = error.message
    else:
        message = str(store)
    finally:
        _fs.set_fault_hook(None)
    assert str(store) in message, "an error names the place"
    return done


@EVERY
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_a_failing_call_loses_nothing_acknowledged(
    tmp_path: Path, code: int, every: int, torture_report: Callable[..., None]
) -> None:
    """Whichever call fails: a clear error of ours, and all that was acknowledged is there."""

    def fail(operation: str, path: str) -> None:
        raise OSError(code, os.strerror(code), path)

    calls = calls_of_a_life(tmp_path)
    assert len(calls) > 40
    first = 2 if every > 1 and code == errno.EIO else 1
    for turn in range(first, len(calls) + 1, every):
        store = tmp_path / f"store{turn}"
        done = live_with_fault(store, turn, fail)
        check(store, done)
        torture_report(faults=1)


@pytest.mark.faults
def test_a_short_write_is_completed(tmp_path: Path, torture_report: Callable[..., None]) -> None:
    """A write that takes one byte is repeated for the rest; everything succeeds."""

    def short(operation: str, path: str) -> int | None:
        return 1 if operation == "write" else None

    calls = calls_of_a_life(tmp_path)
    for turn in [number for number, name in enumerate(calls, 1) if name == "write"]:
        done = live_with_fault(tmp_path / f"store{turn}", turn, short)
        assert tuple(done) == STEPS
        check(tmp_path / f"store{turn}", done)
        torture_report(faults=1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@EVERY
def test_a_death_at_any_call_loses_nothing_acknowledged(
    tmp_path: Path, every: int, torture_report: Callable[..., None]
) -> None:
    """The process ends before each call in turn; a fresh one finds all that was acknowledged."""
    for turn in range(every, len(calls_of_a_life(tmp_path)) + 1, every):
        store, board = tmp_path / f"store{turn}", tmp_path / f"board{turn}"
        child = os.fork()
        if child == 0:
            # Nothing of the test runner may run in the child.
            try:
                die_at(store, turn, board)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        told = board.read_text().split() if board.exists() else []
        check(store, told)
        torture_report(kills=1)


def die_at(store: Path, turn: int, board: Path) -> None:
    seen = [0]

    def hook(operation: str, path: str) -> None:
        seen[0] += 1
        if seen[0] == turn:
            os._exit(9)

    def acknowledge(step: str) -> None:
        with board.open("a") as file:
            file.write(f"{step} ")

    _fs.set_fault_hook(hook)
    live(store, acknowledge)
