"""Experiments that are deleted: hidden with their runs, brought back, or removed for good."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tauro._internal import _clock, _fs
from tauro.errors import ExperimentNotFoundError, RunNotActiveError, RunNotFoundError, StorageError
from tauro.events import EventType, HookType, Observers, Operation
from tauro.storage import LocalStorageBackend, MemoryStorageBackend, StorageBackend
from tauro.tracking import ExperimentTracker, Run, RunStatus

DAY_NS = 86_400 * 10**9


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> StorageBackend:
    if request.param == "memory":
        return MemoryStorageBackend()
    return LocalStorageBackend(tmp_path / "store")


@pytest.fixture
def observers() -> Observers:
    return Observers()


@pytest.fixture
def tracker(storage: StorageBackend, observers: Observers) -> Iterator[ExperimentTracker]:
    with ExperimentTracker(storage, observers=observers) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)
    _clock.set_source(None)


def logged(tracker: ExperimentTracker, experiment: str, name: str) -> Run:
    """Return an ended run with a point and an artifact, in an experiment by name."""
    with tracker.start_run(experiment_name=experiment, name=name) as run:
        run.log_metric("m", 1.0)
        run.log_text("x", "a.txt")
    return run


def names(tracker: ExperimentTracker, **query: bool) -> set[str]:
    return {str(run["name"]) for run in tracker.list_runs(**query)}  # type: ignore[arg-type]


def test_its_runs_are_found_only_where_deleted_ones_are_asked_for(
    tracker: ExperimentTracker, storage: StorageBackend
) -> None:
    """In every verb that searches, here and in another tracker; by its id a run is still there."""
    hidden, shown = logged(tracker, "old", "hidden"), logged(tracker, "new", "shown")
    tracker.compact()
    tracker.delete_experiment(hidden.experiment_id)
    for each in (tracker, ExperimentTracker(storage)):
        assert names(each) == {"shown"}
        assert each.search_runs() == [shown.run_id]
        assert each.search_runs(hidden.experiment_id) == []
        assert each.count_runs() == 1
        assert each.count_runs(hidden.experiment_id) == 0
        assert each.query_runs().run_ids == [shown.run_id]
        assert each.runs_frame()["name"].tolist() == ["shown"]
        assert names(each, include_deleted=True) == {"hidden", "shown"}
        assert each.count_runs(hidden.experiment_id, include_deleted=True) == 1
        found = each.get_run(hidden.run_id)
        assert found.history("m")["value"].tolist() == [1.0]


def test_restoring_brings_back_its_runs_and_not_those_deleted_themselves(
    tracker: ExperimentTracker, storage: StorageBackend
) -> None:
    """A run that was deleted for its own sake stays deleted."""
    kept, dropped = logged(tracker, "e", "kept"), logged(tracker, "e", "dropped")
    tracker.delete_run(dropped)
    tracker.delete_experiment(kept.experiment_id)
    assert names(tracker) == set()
    tracker.restore_experiment(kept.experiment_id)
    assert names(tracker) == names(ExperimentTracker(storage)) == {"kept"}
    assert tracker.get_run(kept.run_id).history("m")["value"].tolist() == [1.0]


def test_it_takes_no_runs_and_none_of_its_runs_is_resumed(tracker: ExperimentTracker) -> None:
    """The error says how to bring it back."""
    run = logged(tracker, "e", "r")
    tracker.delete_experiment(run.experiment_id)
    with pytest.raises(ExperimentNotFoundError, match="restore_experiment"):
        tracker.start_run(run.experiment_id)
    with pytest.raises(ExperimentNotFoundError, match="restore_experiment"):
        tracker.resume_run(run.run_id)
    tracker.restore_experiment(run.experiment_id)
    tracker.resume_run(run.run_id).end()


def test_another_tracker_notices_that_an_experiment_was_deleted(
    tracker: ExperimentTracker, storage: StorageBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of experiments is believed for a moment only."""
    other = ExperimentTracker(storage)
    experiment = other.create_experiment("e")
    other.start_run(experiment).end()
    tracker.delete_experiment(experiment)
    monkeypatch.setattr(other, "_look_for_mark", 0.0)
    with pytest.raises(ExperimentNotFoundError, match="is deleted"):
        other.start_run(experiment)
    other.close()


def test_gc_removes_what_is_past_its_retention_with_all_its_runs(
    tracker: ExperimentTracker, storage: StorageBackend
) -> None:
    """Nothing of it is left in the store, and its name is free; the rest is untouched."""
    stays, goes = logged(tracker, "stays", "a"), logged(tracker, "goes", "b")
    tracker.compact()
    late = logged(tracker, "goes", "c")
    tracker.delete_run(late)
    experiment_id = goes.experiment_id
    tracker.delete_experiment(experiment_id)
    assert tracker.gc(older_than_days=30) == {"runs": [], "experiments": []}
    assert tracker.find_experiment("goes") is not None
    later = _clock.now_ns() + 31 * DAY_NS
    _clock.set_source(lambda: later)
    gone = tracker.gc(older_than_days=30)
    assert gone["experiments"] == [experiment_id]
    assert set(gone["runs"]) == {goes.run_id, late.run_id}
    left = [key for key in storage.list_paths() if not key.startswith("_tauro/journal")]
    assert not [
        key
        for key in left
        if any(each in key for each in (experiment_id, goes.run_id, late.run_id))
    ]
    for each in (tracker, ExperimentTracker(storage)):
        assert names(each, include_deleted=True) == {"a"}
        assert [book.name for book in each.list_experiments(include_deleted=True)] == ["stays"]
        assert each.find_experiment("goes") is None
        with pytest.raises(RunNotFoundError):
            each.get_run(goes.run_id)
    assert tracker.get_run(stays.run_id).history("m")["value"].tolist() == [1.0]
    again = tracker.create_experiment("goes")
    assert again.experiment_id != experiment_id
    assert tracker.list_runs(again) == []
    assert list(tracker.verify()) == []


def test_a_deleted_experiment_keeps_its_name_until_it_is_removed(
    tracker: ExperimentTracker,
) -> None:
    """The name of one that was renamed before is free at once."""
    first = tracker.create_experiment("a")
    tracker.rename_experiment(first, "b")
    second = tracker.create_experiment("a")
    tracker.delete_experiment(first)
    assert tracker.gc()["experiments"] == [first.experiment_id]
    found = tracker.find_experiment("a")
    assert found is not None
    assert found.experiment_id == second.experiment_id


def test_a_run_that_is_being_written_holds_its_experiment(tracker: ExperimentTracker) -> None:
    """Once it has ended both go."""
    ended = logged(tracker, "e", "ended")
    run = tracker.start_run(ended.experiment_id, "open")
    tracker.delete_experiment(run.experiment_id)
    assert tracker.gc() == {"runs": [], "experiments": []}
    run.log_metric("m", 2.0)
    run.end()
    gone = tracker.gc()
    assert set(gone["runs"]) == {ended.run_id, run.run_id}
    assert gone["experiments"] == [run.experiment_id]


def test_files_that_a_living_process_has_open_wait_for_the_next_collection(
    tmp_path: Path,
) -> None:
    """Its runs go and its name is free; the rest goes once that process has let go."""
    store = tmp_path / "store"
    code = (
        "import sys\n"
        "from tauro.mlops import ExperimentTracker\n"
        "tracker = ExperimentTracker(sys.argv[1])\n"
        "with tracker.start_run(experiment_name='e') as run:\n"
        "    run.log_metric('m', 1.0)\n"
        "print(run.run_id, flush=True)\n"
        "sys.stdin.read()\n"
        "tracker.close()\n"
    )
    with (
        subprocess.Popen(
            [sys.executable, "-c", code, str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child,
        ExperimentTracker(store) as tracker,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        run_id = child.stdout.readline().strip()
        experiment = tracker.find_experiment("e")
        assert experiment is not None
        tracker.delete_experiment(experiment)
        assert tracker.gc() == {"runs": [run_id], "experiments": []}
        assert tracker.list_experiments(include_deleted=True) == []
        assert tracker.find_experiment("e") is None
        with pytest.raises(ExperimentNotFoundError, match="being removed"):
            tracker.restore_experiment(experiment)
        child.stdin.close()
        assert child.wait() == 0
        assert tracker.gc() == {"runs": [], "experiments": [experiment.experiment_id]}
        assert not [path for path in store.rglob("*") if experiment.experiment_id in path.name]


def test_a_removal_is_told_and_a_hook_may_refuse_it(
    tracker: ExperimentTracker, observers: Observers
) -> None:
    """Hooks, counters, events and the audit log know of each run and experiment that goes."""
    held = [True]

    @observers.hooks.register(HookType.PRE_EXPERIMENT_REMOVE)
    def hold(data: dict[str, object]) -> None:
        assert data["runs"] == 1
        if held[0]:
            raise PermissionError("a legal hold")

    run = logged(tracker, "e", "r")
    tracker.delete_experiment(run.experiment_id)
    with pytest.raises(PermissionError, match="legal hold"):
        tracker.gc()
    tracker.restore_experiment(run.experiment_id)
    assert names(tracker) == {"r"}
    held.clear()
    held.append(False)
    tracker.delete_experiment(run.experiment_id)
    tracker.gc()
    events = [event.event_type for event in observers.emitter.get_history()]
    assert events[-2:] == [EventType.RUN_REMOVED, EventType.EXPERIMENT_REMOVED]
    records = observers.audit.query(action=Operation.EXPERIMENT_REMOVE)
    assert [(each.outcome, each.subject) for each in records] == [
        ("refused", run.experiment_id),
        ("success", run.experiment_id),
    ]
    assert observers.metrics.get_counter("runs_removed") == 1
    assert observers.metrics.get_counter("experiments_removed") == 1


@pytest.mark.faults
@pytest.mark.parametrize("operation", ["rename", "unlink", "write", "rmtree"])
def test_a_removal_that_was_cut_short_is_completed(
    tmp_path: Path, operation: str, torture_report: Callable[..., None]
) -> None:
    """Whichever call fails: what was begun cannot be restored, is no damage, and goes next time."""
    store = tmp_path / "store"
    for turn in range(1, 40):
        with ExperimentTracker(store) as tracker:
            run, stays = logged(tracker, "goes", "r"), logged(tracker, "stays", "s")
            tracker.delete_experiment(run.experiment_id)
            seen = [0]

            def fail(name: str, path: str, seen: list[int] = seen, turn: int = turn) -> None:
                seen[0] += name == operation
                if name == operation and seen[0] == turn:
                    raise OSError(5, "the disk", path)

            _fs.set_fault_hook(fail)
            try:
                tracker.gc()
            except (StorageError, OSError):
                failed = True
            else:
                failed = seen[0] >= turn
            _fs.set_fault_hook(None)
        with ExperimentTracker(store) as tracker:
            assert list(tracker.verify()) == []
            left = tracker.gc()["experiments"]
            assert left in ([], [run.experiment_id])
            assert tracker.find_experiment("goes") is None
            assert names(tracker, include_deleted=True) >= {"s"}
            assert tracker.get_run(stays.run_id).status is RunStatus.COMPLETED
            with pytest.raises(RunNotFoundError):
                tracker.get_run(run.run_id)
        if not failed:
            return
        torture_report(faults=1)
    pytest.fail("the collection never came to its end")


def test_a_run_that_is_being_removed_is_not_brought_back(tmp_path: Path) -> None:
    """A collection that ends between the mark and the document leaves nothing to restore."""
    with ExperimentTracker(tmp_path / "store") as tracker:
        run = logged(tracker, "e", "r")
        tracker.delete_run(run)

        def fail(name: str, path: str) -> None:
            if name == "rmtree" and run.run_id in path:
                raise OSError(5, "the disk", path)
            if name == "unlink" and path.endswith(f"{run.run_id}.json"):
                raise OSError(5, "the disk", path)

        _fs.set_fault_hook(fail)
        with pytest.raises(StorageError):
            tracker.gc()
        _fs.set_fault_hook(None)
        with pytest.raises(RunNotFoundError, match="being removed"):
            tracker.restore_run(run)
        with pytest.raises((RunNotFoundError, RunNotActiveError)):
            tracker.resume_run(run)
        assert list(tracker.verify()) == []
        assert tracker.gc()["runs"] == [run.run_id]


def test_what_another_removed_is_gone_here_though_its_journal_is(tmp_path: Path) -> None:
    """A process that looks late learns it from the documents, and publishes no ghost."""
    store = tmp_path / "store"
    with ExperimentTracker(store) as first, ExperimentTracker(store) as late:
        goes, stays = logged(first, "goes", "a"), logged(first, "stays", "b")
        dropped = logged(first, "stays", "c")
        assert names(late) == {"a", "b", "c"}
        with ExperimentTracker(store) as remover:
            remover.delete_experiment(goes.experiment_id)
            remover.delete_run(dropped)
            remover.gc()
        for tracker in (late, first):
            assert names(tracker, include_deleted=True) == {"b"}
        first.start_run(stays.experiment_id, "d").end()
        first.compact()
        for tracker in (late, ExperimentTracker(store)):
            assert names(tracker, include_deleted=True) == {"b", "d"}
            assert [each.name for each in tracker.search_experiments()] == ["stays"]
