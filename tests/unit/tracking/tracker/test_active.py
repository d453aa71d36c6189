"""Which run is active: of which context, of which tracker, after which end."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro.errors import RunNotActiveError, StorageError, TrackingValidationError
from tauro.events import HookType, get_hooks_manager
from tauro.storage import CachedStorage, LocalStorageBackend, MemoryStorageBackend
from tauro.tracking import ExperimentTracker, RunStatus


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[ExperimentTracker]:
    with ExperimentTracker(tmp_path / "store") as made:
        yield made


def test_a_block_makes_its_run_active_again(tracker: ExperimentTracker) -> None:
    """Also when another was started since; afterwards the other is active again."""
    first, second = tracker.start_run(name="first"), tracker.start_run(name="second")
    assert tracker.active_run() == second
    with first:
        tracker.log_params({"who": "first"})
    assert tracker.active_run() == second
    assert first.parameters == {"who": "first"}
    assert second.parameters == {}


def test_a_block_in_another_thread_makes_its_run_active_there(tracker: ExperimentTracker) -> None:
    """A run handed to a thread is entered there, and no other run is opened."""
    run = tracker.start_run(name="main")

    def work() -> None:
        with run:
            tracker.log_metrics({"m": 1.0})

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert tracker.count_runs() == 1
    assert tracker.get_run(run.run_id).metrics == {"m": 1.0}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_nearest_open_run_is_active(tracker: ExperimentTracker, order: tuple[int, int]) -> None:
    """In whatever order the others end, and in whatever thread."""
    runs = [tracker.start_run(name=str(number)) for number in range(3)]
    runs[order[0]].end()
    thread = threading.Thread(target=runs[order[1]].end)
    thread.start()
    thread.join()
    assert tracker.active_run() == runs[0]


def test_each_tracker_has_its_own_active_run(tmp_path: Path) -> None:
    """Another tracker's run is never in the way."""
    first, second = ExperimentTracker(tmp_path / "a"), ExperimentTracker(tmp_path / "b")
    run, other = first.start_run(name="first"), second.start_run(name="second")
    assert first.active_run() == run
    assert second.active_run() == other
    other.end()
    assert first.active_run() == run
    first.log_params({"a": 1})
    assert first.count_runs() == 1


def test_an_implicit_run_beside_open_ones_is_said(
    tracker: ExperimentTracker, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread that logs without a run is told that it opened one."""
    tracker.start_run(name="main")
    thread = threading.Thread(target=tracker.log_params, args=({"a": 1},))
    thread.start()
    thread.join()
    assert "opened one of its own" in caplog.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SystemExit(0), RunStatus.COMPLETED),
        (SystemExit(2), RunStatus.FAILED),
        (asyncio.CancelledError(), RunStatus.CANCELLED),
        (GeneratorExit(), RunStatus.CANCELLED),
        (ValueError(os.fsdecode(b"\xff.csv")), RunStatus.FAILED),
    ],
)
def test_how_a_run_ends_by_what_was_raised(
    tracker: ExperimentTracker, error: BaseException, status: RunStatus
) -> None:
    """A wish to stop is no failure; a text that UTF-8 cannot hold does not keep the run open."""
    run = tracker.start_run(name="r")
    with pytest.raises(type(error)), run:
        raise error
    assert tracker.get_run(run.run_id).status is status


def test_an_exception_without_a_text_ends_the_run(tracker: ExperimentTracker) -> None:
    """Whatever its own __str__ does."""

    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    run = tracker.start_run(name="r")
    with pytest.raises(OddError), run:
        raise OddError
    assert tracker.get_run(run.run_id).status is RunStatus.FAILED


def test_the_error_of_the_body_reaches_the_caller(tracker: ExperimentTracker) -> None:
    """Also where the run cannot be ended; a note says that."""

    def refuse(data: object) -> None:
        raise StorageError("the disk is full")

    hooks = get_hooks_manager()
    hooks.register(HookType.PRE_RUN_END)(refuse)
    run = tracker.start_run(name="r")
    try:
        with pytest.raises(ZeroDivisionError) as caught, run:
            _ = 1 / 0
    finally:
        hooks.unregister(HookType.PRE_RUN_END, refuse)
    assert "the disk is full" in caught.value.__notes__[0]
    run.end()


def test_a_run_ends_once(tmp_path: Path) -> None:
    """Whoever comes second is told, and the first word stands."""
    first, second = ExperimentTracker(tmp_path), ExperimentTracker(tmp_path)
    run = first.start_run(name="r")
    second.end_run(run.run_id, "FAILED")
    with pytest.raises(RunNotActiveError, match="FAILED"):
        run.end()
    assert second.get_run(run.run_id).status is RunStatus.FAILED


def test_of_several_that_resume_one_gets_the_run(tmp_path: Path) -> None:
    """The others are told that it is open; a deleted run is not resumed."""
    tracker = ExperimentTracker(tmp_path)
    run = tracker.start_run(name="r")
    run.end()
    others = [ExperimentTracker(tmp_path) for _ in range(4)]
    got: list[str] = []

    def resume(each: ExperimentTracker) -> None:
        try:
            got.append(each.resume_run(run.run_id).run_id)
        except RunNotActiveError:
            return

    threads = [threading.Thread(target=resume, args=(each,)) for each in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [run.run_id]
    gone = tracker.start_run(name="gone")
    gone.end()
    tracker.delete_run(gone)
    with pytest.raises(RunNotActiveError, match="restore_run"):
        tracker.resume_run(gone)


def test_a_record_read_back_is_not_written(tmp_path: Path) -> None:
    """Its verbs say how to log; by the id any tracker may."""
    owner, reader = ExperimentTracker(tmp_path), ExperimentTracker(tmp_path)
    run = owner.start_run(name="r")
    record = reader.get_run(run.run_id)
    with pytest.raises(RunNotActiveError, match="by its id"):
        record.log_param("a", 1)
    reader.log_parameter(run.run_id, "a", 1)
    reader.log_metric(run.run_id, "m", 2.0)
    assert owner.get_run(run).parameters == {"a": 1}
    assert reader.get_run(run.run_id).metrics == {"m": 2.0}
    with pytest.raises(TypeError, match=run.run_id):
        __import__("pickle").dumps(run)


def test_metrics_of_running_runs_are_found(tmp_path: Path) -> None:
    """Search, listing, comparison and the record see what was logged, of one's own and others."""
    owner, reader = ExperimentTracker(tmp_path), ExperimentTracker(tmp_path)
    run = owner.start_run(name="r")
    run.log_metric("m", 5.0)
    for tracker in (owner, reader):
        assert tracker.search_runs(metric_filter={"m": (">", 1)}) == [run.run_id]
        assert tracker.count_runs(filter="metrics.m = 5") == 1
        assert tracker.list_runs()[0]["metrics"] == {"m": 5.0}
        assert tracker.compare_runs([run.run_id])["metrics.m"].tolist() == [5.0]
        assert tracker.get_run(run.run_id).metrics == {"m": 5.0}
    run.log_metric("m", 7.0, step=1)
    assert owner.search_runs(filter="metrics.m = 7") == [run.run_id]
    run.end()
    assert reader.search_runs(filter="metrics.m = 7") == [run.run_id]


def test_what_is_of_the_wrong_kind_never_reaches_a_document(tracker: ExperimentTracker) -> None:
    """Whatever verb or hook it came by; the run and the experiments stay readable."""
    run = tracker.start_run(name="r")
    for write in (
        lambda: run.set_note(["a"]),  # type: ignore[arg-type]
        lambda: run.log_input(__import__("numpy").zeros(2), 1),  # type: ignore[arg-type]
        lambda: tracker.end_run(run, "FAILED", error="boom"),  # type: ignore[arg-type]
        lambda: tracker.create_experiment("default", 123),  # type: ignore[arg-type]
        lambda: run.log_text("\ud800", "a.txt"),
        lambda: run.set_note("\ud800"),
        lambda: tracker.start_run(name="x", system_metrics=-1),
    ):
        with pytest.raises(TrackingValidationError):
            write()
    hooks = get_hooks_manager()

    def rename(data: dict[str, object]) -> dict[str, object]:
        return {**data, "name": 5}

    hooks.register(HookType.PRE_RUN_START)(rename)
    try:
        with pytest.raises(TrackingValidationError):
            tracker.start_run(name="hooked")
    finally:
        hooks.unregister(HookType.PRE_RUN_START, rename)
    run.log_input(__import__("numpy").zeros(2), "zeros", context=None)  # type: ignore[arg-type]
    run.end()
    assert tracker.get_run(run.run_id).inputs[0].context == ""
    assert len(tracker.list_experiments()) == 1


def test_an_experiment_of_any_id_is_renamed(tmp_path: Path) -> None:
    """No two locks of one rename are the same file."""
    with ExperimentTracker(tmp_path) as tracker:
        for number in range(80):
            made = tracker.create_experiment(f"e{number}")
            assert tracker.rename_experiment(made, f"renamed {number}").name == f"renamed {number}"


def test_a_damaged_experiment_does_not_hide_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out with a warning that names the file."""
    with ExperimentTracker(tmp_path) as tracker:
        bad, good = tracker.create_experiment("bad"), tracker.create_experiment("good")
        next(tmp_path.rglob(f"experiments/{bad.id}.json")).write_text("{")
        assert tracker.list_experiments() == [good]
        assert bad.id in caplog.text


def test_a_tracker_used_after_close_is_alive(tmp_path: Path) -> None:
    """Its open run is not taken for abandoned."""
    tracker, other = ExperimentTracker(tmp_path), ExperimentTracker(tmp_path)
    run = tracker.start_run(name="r")
    tracker.close()
    run.log_metric("m", 1.0)
    assert not other.get_run(run.run_id).is_abandoned
    with pytest.raises(RunNotActiveError):
        other.resume_run(run.run_id)
    run.end()
    assert other.get_run(run.run_id).metrics == {"m": 1.0}


def test_a_store_that_was_removed_begins_anew(tmp_path: Path) -> None:
    """What is logged afterwards is found by everybody."""
    import shutil

    tracker = ExperimentTracker(tmp_path / "store")
    tracker.start_run(name="before").end()
    tracker.close()
    shutil.rmtree(tmp_path / "store")
    tracker._look_for_mark = 0.0
    with tracker.start_run(name="after", experiment_name="default") as run:
        run.log_metric("m", 1.0)
    fresh = ExperimentTracker(tmp_path / "store")
    assert [each["name"] for each in fresh.list_runs()] == ["after"]
    assert fresh.get_run(run.run_id).history("m")["value"].tolist() == [1.0]
    assert [each.name for each in fresh.list_experiments()] == ["default"]


def test_durability_reaches_the_documents(tmp_path: Path) -> None:
    """And a word that is neither of the two is refused."""
    tracker = ExperimentTracker(tmp_path, durability="disk")
    assert isinstance(tracker.storage, LocalStorageBackend)
    assert tracker.storage.durability == "disk"
    with pytest.raises(TrackingValidationError, match="disk"):
        ExperimentTracker(tmp_path, durability="dsik")  # type: ignore[arg-type]


def test_an_error_of_long_ago_is_not_a_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A console keeps the last exception; a run that was started since did not fail by it."""
    monkeypatch.setattr(sys, "last_value", ZeroDivisionError("an hour ago"), raising=False)
    tracker = ExperimentTracker(tmp_path)
    run = tracker.start_run(name="r")
    tracker.end_at_exit()
    assert ExperimentTracker(tmp_path).get_run(run.run_id).status is RunStatus.COMPLETED


def test_repair_ends_abandoned_runs(tmp_path: Path) -> None:
    """They are FAILED, with the last values of their metrics."""
    import subprocess

    code = (
        "import os, sys\nfrom tauro.mlops import ExperimentTracker\n"
        "run = ExperimentTracker(sys.argv[1]).start_run(name='dies')\n"
        "run.log_metric('m', 5.0)\nos.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    tracker = ExperimentTracker(tmp_path)
    found = tracker.list_runs()[0]
    assert (found["status"], found["metrics"]) == ("RUNNING", {"m": 5.0})
    assert tracker.search_runs(filter="metrics.m > 1") == [found["run_id"]]
    assert tracker.repair().ended == [found["run_id"]]
    assert tracker.repair().ended == []
    found = ExperimentTracker(tmp_path).list_runs()[0]
    assert (found["status"], found["metrics"]) == ("FAILED", {"m": 5.0})
    assert found["error"]["type"] == "Abandoned"


def test_two_trackers_share_a_memory_store() -> None:
    """Runs, metrics and ends of one are seen by the other."""
    storage = MemoryStorageBackend()
    first, second = ExperimentTracker(storage), ExperimentTracker(storage)
    run = first.start_run(name="r")
    run.log_metric("m", 1.0)
    assert second.search_runs(filter="metrics.m = 1") == [run.run_id]
    assert second.get_metric_history(run.run_id, "m")["value"].tolist() == [1.0]
    run.end()
    again = second.resume_run(run.run_id)
    again.end()
    assert first.get_run(run.run_id).metrics == {"m": 1.0}


def test_a_cache_under_a_tracker_loses_no_change(tmp_path: Path) -> None:
    """Documents are read past it."""
    place = LocalStorageBackend(tmp_path)
    first, second = (ExperimentTracker(CachedStorage(place)) for _ in range(2))
    run = first.start_run(name="r")
    second.get_run(run.run_id)
    first.set_tag(run.run_id, "a", 1)
    second.set_tag(run.run_id, "b", 2)
    assert ExperimentTracker(place).get_run(run.run_id).tags == {"a": "1", "b": "2"}
