"""States that are so with their entry, before their document is in place, if it ever is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.tracking.catalogue.support import Store, make_run

from tauro._internal import _fs
from tauro.errors import LockTimeoutError
from tauro.tracking._catalogue import RunCatalogue
from tauro.tracking._catalogue._layout import Layout
from tauro.tracking._catalogue._reader import JournalReader, Tail
from tauro.tracking._catalogue._state import State, read_state
from tauro.tracking._models import RunRecord, RunStatus, decode_run

Ahead = Callable[[], bytes | None]


def latest(store: Store, run: RunRecord) -> RunRecord | None:
    """Return what a process that starts now knows of a run."""
    return known(store.fresh(), run)


def known(store: Store, run: RunRecord) -> RunRecord | None:
    """Return what a process knows of a run."""
    found = store.catalogue.query(filter=f"run_id = '{run.run_id}'").records
    return found[0] if found else None


def test_everybody_sees_it_at_once(store: Store) -> None:
    """A process that was there before, and one that starts now; in the order of the changes."""
    run, there = make_run(), store.fresh()
    assert there.ids() == []
    store.put_ahead(run)
    assert there.ids() == store.fresh().ids() == [run.run_id]
    changed = store.change_ahead(run, name="changed")
    assert there.ids(filter="name = 'changed'") == [run.run_id]
    assert latest(store, run) == changed
    assert not store.run_path(run).exists()
    found = there.catalogue.ahead(run.run_id)
    assert found is not None
    assert decode_run(found) == changed
    assert there.catalogue.all_ahead() == [(run.experiment_id, run.run_id)]


def test_a_document_overtakes_it(store: Store) -> None:
    """What was put in place after it is later, whoever did it."""
    run, there, other = make_run(), store.fresh(), store.fresh()
    store.put_ahead(run)
    assert there.catalogue.ahead(run.run_id) is not None
    ended = other.change(run, name="ended")
    assert there.catalogue.ahead(run.run_id) is None
    assert latest(store, run) == ended
    later = store.change_ahead(ended, name="later")
    assert latest(store, run) == known(there, run) == later


@pytest.mark.parametrize("rounds", [1, 3])
def test_publishing_puts_it_in_place(store: Store, rounds: int) -> None:
    """What was never put in place by a process that died is, before its journal goes."""
    runs = [make_run() for _ in range(3)]
    store.put_ahead(*runs)
    runs[0] = store.change_ahead(runs[0], name="changed")
    store.catalogue.close()
    for _ in range(rounds):
        publisher = store.publishing()
        publisher.catalogue.publish()
        publisher.catalogue.close()
    assert [store.read(run) for run in runs] == runs
    assert store.journals() == []
    assert sorted(store.fresh().ids()) == sorted(run.run_id for run in runs)
    assert store.fresh().catalogue.all_ahead() == []
    # Everything but the documents may be lost from now on.
    shutil.rmtree(store.root / "_tauro")
    assert sorted(store.fresh().ids()) == sorted(run.run_id for run in runs)


def test_what_is_not_put_in_place_stays_in_its_journal(store: Store) -> None:
    """However often others publish, who cannot put it in place."""
    old, new = make_run(), make_run()
    store.put(old)
    store.put_ahead(new)
    for _ in range(3):
        other = Store(store.root, RunCatalogue(store.root))
        other.catalogue.publish()
        assert sorted(other.ids()) == sorted([old.run_id, new.run_id])
        assert latest(store, new) == new
    store.catalogue.close()
    assert len(store.journals()) == 1
    assert latest(store, new) == new
    assert not store.run_path(new).exists()


def test_one_that_cannot_be_put_in_place_does_not_keep_the_others(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told of, and waits in its journal for the next time."""
    runs = [make_run() for _ in range(3)]
    store.put_ahead(*runs)
    store.catalogue.close()
    publisher = store.fresh()

    def put(experiment_id: str, run_id: str, ahead: Ahead) -> None:
        if run_id == runs[1].run_id:
            raise LockTimeoutError("Somebody holds it.")
        publisher.follow(experiment_id, run_id, ahead)

    publisher.catalogue = RunCatalogue(store.root, put_ahead=put)
    publisher.catalogue.publish()
    assert f"The document of run {runs[1].run_id} stays behind" in caplog.text
    assert [store.run_path(run).exists() for run in runs] == [True, False, True]
    assert latest(store, runs[1]) == runs[1]
    store.publishing().catalogue.publish()
    assert store.read(runs[1]) == runs[1]
    assert store.journals() == []


def test_a_state_that_comes_while_others_are_put_in_place_is_kept(store: Store) -> None:
    """The publication holds back its watermark for it."""
    first, second = make_run(), make_run()
    store.put_ahead(first)
    publisher = store.fresh()

    def put(experiment_id: str, run_id: str, ahead: Ahead) -> None:
        publisher.follow(experiment_id, run_id, ahead)
        if not publisher.catalogue.find(second.run_id):
            store.put_ahead(second)
            store.change_ahead(first, name="changed")

    publisher.catalogue = RunCatalogue(store.root, put_ahead=put)
    publisher.catalogue.publish()
    assert store.read(first).name == first.name
    assert not store.run_path(second).exists()
    for there in (publisher, store.fresh()):
        assert sorted(there.ids()) == sorted([first.run_id, second.run_id])
        assert there.ids(filter="name = 'changed'") == [first.run_id]


def test_a_removal_is_the_last_word(store: Store) -> None:
    """Nothing that stands in a journal brings a run back that was removed for good."""
    run, there = make_run(), store.fresh()
    store.put_ahead(run)
    assert there.ids() == [run.run_id]
    other = store.publishing()
    condemned = other.change(run, lifecycle="removing")
    other.remove(condemned)
    for each in (there, store.fresh(), other):
        assert each.ids(include_deleted=True) == []
        assert each.catalogue.all_ahead() == []
    other.catalogue.publish()
    other.catalogue.publish()
    assert not store.run_path(run).exists()
    assert store.fresh().ids(include_deleted=True) == []
    assert there.ids(include_deleted=True) == []


def test_a_document_that_was_removed_by_hand_is_gone(store: Store) -> None:
    """Once it was in place, the document is the truth again."""
    run = make_run()
    store.put_ahead(run)
    store.publishing().catalogue.publish()
    assert store.run_path(run).exists()
    store.run_path(run).unlink()
    assert store.fresh().ids() == []


@pytest.mark.parametrize("lost", ["state", "index", "line", "other journal"])
def test_it_stays_when_what_is_around_it_is_lost(store: Store, lost: str) -> None:
    """Documents are read again then, and what is ahead of them is believed still."""
    old, run, another = make_run(), make_run(), make_run()
    store.put(old)
    store.catalogue.publish()
    store.put_ahead(run)
    other = store.fresh()
    other.put(another)
    there = store.fresh()
    assert len(there.ids()) == 3
    match lost:
        case "state":
            (store.journal / "state.json").unlink()
        case "index":
            store.index_path().unlink()
        case "line":
            journal = next(each for each in store.journals() if b"ahead" not in each.read_bytes())
            data = bytearray(journal.read_bytes())
            data[20] ^= 1
            journal.write_bytes(data)
        case "other journal":
            next(each for each in store.journals() if b"ahead" not in each.read_bytes()).unlink()
    for each in (there, store.fresh()):
        assert sorted(each.ids()) == sorted([old.run_id, run.run_id, another.run_id])
        assert known(each, run) == run


def test_a_journal_that_was_removed_by_hand_takes_it_along(store: Store) -> None:
    """Nothing else knows of it; the documents that are there are the truth."""
    old, run = make_run(), make_run()
    store.put(old)
    store.put_ahead(run)
    there = store.fresh()
    assert len(there.ids()) == 2
    for journal in store.journals():
        journal.unlink()
    assert there.ids() == store.fresh().ids() == [old.run_id]


def test_half_a_line_says_nothing(store: Store) -> None:
    """A process that dies in the middle of one was not told that it is so."""
    run = make_run()
    store.put_ahead(run)
    store.change_ahead(run, name="changed")
    (journal,) = store.journals()
    data = journal.read_bytes()
    end = data.index(b"\n") + 1
    for size in range(end, len(data) - 1, 7):
        journal.write_bytes(data[:size])
        assert latest(store, run) == run
    journal.write_bytes(data)
    changed = latest(store, run)
    assert changed is not None
    assert changed.name == "changed"


def test_a_failed_entry_is_an_error_and_the_next_goes_to_another_file(
    store: Store, tmp_path: Path
) -> None:
    """What may be torn is never written again."""
    run = make_run()
    store.put_ahead(run)

    def hook(operation: str, path: str) -> None:
        if operation == "write" and path.endswith(".journal"):
            raise OSError(28, "No space left on device")

    _fs.set_fault_hook(hook)
    try:
        with pytest.raises(OSError, match="No space"):
            store.change_ahead(run, name="lost")
    finally:
        _fs.set_fault_hook(None)
    assert latest(store, run) == run
    changed = store.change_ahead(run, name="kept")
    assert latest(store, run) == changed
    assert len(store.journals()) == 2


def remove_for_good(store: Store, run: RunRecord) -> None:
    """Remove a run, and fold away the journal that says so."""
    store.remove(store.change(run, lifecycle="removing"))
    store.catalogue.publish()
    store.catalogue.close()


def check_gone(*stores: Store) -> None:
    """Look whether nobody finds anything, nor brings anything back by publishing."""
    for each in stores:
        each.catalogue.publish()
        assert each.ids(include_deleted=True) == []
    assert not list(stores[0].root.glob("experiment_tracking/runs/*/*.json"))


@pytest.mark.parametrize("known", [False, True], ids=["unknown before", "known before"])
def test_what_comes_and_goes_between_reading_journals_and_state_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """The publication covers entries that were not read yet, and nobody says that they are past."""
    run = make_run()
    store.put(old := make_run())
    store.remove(old)
    if known:
        store.put_ahead(run)
    there = store.publishing()
    there.catalogue.count()
    did = list[int]()

    def read_late(layout: Layout) -> State | None:
        if not did:
            did.append(1)
            changed = store.change_ahead(run)
            remove_for_good(store.publishing(), changed)
        return read_state(layout)

    monkeypatch.setattr("tauro.tracking._catalogue._loader.read_state", read_late)
    assert there.ids(include_deleted=True) == []
    assert did
    check_gone(there, store.publishing())


@pytest.mark.parametrize("ended", [False, True])
def test_what_comes_and_goes_while_a_publisher_reads_journals_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    """It read the journal of the run's process before, and that of the remover afterwards."""
    store.put(old := make_run())
    store.remove(old)
    (mine,) = store.journals()
    publisher, run = store.publishing(), make_run()
    publisher.catalogue.publish()
    remover = store.fresh()
    remover.put(old := make_run())
    remover.remove(old)
    tail, did = JournalReader._tail_file, list[int]()
    at = 3  # the second look of the publication

    def tail_file(self: JournalReader, entry: os.DirEntry[str], found: Tail) -> None:
        if self is not publisher.catalogue._loader.reader or entry.name != mine.name:
            tail(self, entry, found)
            return
        tail(self, entry, found)
        did.append(1)
        if len(did) == at:
            store.put_ahead(run)
            last = store.change(run, status=RunStatus.COMPLETED) if ended else run
            remover.remove(remover.change(last, lifecycle="removing"))
            remover.catalogue._writer.close()

    list_dir = _fs.list_dir
    monkeypatch.setattr(JournalReader, "_tail_file", tail_file)
    monkeypatch.setattr(_fs, "list_dir", lambda path: sorted(list_dir(path), key=lambda e: e.name))
    publisher.catalogue.publish()
    assert len(did) >= at
    check_gone(store.publishing(), publisher, store.publishing())
    check_gone(store.publishing())
