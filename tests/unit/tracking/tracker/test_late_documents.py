"""A run's document follows its journal; nobody who asks Tauro can tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.errors import RunNotActiveError, StorageError
from tauro.mlops import MLOpsConfig, MLOpsContext, export_store, import_store
from tauro.storage import LocalStorageBackend, PrefixedStorage, ReadOnlyStorage
from tauro.tracking import ExperimentTracker, Run, RunStatus
from tauro.tracking._keys import run_key
from tauro.tracking._models import RunRecord, decode_run


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[ExperimentTracker]:
    """Return a tracker whose own thread puts nothing in place while a test looks."""
    with ExperimentTracker(tmp_path / "store") as tracker:
        tracker._chores = lambda: None  # type: ignore[method-assign]
        tracker._heartbeat._chores = lambda: None
        yield tracker


@pytest.fixture
def run(tracker: ExperimentTracker) -> Run:
    """Return an open run that has a parameter."""
    run = tracker.start_run(name="r")
    run.log_params({"p": 1})
    return run


def document(store: Path, run: Run) -> RunRecord | None:
    """Return what the file of a run holds, None where there is none."""
    file = store / run_key(run.experiment_id, run.run_id)
    return decode_run(file.read_bytes()) if file.exists() else None


def put_in_place(of: Callable[[], None], run: Run) -> int:
    """Return how often a run's document is put in place while something is done."""
    count = 0

    def hook(operation: str, path: str) -> None:
        nonlocal count
        count += operation == "rename" and path.endswith(f"{run.run_id}.json")

    _fs.set_fault_hook(hook)
    try:
        of()
    finally:
        _fs.set_fault_hook(None)
    return count


def test_a_short_run_writes_its_document_once(
    tmp_path: Path, tracker: ExperimentTracker, run: Run
) -> None:
    """Whatever is logged before its end."""
    assert document(tmp_path / "store", run) is None

    def live() -> None:
        for number in range(20):
            run.log_params({f"p{number}": number})
            run.set_tag("t", str(number))
            run.log_metric("m", number)
            run.log_text("text", f"{number}.txt")
        run.end()

    assert put_in_place(live, run) == 1
    found = document(tmp_path / "store", run)
    assert found is not None
    assert (found.status, found.tags, len(found.artifacts)) == (
        RunStatus.COMPLETED,
        {"t": "19"},
        20,
    )


def test_the_document_of_a_run_that_goes_on_follows_by_itself(tmp_path: Path) -> None:
    """And again after each change."""
    store = tmp_path / "store"
    with ExperimentTracker(store) as tracker:
        run = tracker.start_run(name="r")
        for number in range(2):
            run.log_params({f"p{number}": number})
            deadline = time.monotonic() + 60
            while (found := document(store, run)) is None or f"p{number}" not in found.parameters:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert found.status is RunStatus.RUNNING


def test_other_trackers_see_what_no_document_has(tmp_path: Path, run: Run) -> None:
    """One that was there, one that starts now, and one that may not write."""
    for other in (
        ExperimentTracker(tmp_path / "store"),
        ExperimentTracker(ReadOnlyStorage(LocalStorageBackend(tmp_path / "store"))),
    ):
        assert other.get_run(run.run_id).parameters == {"p": 1}
        assert other.search_runs(filter="params.p = 1") == [run.run_id]
        assert [each["run_id"] for each in other.list_runs(run.experiment_id)] == [run.run_id]
        run.set_tag("for", repr(other))
        assert other.get_run(run.run_id).tags == {"for": repr(other)}
        assert not list(other.verify())
    assert document(tmp_path / "store", run) is None


def test_two_change_one_run_and_both_changes_stay(tmp_path: Path, run: Run) -> None:
    """Each starts from what the other did, in place or not."""
    other = ExperimentTracker(tmp_path / "store")
    for number in range(5):
        run.set_tag(f"mine{number}", "x")
        other.set_tag(run.run_id, f"theirs{number}", "y")
    wanted = {f"mine{n}": "x" for n in range(5)} | {f"theirs{n}": "y" for n in range(5)}
    assert other.get_run(run.run_id).tags == wanted
    run.end()
    found = document(tmp_path / "store", run)
    assert found is not None
    assert found.tags == wanted
    other.close()


def test_another_ends_the_run(tmp_path: Path, tracker: ExperimentTracker, run: Run) -> None:
    """What waits here is older than that, and is never put over it."""
    with ExperimentTracker(tmp_path / "store") as other:
        other.end_run(run.run_id)
    with pytest.raises(RunNotActiveError):
        run.end()
    tracker.close()
    found = document(tmp_path / "store", run)
    assert found is not None
    assert (found.status, found.parameters) == (RunStatus.COMPLETED, {"p": 1})
    assert ExperimentTracker(tmp_path / "store").get_run(run.run_id).status is RunStatus.COMPLETED


def test_a_resumed_run_says_so_at_once(
    tmp_path: Path, tracker: ExperimentTracker, run: Run
) -> None:
    """By its document readers know that a journal may be ahead of it."""
    run.end()
    tracker.resume_run(run.run_id)
    found = document(tmp_path / "store", run)
    assert found is not None
    assert found.status is RunStatus.RUNNING
    tracker.set_tag(run.run_id, "again", "1")
    assert ExperimentTracker(tmp_path / "store").get_run(run.run_id).tags == {"again": "1"}
    assert document(tmp_path / "store", run) == found


def test_closing_puts_it_in_place(tmp_path: Path, tracker: ExperimentTracker, run: Run) -> None:
    """Also of a run that goes on."""
    tracker.close()
    found = document(tmp_path / "store", run)
    assert found is not None
    assert found.parameters == {"p": 1}
    run.log_params({"q": 2})
    assert tracker.get_run(run.run_id).parameters == {"p": 1, "q": 2}


def test_deleting_and_restoring_a_run_that_waits(
    tmp_path: Path, tracker: ExperimentTracker, run: Run
) -> None:
    """A document that is not in place is not a run that is gone."""
    with ExperimentTracker(tmp_path / "store") as other:
        other.delete_run(run.run_id)
        assert other.search_runs() == []
        assert other.gc() == {"runs": [], "experiments": []}
        other.restore_run(run.run_id)
        assert other.search_runs() == [run.run_id]
    run.end()
    tracker.delete_run(run.run_id)
    assert tracker.gc()["runs"] == [run.run_id]
    tracker.close()
    assert document(tmp_path / "store", run) is None
    fresh = ExperimentTracker(tmp_path / "store")
    assert fresh.query_runs(include_deleted=True).records == []


def test_with_power_loss_in_mind_documents_are_put_in_place_at_once(tmp_path: Path) -> None:
    """The journal would be as durable; whoever asks for more gets what he can look at."""
    with (
        ExperimentTracker(tmp_path / "store", durability="disk") as tracker,
        tracker.start_run() as run,
    ):
        run.log_params({"p": 1})
        found = document(tmp_path / "store", run)
        assert found is not None
        assert found.parameters == {"p": 1}
        with ExperimentTracker(tmp_path / "store") as other:  # whose runs wait
            waiting = other.start_run()
            waiting.set_tag("t", "v")
            assert tracker.get_run(waiting.run_id).tags == {"t": "v"}


def test_tenants_have_journals_of_their_own(tmp_path: Path) -> None:
    """One tenant's publication leaves alone what waits in another's."""
    storage = LocalStorageBackend(tmp_path / "store")
    with (
        ExperimentTracker(PrefixedStorage(storage, "tenants/a")) as one,
        ExperimentTracker(PrefixedStorage(storage, "tenants/b")) as two,
    ):
        first, second = one.start_run(), two.start_run()
        one.compact()
        assert one.search_runs() == [first.run_id]
        assert two.search_runs() == [second.run_id]


def test_a_failed_change_is_not_so_and_the_next_one_counts(
    tmp_path: Path, tracker: ExperimentTracker, run: Run
) -> None:
    """Also where the entry stands although the caller was told of an error."""
    for operation in ("write", "fstat"):

        def hook(name: str, path: str, failing: str = operation) -> None:
            if name == failing and path.endswith(".journal"):
                raise OSError(5, "Input/output error", path)

        _fs.set_fault_hook(hook)
        with pytest.raises(StorageError, match="Input/output error"):
            run.set_tag("t", f"failed {operation}")
        _fs.set_fault_hook(None)
        run.set_tag("t", f"after {operation}")
        for each in (tracker, ExperimentTracker(tmp_path / "store")):
            assert each.get_run(run.run_id).tags == {"t": f"after {operation}"}
            assert each.search_runs(filter=f"tags.t = 'after {operation}'") == [run.run_id]
    tracker.close()
    found = document(tmp_path / "store", run)
    assert found is not None
    assert found.tags == {"t": "after fstat"}


def test_a_document_that_cannot_be_put_in_place_is_tried_again(
    tmp_path: Path, tracker: ExperimentTracker, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost meanwhile, and the log says why it waits."""

    def hook(operation: str, path: str) -> None:
        if operation == "rename" and path.endswith(f"{run.run_id}.json"):
            raise OSError(28, "No space left on device", path)

    _fs.set_fault_hook(hook)
    tracker.close()
    _fs.set_fault_hook(None)
    assert "No space left on device" in caplog.text
    fresh = ExperimentTracker(tmp_path / "store")
    assert fresh.get_run(run.run_id).parameters == {"p": 1}
    tracker.close()
    found = document(tmp_path / "store", run)
    assert found is not None
    assert found.parameters == {"p": 1}


def test_a_fork_leaves_it_to_the_parent(tmp_path: Path, run: Run) -> None:
    """The child sees it, changes it by its id, and both changes are there."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with ExperimentTracker(tmp_path / "store") as mine:
                mine.set_tag(run.run_id, "child", "1")
            run.set_tag("inherited", "1")
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    run.set_tag("parent", "1")
    assert run.tags == {"child": "1", "inherited": "1", "parent": "1"}
    run.end()
    found = document(tmp_path / "store", run)
    assert found is not None
    assert found.tags == run.tags


CHILD = """
import os, sys
from tauro.mlops import ExperimentTracker
tracker = ExperimentTracker(sys.argv[1])
run = tracker.start_run(name="killed", tags={"a": "b"})
run.log_params({"p": 1})
run.log_metric("m", 0.5)
print(run.run_id, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def killed(tmp_path: Path) -> str:
    """Return the id of a run whose process was killed before its document was in place."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.strip()


def check_killed(store: Path, run_id: str) -> None:
    """Look for all that the process was acknowledged."""
    tracker = ExperimentTracker(store)
    run = tracker.get_run(run_id)
    assert (run.parameters, run.tags) == ({"p": 1}, {"a": "b"})
    assert tracker.search_runs(filter="params.p = 1 and metrics.m = 0.5") == [run_id]
    assert tracker.is_abandoned(run._record)
    assert not list(tracker.verify())


def test_a_killed_process_leaves_it_in_its_journal(tmp_path: Path, killed: str) -> None:
    """Whoever reads finds it; whoever publishes puts it in place; repair ends it."""
    store = tmp_path / "store"
    check_killed(store, killed)
    assert not list(store.rglob(f"{killed}.json"))
    with ExperimentTracker(store) as tracker:
        tracker.compact()
        run = tracker.get_run(killed)
        found = document(store, run)
        assert found is not None
        assert found.parameters == {"p": 1}
    check_killed(store, killed)
    with ExperimentTracker(store) as tracker:
        assert tracker.repair().ended == [killed]
    found = document(store, run)
    assert found is not None
    assert (found.status, found.metrics) == (RunStatus.FAILED, {"m": 0.5})


def test_a_killed_run_is_resumed(tmp_path: Path, killed: str) -> None:
    """It goes on from what was acknowledged."""
    with ExperimentTracker(tmp_path / "store") as tracker, tracker.resume_run(killed) as run:
        run.log_params({"q": 2})
    found = document(tmp_path / "store", run)
    assert found is not None
    assert (found.parameters, found.metrics) == ({"p": 1, "q": 2}, {"m": 0.5})


def test_copies_hold_it(tmp_path: Path, killed: str) -> None:
    """An export of the store, an import from it, both without a change to it."""
    store, copy = tmp_path / "store", tmp_path / "copy"
    before = sorted(path for path in store.rglob("*"))
    facts = export_store(LocalStorageBackend(store), copy)
    assert facts["runs"] == 1
    taken = MLOpsContext(MLOpsConfig(storage_path=str(tmp_path / "taken")))
    assert import_store(taken, store)["runs"] == 1
    assert sorted(path for path in store.rglob("*")) == before
    for each in (copy, tmp_path / "taken"):
        found = ExperimentTracker(each).get_run(killed)
        assert (found.parameters, found.tags) == ({"p": 1}, {"a": "b"})
        assert document(each, found) is not None


def test_a_store_that_was_removed_is_not_half_restored(
    tmp_path: Path, tracker: ExperimentTracker, run: Run
) -> None:
    """What waits for a store that is gone does not appear in the one that is begun in its place."""
    import shutil

    shutil.rmtree(tmp_path / "store")
    tracker._look_for_mark = 0.0  # as a second later
    other = tracker.start_run(name="new")
    assert tracker.search_runs() == [other.run_id]
    tracker.close()
    assert document(tmp_path / "store", run) is None
