"""What may come between two steps of a process whose documents follow their journal."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.tracking.tracker.test_late_documents import document

from tauro._internal import _fs
from tauro.errors import RunNotFoundError, StorageError
from tauro.mlops import MLOpsConfig, MLOpsContext, repair_store
from tauro.mlops._verify import verify_around
from tauro.storage import LocalStorageBackend
from tauro.tracking import ExperimentTracker, Run, RunStatus
from tauro.tracking._documents import Documents
from tauro.tracking._keys import run_key
from tauro.tracking._standing import StandingRuns


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


def still(store: Path) -> ExperimentTracker:
    """Return a tracker whose own thread does nothing while a test looks."""
    tracker = ExperimentTracker(store)
    tracker._chores = lambda: None  # type: ignore[method-assign]
    tracker._heartbeat._chores = lambda: None
    return tracker


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return where the store is."""
    return tmp_path / "store"


@pytest.fixture
def tracker(store: Path) -> Iterator[ExperimentTracker]:
    """Return the tracker that runs the run."""
    with still(store) as tracker:
        yield tracker


@pytest.fixture
def other(store: Path, tracker: ExperimentTracker) -> Iterator[ExperimentTracker]:
    """Return a tracker that is to it as one of another process."""
    del tracker
    with still(store) as other:
        yield other


@pytest.fixture
def run(tracker: ExperimentTracker) -> Run:
    """Return an open run that has a parameter and no document."""
    run = tracker.start_run(name="r")
    run.log_params({"p": 1})
    return run


def after_reading(documents: Documents, do: Callable[[], None]) -> None:
    """Do something once, right after a run's document was read for the first time."""
    read, done = documents._in_place, False

    def in_place(experiment_id: str, run_id: str) -> Any:
        nonlocal done
        found = read(experiment_id, run_id)
        if not done:
            done = True
            do()
        return found

    documents._in_place = in_place  # type: ignore[method-assign]


def is_gone(store: Path, run: Run) -> bool:
    """Tell whether nobody finds a run, also after all have published."""
    for _ in range(2):
        with ExperimentTracker(store) as fresh:
            if fresh.query_runs(include_deleted=True).run_ids or document(store, run):
                return False
            fresh.compact()
    return True


# Reading


def test_its_process_reads_while_its_own_thread_puts_it_in_place(
    tracker: ExperimentTracker, run: Run
) -> None:
    """What was read is old then, and what waited waits no more."""
    tracker._documents.put_waiting()
    run.set_tag("t", "v")
    after_reading(tracker._documents, tracker._documents.put_waiting)
    assert tracker.get_run(run.run_id).tags == {"t": "v"}


@pytest.mark.parametrize("how", ["end", "publish"])
@pytest.mark.parametrize("reader", ["tracker", "standing"])
def test_another_reads_while_it_is_put_in_place(
    store: Path,
    tracker: ExperimentTracker,
    other: ExperimentTracker,
    run: Run,
    how: str,
    reader: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was read is old then, and no journal is ahead of anything."""
    tracker._documents.put_waiting()
    run.set_tag("t", "v")

    def meanwhile() -> None:
        if how == "end":
            run.end()
        else:
            tracker.compact()

    if reader == "tracker":
        other._catalogue.count()
        after_reading(other._documents, meanwhile)
        assert other.get_run(run.run_id).tags == {"t": "v"}
        return
    standing = StandingRuns(LocalStorageBackend(store))
    standing.ahead()
    read, done = standing._read, list[int]()

    def read_once(key: str) -> bytes | None:
        found = read(key)
        if not done:
            done.append(1)
            meanwhile()
        return found

    monkeypatch.setattr(standing, "_read", read_once)
    found = standing.read(run_key(run.experiment_id, run.run_id))
    assert found is not None
    assert b'"t": "v"' in found


def test_a_run_that_another_took_over(
    tracker: ExperimentTracker, other: ExperimentTracker, run: Run
) -> None:
    """What waits in the process that ran it does not hide what the new one recorded."""
    other.end_run(run.run_id)
    other.resume_run(run.run_id)
    other.set_tag(run.run_id, "theirs", "1")
    assert tracker.get_run(run.run_id).tags == {"theirs": "1"}
    tracker.set_tag(run.run_id, "mine", "2")
    assert other.get_run(run.run_id).tags == {"theirs": "1", "mine": "2"}


def test_what_is_put_in_place_for_others_is_never_older_than_what_is_there(
    store: Path,
    tracker: ExperimentTracker,
    other: ExperimentTracker,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run's process ends it just when the publisher has decided to put its start in place."""
    follow, ending = other._documents._follow, threading.Thread(target=run.end)

    def late(*arguments: Any) -> None:
        ending.start()
        ending.join(0.5)  # It has to wait for the lock.
        follow(*arguments)

    monkeypatch.setattr(other._documents, "_follow", late)
    other.compact()
    ending.join()
    found = document(store, run)
    assert found is not None
    assert found.status is RunStatus.COMPLETED


# Removal


def remove(other: ExperimentTracker, run: Run) -> None:
    """Remove a run for good, whose process thinks that it has it open."""
    other.end_run(run.run_id)
    other.delete_run(run.run_id)
    assert other.gc()["runs"] == [run.run_id]


def take_over_and_remove(other: ExperimentTracker, run: Run) -> None:
    """Remove it as the one that runs it."""
    other.end_run(run.run_id)
    other.resume_run(run.run_id)
    remove(other, run)


def remove_by_a_third(other: ExperimentTracker, run: Run) -> None:
    """Remove what another took over."""
    other.end_run(run.run_id)
    other.resume_run(run.run_id)
    with ExperimentTracker(other.storage) as third:
        remove(third, run)


@pytest.mark.parametrize("how", [remove, take_over_and_remove, remove_by_a_third])
@pytest.mark.parametrize("what", ["close", "wait", "tag", "end", "read"])
def test_what_waits_does_not_bring_back_what_others_removed(
    store: Path,
    tracker: ExperimentTracker,
    other: ExperimentTracker,
    run: Run,
    how: Callable[[ExperimentTracker, Run], None],
    what: str,
) -> None:
    """A document that is there no more is not one that is not there yet."""
    how(other, run)
    match what:
        case "close":
            tracker.close()
        case "wait":
            tracker._put_waiting()
        case _:
            verbs: dict[str, Callable[[], object]] = {
                "tag": lambda: run.set_tag("t", "v"),
                "end": run.end,
                "read": lambda: tracker.get_run(run.run_id),
            }
            with pytest.raises(RunNotFoundError):
                verbs[what]()
    assert is_gone(store, run)
    tracker.close()
    other.close()
    assert is_gone(store, run)


def test_removing_what_waits_here(
    store: Path, tracker: ExperimentTracker, other: ExperimentTracker, run: Run
) -> None:
    """The one that removes it is the one that ran it."""
    other.end_run(run.run_id)
    tracker.delete_run(run.run_id)
    assert tracker.gc()["runs"] == [run.run_id]
    with pytest.raises(RunNotFoundError):
        tracker.get_run(run.run_id)
    tracker._put_waiting()
    assert is_gone(store, run)


def test_what_tells_of_a_removal_goes_with_the_process_that_is_told(
    store: Path, tracker: ExperimentTracker, other: ExperimentTracker, run: Run
) -> None:
    """Nothing of it stays for ever."""
    remove(other, run)
    told = store / "_tauro" / "told"
    assert [path.name for path in told.rglob("*") if path.is_file()] == [run.run_id]
    other.gc()
    assert told.exists()
    tracker._open_runs.clear()
    tracker.close()
    other.gc()
    assert not [path for path in told.rglob("*") if path.is_file()]


@pytest.mark.parametrize("ended_by", ["its process", "another"])
def test_what_was_removed_stays_so_when_the_state_is_lost(
    store: Path, tracker: ExperimentTracker, other: ExperimentTracker, run: Run, ended_by: str
) -> None:
    """Its entries stand in a journal that grows on, and what said that it is gone was folded."""
    stays = tracker.start_run(name="stays")
    if ended_by == "its process":
        run.end()
    else:
        other.end_run(run.run_id)
    other.delete_run(run.run_id)
    assert other.gc()["runs"] == [run.run_id]
    other.close()
    (store / "_tauro" / "journal" / "state.json").unlink()
    for _ in range(2):
        with ExperimentTracker(store) as fresh:
            assert fresh.query_runs(include_deleted=True).run_ids == [stays.run_id]
            fresh.compact()
            assert document(store, run) is None
            assert document(store, stays) is not None


@pytest.mark.parametrize("state_is_lost", [False, True])
def test_verify_and_repair_know_what_was_removed(
    store: Path, tracker: ExperimentTracker, other: ExperimentTracker, run: Run, state_is_lost: bool
) -> None:
    """Its process lives, and its journal still says that the document was put in place."""
    run.end()
    stays = tracker.start_run()
    stays.end()
    other.delete_run(run.run_id)
    assert other.gc()["runs"] == [run.run_id]
    other.close()
    if state_is_lost:
        (store / "_tauro" / "journal" / "state.json").unlink()
    damages = list(verify_around(LocalStorageBackend(store)))
    assert damages == []
    with MLOpsContext(MLOpsConfig(storage_path=str(store))) as context:
        assert repair_store(context)["documents"] == 0
    assert document(store, run) is None
    assert ExperimentTracker(store).query_runs(include_deleted=True).run_ids == [stays.run_id]


def test_a_store_that_is_removed_stays_so(
    store: Path, tracker: ExperimentTracker, run: Run
) -> None:
    """A process that only waits does not put its documents back."""
    shutil.rmtree(store)
    tracker._put_waiting()
    assert document(store, run) is None


@pytest.mark.parametrize("operation", ["unlink", "rename"])
def test_two_remove_the_same(tmp_path: Path, operation: str) -> None:
    """The second finds nothing, also where both looked before; as two collections may."""
    storage = LocalStorageBackend(tmp_path / "store")
    storage.write_bytes("folder/file", b"x")
    storage.write_bytes("file", b"x")

    def hook(name: str, path: str) -> None:
        if name == operation:
            _fs.set_fault_hook(None)
            assert storage.delete("file" if operation == "unlink" else "folder")

    _fs.set_fault_hook(hook)
    assert not storage.delete("file" if operation == "unlink" else "folder")


# Failures


def test_one_that_cannot_be_put_in_place_does_not_keep_the_others(
    store: Path, tracker: ExperimentTracker, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged document is nobody's but its own."""
    second = tracker.start_run(name="second")
    file = store / run_key(run.experiment_id, run.run_id)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"{")
    tracker._put_waiting()
    assert "does not hold a run" in caplog.text
    assert document(store, second) is not None
    file.unlink()
    tracker._put_waiting()
    assert document(store, run) is not None


def test_two_failures_in_a_row_are_followed_by_a_change_that_counts(
    store: Path, tracker: ExperimentTracker, run: Run
) -> None:
    """The entry of the first stands although the caller was told of an error."""
    for operation, suffix, change in (
        ("fstat", ".journal", lambda: run.set_tag("t", "failed")),
        ("rename", f"{run.run_id}.json", run.end),
    ):

        def hook(name: str, path: str, failing: str = operation, end: str = suffix) -> None:
            if name == failing and path.endswith(end):
                raise OSError(5, "Input/output error", path)

        _fs.set_fault_hook(hook)
        with pytest.raises(StorageError, match="Input/output error"):
            change()
        _fs.set_fault_hook(None)
    run.set_tag("t", "after")
    for each in (tracker, ExperimentTracker(store)):
        assert each.get_run(run.run_id).tags == {"t": "after"}
        assert each.search_runs(filter="tags.t = 'after'") == [run.run_id]


def test_a_store_that_is_begun_anew_while_a_document_is_put_in_place(
    tracker: ExperimentTracker, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that does it goes on."""
    follow = tracker._documents._follow

    def forgetting(experiment_id: str, run_id: str, document: bytes) -> None:
        follow(experiment_id, run_id, document)
        tracker._documents.forget_waiting()

    monkeypatch.setattr(tracker._documents, "_follow", forgetting)
    tracker._put_waiting()
    assert run.status is RunStatus.RUNNING


def test_publishing_passes_by_a_run_that_somebody_holds(
    store: Path,
    tracker: ExperimentTracker,
    other: ExperimentTracker,
    run: Run,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its journal keeps it, and the next publication puts it in place.

    Sixty-four locks serve all runs, so that some other may wait with it, and hardly all others.
    """
    others = [tracker.start_run(name=f"other {number}") for number in range(4)]
    held = LocalStorageBackend(store)
    with caplog.at_level(logging.WARNING), held.lock(f"run/{run.run_id}"):
        other.compact()
    assert f"The document of run {run.run_id} stays behind" in caplog.text
    assert document(store, run) is None
    assert any(document(store, each) is not None for each in others)
    assert ExperimentTracker(store).get_run(run.run_id).parameters == {"p": 1}
    other.compact()
    assert document(store, run) is not None


# Around


def test_closing_reads_the_index_once(
    store: Path, tracker: ExperimentTracker, other: ExperimentTracker, run: Run
) -> None:
    """Documents of others are put in place by what is in memory."""
    other.start_run(name="mine").end()
    other.close()
    assert "_catalogue" not in other.__dict__
    assert document(store, run) is not None


def test_verify_knows_what_a_search_shows_of_a_run_that_goes_on(
    store: Path, tracker: ExperimentTracker, run: Run
) -> None:
    """Its last values are published before its document has them."""
    run.log_metric("m", 0.5)
    tracker.compact()
    assert tracker.search_runs(filter="metrics.m = 0.5") == [run.run_id]
    tracker.compact()
    damages = list(verify_around(LocalStorageBackend(store)))
    assert damages == []


def test_a_run_that_ends_while_a_search_reads_its_points_keeps_its_last_values(
    store: Path,
    tracker: ExperimentTracker,
    other: ExperimentTracker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the search had read before was shown over them, published, and named as damage."""
    run = tracker.start_run(experiment_name="one")
    run.log_metric("loss", 10.0)
    summaries = other._log.summaries

    def read_then_end(*about: Any) -> Any:
        found = summaries(*about)
        if run.status is RunStatus.RUNNING:
            run.log_metric("loss", 23.0)
            run.end()
            assert other.query_runs().records[0].status is RunStatus.COMPLETED
        return found

    monkeypatch.setattr(other._log, "summaries", read_then_end)
    for _ in range(2):
        [record] = other.query_runs().records
        assert record.metrics == {"loss": 23.0}
    other.compact()
    assert [*other.verify(), *verify_around(LocalStorageBackend(store))] == []
