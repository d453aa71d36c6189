"""Everything that is not a document can be lost, and a crash can come between any two steps."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.tracking.catalogue.support import DAY, Store, make_run, seconds

from tauro._internal import _fs
from tauro.tracking._catalogue import RunCatalogue
from tauro.tracking._catalogue._entry import Entry, EntryKind, encode_entry
from tauro.tracking._catalogue._layout import Layout
from tauro.tracking._catalogue._publish import Publisher
from tauro.tracking._catalogue._state import State, write_state
from tauro.tracking._models import ExperimentRecord, RunRecord, encode


@pytest.fixture
def filled(store: Store) -> Store:
    """Return a store with published, changed and new runs in two experiments."""
    for experiment_id in ("one", "two"):
        store.put_experiment(
            ExperimentRecord(experiment_id=experiment_id, name=experiment_id, created_at=DAY)
        )
    runs = [
        make_run("one" if number % 2 else "two", f"run{number}", start_time=seconds(number))
        for number in range(6)
    ]
    store.put(*runs)
    store.catalogue.publish()
    store.change(runs[0], name="renamed")
    store.put(make_run("one", "new1"), make_run("two", "new2"))
    return store


def _check(store: Store) -> None:
    ids = ["new1", "new2", *(f"run{number}" for number in range(6))]
    assert sorted(store.ids()) == ids
    assert store.ids(filter="name = 'renamed'") == ["run0"]
    records = store.catalogue.query().records
    assert all(record == store.read(record) for record in records)
    assert [each.name for each in store.catalogue.experiments()] == ["one", "two"]


def _lose(store: Store, what: str) -> None:
    tracking = store.root / "experiment_tracking"
    match what:
        case "nothing":
            return
        case "_tauro":
            shutil.rmtree(store.root / "_tauro")
        case "journal folder":
            shutil.rmtree(store.journal)
        case "journals":
            for path in store.journals():
                path.unlink()
        case "state":
            (store.journal / "state.json").unlink()
        case "one index":
            store.index_path("one").unlink()
        case "indices":
            for path in tracking.rglob("index.parquet"):
                path.unlink()
        case "all views":
            _lose(store, "indices")
            _lose(store, "_tauro")
        case "truncated index":
            path = store.index_path("one")
            path.write_bytes(path.read_bytes()[:-100])
        case "empty index":
            store.index_path("one").write_bytes(b"")
        case "flipped index":
            for path in tracking.rglob("index.parquet"):
                data = bytearray(path.read_bytes())
                data[len(data) // 3] ^= 1
                path.write_bytes(data)
        case "torn state":
            path = store.journal / "state.json"
            path.write_bytes(path.read_bytes()[:20])
        case "newer state":
            path = store.journal / "state.json"
            state = msgspec.json.decode(path.read_bytes())
            path.write_bytes(msgspec.json.encode({**state, "format": 99}))
        case "damaged journal":
            path = store.journals()[0]
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)


LOSSES = [
    "nothing", "_tauro", "journal folder", "journals", "state", "one index", "indices",
    "all views", "truncated index", "empty index", "flipped index", "torn state", "newer state",
    "damaged journal",
]  # fmt: skip


@pytest.mark.parametrize("what", LOSSES)
def test_a_new_process_finds_everything_whatever_was_lost(filled: Store, what: str) -> None:
    _lose(filled, what)
    _check(filled.fresh())


@pytest.mark.parametrize("what", LOSSES)
def test_a_process_that_has_it_open_goes_on(filled: Store, what: str) -> None:
    other = filled.fresh()
    _check(other)
    _lose(filled, what)
    _check(other)
    filled.change(filled.read(make_run("one", "run1")), name="later")
    assert other.ids(filter="name = 'later'") == ["run1"]
    assert filled.ids(filter="name = 'later'") == ["run1"]


@pytest.mark.parametrize("what", LOSSES)
def test_the_views_come_back_at_the_next_publication(filled: Store, what: str) -> None:
    _lose(filled, what)
    _check(filled)
    filled.fresh().catalogue.publish()
    shutil.rmtree(filled.journal / "nowhere", ignore_errors=True)
    _check(filled.fresh())
    assert filled.index_path("one").stat().st_size > 0
    _check(filled)


def test_documents_that_nobody_recorded_are_found(filled: Store) -> None:
    """A folder that was copied while it was written, the documents last."""
    filled.catalogue.publish()
    stray = make_run("one", "stray")
    filled.run_path(stray).write_bytes(encode(stray))
    os.utime(filled.run_path(stray).parent)  # Beyond one tick of the file system's clock.
    assert "stray" in filled.fresh().ids()
    gone = filled.run_path(make_run("one", "run1"))
    gone.unlink()
    os.utime(gone.parent)
    assert "run1" not in filled.fresh().ids()


def test_a_damaged_document_hides_only_itself(filled: Store) -> None:
    filled.run_path(make_run("one", "run1")).write_bytes(b"{")
    _lose(filled, "all views")
    found = filled.fresh().ids()
    assert "run1" not in found
    assert len(found) == 7


def test_a_store_moved_elsewhere_is_the_same_store(filled: Store, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "copy"
    for name in ("_tauro", "experiment_tracking"):
        shutil.copytree(filled.root / name, target / name)
    _check(Store(target))


# Between the journal and the document


def _crash_before_rename(store: Store, run: RunRecord) -> None:
    """Leave what a killed process leaves: an entry without its document."""
    journal = store.journal / f"killed{run.rev}.journal"
    entry = Entry(EntryKind.RUN, 0, run.rev, run.experiment_id, run.run_id, encode(run))
    journal.write_bytes(encode_entry(entry))


def test_a_run_whose_document_never_came_is_not_found(filled: Store) -> None:
    _crash_before_rename(filled, make_run("one", "ghost"))
    for each in (filled, filled.fresh()):
        _check(each)
        assert each.catalogue.find("ghost") is None


def test_a_change_whose_document_never_came_is_not_seen(filled: Store) -> None:
    run = filled.read(make_run("one", "run1"))
    _crash_before_rename(filled, msgspec.structs.replace(run, rev=run.rev + 1, name="ghost"))
    for each in (filled, filled.fresh()):
        _check(each)
        assert each.ids(filter="name = 'ghost'") == []


def test_the_same_revision_by_a_later_writer_wins_over_a_crash(filled: Store) -> None:
    run = filled.read(make_run("one", "run1"))
    _crash_before_rename(filled, msgspec.structs.replace(run, rev=run.rev + 1, name="ghost"))
    assert filled.ids(filter="name = 'ghost'") == []
    filled.change(run, name="real")
    for each in (filled, filled.fresh()):
        assert each.ids(filter="name = 'real'") == ["run1"]
        assert each.ids(filter="name = 'ghost'") == []


def test_a_void_entry_of_a_dead_writer_is_folded_away(filled: Store) -> None:
    _crash_before_rename(filled, make_run("one", "ghost"))
    filled.catalogue.publish()
    assert not (filled.journal / "killed1.journal").exists()
    _check(filled.fresh())


def test_an_entry_carried_out_after_the_look_is_not_folded_away(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer puts the document in place and dies while another process publishes."""
    run = make_run("one", "late")
    _crash_before_rename(filled, run)
    fold = Publisher._dead_journals

    def carried_out_first(publisher: Publisher, plan: Any) -> dict[str, int]:
        filled.run_path(run).write_bytes(encode(run))
        return fold(publisher, plan)

    with monkeypatch.context() as patched:
        patched.setattr(Publisher, "_dead_journals", carried_out_first)
        filled.catalogue.publish()
    assert (filled.journal / "killed1.journal").exists()
    assert filled.fresh().catalogue.find("late") == "one"
    filled.catalogue.publish()
    assert not (filled.journal / "killed1.journal").exists()
    assert filled.fresh().catalogue.find("late") == "one"


def test_an_open_recording_is_seen_once_its_document_is(store: Store) -> None:
    run = make_run(run_id="slow")
    other = store.fresh()
    with store.catalogue.record(run, encode(run)):
        assert store.catalogue.find("slow") is None
        assert other.catalogue.find("slow") is None
        store.catalogue.publish()
        assert other.catalogue.find("slow") is None
        store.run_path(run).parent.mkdir(parents=True)
        store.run_path(run).write_bytes(encode(run))
        assert other.catalogue.find("slow") == "exp"
    assert store.fresh().catalogue.find("slow") == "exp"


def test_a_recording_open_across_publications_is_not_lost(store: Store) -> None:
    """The watermark stays before entries that are not settled."""
    store.put(make_run(run_id="a"))
    run = make_run(run_id="slow")
    with store.catalogue.record(run, encode(run)):
        for number in range(3):
            store.put(make_run(run_id=f"b{number}"))
            store.catalogue.publish()
        store.catalogue.close()
        store.run_path(run).write_bytes(encode(run))
    assert "slow" in store.fresh().ids()
    cold = RunCatalogue(store.root)
    cold.publish()
    assert "slow" in store.fresh().ids()


def test_a_removed_run_stays_removed_while_older_entries_are_read_again(store: Store) -> None:
    """An open recording holds the watermark before the removed run's own entries."""
    other, run, slow = store.fresh(), make_run(run_id="old"), make_run(run_id="slow")
    with store.catalogue.record(slow, encode(slow)):
        store.put(run, make_run(run_id="a"))
        other.remove(run)
        other.catalogue.close()
        other.catalogue.publish()
        assert store.fresh().ids(include_deleted=True) == ["a"]
        assert store.ids(include_deleted=True) == ["a"]


def test_a_journal_that_could_not_be_removed_brings_nothing_back(store: Store) -> None:
    """It still tells of a run whose removal another journal told, which is gone."""
    other, run = store.fresh(), make_run(run_id="old")
    store.put(run, make_run(run_id="a"))
    (kept,) = store.journals()
    other.remove(run)
    for each in (store, other):
        each.catalogue._writer.close()

    def keep(operation: str, path: str) -> None:
        if operation == "unlink" and path == str(kept):
            raise OSError(errno.EIO, "Input/output error")

    _fs.set_fault_hook(keep)
    try:
        store.catalogue.publish()
    finally:
        _fs.set_fault_hook(None)
    assert store.journals() == [kept]
    assert store.fresh().ids() == ["a"]
    store.put(make_run(run_id="b"))
    store.catalogue.close()
    assert store.journals() == []
    assert sorted(store.fresh().ids()) == ["a", "b"]


@pytest.mark.parametrize("doubt", ["before", "meanwhile"])
def test_what_came_while_views_were_written_is_not_given_up_for_them(
    store: Store, monkeypatch: pytest.MonkeyPatch, doubt: str
) -> None:
    """Another thread looks between the publication and its adoption, and reads documents."""
    store.put(make_run(run_id="a"))
    other = store.fresh()
    if doubt == "before":
        shutil.rmtree(store.journal)

    def write_and_look(layout: Layout, state: State, *, durable: bool) -> None:
        write_state(layout, state, durable=durable)
        other.put(make_run(run_id="b"))
        if doubt == "meanwhile":
            other.put(make_run(run_id="c"))
            (damaged,) = {*store.journals()} - own
            data = bytearray(damaged.read_bytes())
            data[20] ^= 1
            damaged.write_bytes(data)
        store.catalogue.count()

    own = {*store.journals()}
    with monkeypatch.context() as patched:
        patched.setattr("tauro.tracking._catalogue._publish.write_state", write_and_look)
        store.catalogue.publish()
    expected = ["a", "b", "c"] if doubt == "meanwhile" else ["a", "b"]
    assert sorted(store.ids()) == expected
    store.put(make_run("other", "z"))
    store.catalogue.publish()
    assert sorted(store.ids()) == [*expected, "z"]
    assert sorted(store.fresh().ids()) == [*expected, "z"]


@pytest.mark.faults
def test_a_failed_read_is_an_error_and_the_next_search_is_right(
    filled: Store, torture_report: Callable[..., None]
) -> None:
    """At no step is something taken for read that was not."""
    failed = 0
    warm = filled.fresh()
    for step in range(30):
        for store in (warm, filled.fresh()):
            filled.put(make_run("one", f"more{step}-{store is warm}"))
            left = itertools.count(-step)

            def fail(operation: str, path: str, left: Iterator[int] = left) -> None:
                if next(left) == 0:
                    raise OSError(errno.EIO, "Input/output error", path)

            _fs.set_fault_hook(fail)
            try:
                store.ids()
            except OSError:
                failed += 1
            finally:
                _fs.set_fault_hook(None)
            assert set(store.ids()) == set(filled.ids())
            torture_report(faults=1)
    assert failed > 10
