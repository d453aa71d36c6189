"""``index.parquet``: what other programs read, and what a cold start reads."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import msgspec
import pandas as pd
import polars as pl
import pytest
from tests.unit.tracking.catalogue.support import DAY, Store, make_run, seconds

from tauro._internal import _fs
from tauro._internal._floats import float_to_json
from tauro.errors import LockTimeoutError
from tauro.tracking._catalogue import RunCatalogue
from tauro.tracking._catalogue._build import build_index
from tauro.tracking._catalogue._index import Index
from tauro.tracking._catalogue._table import runs_table
from tauro.tracking._models import (
    ExperimentRecord,
    RunRecord,
    RunStatus,
    decode_run,
    encode,
)

RUNS = [
    make_run(
        run_id="a",
        name="first",
        status=RunStatus.COMPLETED,
        end_time=seconds(60),
        metrics={"loss": 0.25, "nan": "NaN"},
        parameters={"lr": 0.1, "layers": 2, "kind": "tree", "flag": True, "mixed": 1},
        tags={"team": "ds"},
    ),
    make_run(
        run_id="b",
        name="second",
        parent_run_id="a",
        metrics={"loss": 0.5},
        parameters={"lr": 1, "layers": 4, "flag": False, "mixed": "auto"},
    ),
]


def _table(runs: list[RunRecord]) -> Index:
    return build_index(runs_table((run, encode(run)) for run in runs), serial=1)


# What it holds


def test_pandas_alone_reads_flat_columns(store: Store) -> None:
    store.put(*RUNS)
    store.catalogue.publish()
    frame = pd.read_parquet(store.index_path()).set_index("run_id")
    assert list(frame["name"]) == ["first", "second"]
    assert list(frame["status"]) == ["COMPLETED", "RUNNING"]
    assert frame.loc["a", "metrics.loss"] == 0.25
    assert frame.loc["a", "params.kind"] == "tree"
    assert frame.loc["a", "params.lr"] == "0.1"
    assert frame.loc["b", "parent_run_id"] == "a"
    assert frame.loc["a", "tags.team"] == "ds"
    assert frame.loc["a", "end_time"] == pd.Timestamp(seconds(60))
    assert frame["tags.team"].isna().tolist() == [False, True]
    documents = [decode_run(text.encode()) for text in frame["document"]]
    assert documents == RUNS


def test_polars_tells_nan_from_absent(store: Store) -> None:
    store.put(*RUNS)
    store.catalogue.publish()
    frame = pl.read_parquet(store.index_path(), memory_map=False)
    assert frame["metrics.nan"].is_nan().to_list() == [True, None]


def test_experiments_have_a_view_too(store: Store) -> None:
    record = ExperimentRecord(experiment_id="e", name="x", created_at=DAY, tags={"kind": "c"})
    store.put_experiment(record)
    store.catalogue.publish()
    frame = pd.read_parquet(store.root / "experiment_tracking" / "experiments" / "index.parquet")
    assert frame[["experiment_id", "name", "tags.kind"]].to_numpy().tolist() == [["e", "x", "c"]]


def test_a_frame_gives_parameters_the_type_they_all_had(store: Store) -> None:
    store.put(RUNS[0])
    store.catalogue.publish()
    store.put(RUNS[1])
    frame = store.catalogue.query(order_by=["run_id"]).to_pandas()
    assert frame["params.lr"].tolist() == [0.1, 1.0]
    assert frame["params.layers"].tolist() == [2, 4]
    assert frame["params.layers"].dtype == "int64"
    assert frame["params.flag"].tolist() == [True, False]
    assert frame["params.mixed"].tolist() == ["1", "auto"]
    assert frame["params.kind"].tolist()[0] == "tree"


def test_integers_of_any_size_come_through_a_frame(store: Store) -> None:
    store.put(make_run(run_id="a", parameters={"seed": 2**70}))
    assert store.catalogue.query().to_pandas()["params.seed"].tolist() == [float(2**70)]


def test_times_beyond_the_range_of_nanoseconds(store: Store) -> None:
    far = DAY.replace(year=9999)
    store.put(make_run(run_id="a", start_time=far))
    store.catalogue.publish()
    fresh = store.fresh()
    assert fresh.ids(filter="start_time > '9998-12-31'") == ["a"]
    assert fresh.catalogue.query().records[0].start_time == far


# Many columns


def _wide(run_id: str, start: int, count: int, **fields: Any) -> RunRecord:
    metrics = {f"m{number}": float(number) for number in range(start, start + count)}
    return make_run(run_id=run_id, metrics=metrics, **fields)


def test_columns_are_bounded_and_what_is_cut_is_still_found(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tauro.tracking._catalogue._build.MAX_COLUMNS", 10)
    store.put(_wide("a", 0, 8), _wide("b", 4, 8))
    store.catalogue.publish()
    store.put(_wide("c", 100, 8, parameters={"late": 1}))
    store.catalogue.publish()
    store.put(_wide("d", 0, 101))
    frame = pd.read_parquet(store.index_path())
    flat = [name for name in frame.columns if name.startswith(("metrics.", "params."))]
    assert len(flat) == 10
    for each in (store, store.fresh()):
        for number, ids in [(0, "ad"), (5, "abd"), (11, "bd"), (100, "cd"), (107, "c")]:
            assert sorted(each.ids(filter=f"metrics.m{number} = {number}")) == list(ids)
        assert each.ids(filter="params.late = 1") == ["c"]
        assert each.ids(filter="metrics.m11 is null", order_by=["run_id"]) == ["a", "c"]
        page = each.catalogue.query(order_by=["metrics.m107", "run_id"])
        assert [run.run_id for run in page.records] == ["c", "a", "b", "d"]
        assert page.to_pandas()["metrics.m107"].notna().tolist() == [True, False, False, False]


# Publishing again and again


def test_rows_keep_to_groups_and_replaced_rows_leave(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tauro.tracking._catalogue._build.ROW_GROUP", 4)
    runs = [make_run(run_id=f"r{number:02}") for number in range(10)]
    for run in runs:
        store.put(run)
        store.catalogue.publish()
    changed = [store.change(run, name="later") for run in runs[::3]]
    store.catalogue.publish()
    index = Index(store.index_path().read_bytes())
    assert [len(rows) for rows in index.groups()] == [4, 4, 2]
    assert sorted(index.column("run_id").to_pylist()) == [run.run_id for run in runs]
    fresh = store.fresh()
    assert sorted(fresh.ids(filter="name = 'later'")) == [run.run_id for run in changed]
    assert all(run == store.read(run) for run in fresh.catalogue.query().records)


def test_nothing_new_writes_nothing(store: Store) -> None:
    store.put(*RUNS)
    store.catalogue.publish()
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*.parquet")}
    store.catalogue.publish()
    store.fresh().catalogue.publish()
    assert before == {path: path.stat().st_mtime_ns for path in store.root.rglob("*.parquet")}


def test_only_changed_experiments_are_written(store: Store) -> None:
    store.put(make_run("one", "a"), make_run("two", "b"))
    store.catalogue.publish()
    before = store.index_path("one").stat().st_mtime_ns
    store.put(make_run("two", "c"))
    store.catalogue.publish()
    assert store.index_path("one").stat().st_mtime_ns == before
    assert len(pd.read_parquet(store.index_path("two"))) == 2


def test_closing_publishes_and_folds_the_journal(store: Store) -> None:
    store.put(*RUNS)
    assert len(store.journals()) == 1
    store.catalogue.close()
    assert len(pd.read_parquet(store.index_path())) == 2
    assert store.journals() == []
    store.catalogue.close()
    store.put(make_run(run_id="after"))
    assert "after" in store.fresh().ids()


def test_closing_after_reading_writes_nothing(store: Store) -> None:
    store.put(*RUNS)
    other = store.fresh()
    other.ids()
    before = sorted(store.root.rglob("*"))
    other.catalogue.close()
    assert sorted(store.root.rglob("*")) == before


def test_the_journal_of_a_living_writer_is_kept(store: Store) -> None:
    store.put(*RUNS)
    store.fresh().catalogue.publish()
    assert len(store.journals()) == 1
    store.put(make_run(run_id="c"))
    assert sorted(store.fresh().ids()) == ["a", "b", "c"]


def test_a_cold_start_reads_no_document(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(*RUNS)
    store.catalogue.publish()
    store.put(make_run(run_id="c"), make_run(run_id="d"))
    reads: list[str] = []
    _fs.set_fault_hook(lambda operation, path: reads.append(path) if operation == "read" else None)
    try:
        assert len(store.fresh().ids()) == 4
    finally:
        _fs.set_fault_hook(None)
    assert [path for path in reads if path.endswith(("/a.json", "/b.json", "/c.json"))] == []
    assert len(reads) < 8


def test_a_warm_query_opens_nothing_that_did_not_change(store: Store) -> None:
    store.put(*RUNS)
    store.catalogue.close()
    store.ids()
    opened: list[str] = []
    _fs.set_fault_hook(
        lambda operation, path: opened.append(path) if operation in ("read", "open") else None
    )
    try:
        store.ids()
    finally:
        _fs.set_fault_hook(None)
    assert [Path(path).name for path in opened] == ["state.json"]


def test_publishing_is_due_only_after_a_while_and_after_changes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(*RUNS)
    store.catalogue.publish_if_due()
    assert not store.index_path().exists()
    monkeypatch.setattr("tauro.tracking._catalogue._catalogue.PUBLISH_SECONDS", 0.0)
    store.catalogue.publish_if_due()
    before = store.index_path().stat().st_mtime_ns
    store.catalogue.publish_if_due()
    assert store.index_path().stat().st_mtime_ns == before


def test_a_failed_publication_is_logged_and_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tauro.tracking._catalogue._catalogue.PUBLISH_SECONDS", 0.0)
    store.put(*RUNS)

    def fail(operation: str, path: str) -> None:
        if operation == "rename" and path.endswith("index.parquet"):
            raise OSError(errno.ENOSPC, "No space left on device")

    _fs.set_fault_hook(fail)
    try:
        store.catalogue.publish_if_due()
    finally:
        _fs.set_fault_hook(None)
    assert "not published" in caplog.text
    assert sorted(store.fresh().ids()) == ["a", "b"]
    assert not list(store.root.rglob(".tmp-*"))
    store.catalogue.publish_if_due()
    assert store.index_path().exists()


def test_one_process_publishes_at_a_time(store: Store) -> None:
    store.put(*RUNS)
    with filelock.FileLock(store.root / "_tauro" / "locks" / "catalogue.lock"):
        assert store.catalogue.publish() is False
        with pytest.raises(LockTimeoutError, match="publishing"):
            store.catalogue.publish(timeout=0.01)
    assert store.catalogue.publish() is True


@pytest.mark.faults
def test_a_failure_at_every_step_of_a_publication_loses_nothing(
    store: Store, torture_report: Callable[..., None]
) -> None:
    store.put(*RUNS)
    store.catalogue.publish()
    expected = ["a", "b"]
    for step in range(40):
        store.put(make_run(run_id=f"s{step:02}"), make_run("other", f"t{step:02}"))
        expected += [f"s{step:02}", f"t{step:02}"]
        store.fresh().catalogue._writer.close()
        left = itertools.count(-step)

        def fail(operation: str, path: str, left: Iterator[int] = left) -> None:
            if next(left) == 0:
                raise OSError(errno.EIO, "Input/output error", path)

        _fs.set_fault_hook(fail)
        with contextlib.suppress(OSError):
            store.catalogue.publish()
        _fs.set_fault_hook(None)
        assert sorted(store.ids()) == sorted(expected)
        assert sorted(store.fresh().ids()) == sorted(expected)
        torture_report(faults=1)
    store.catalogue.close()
    assert store.journals() == []
    assert sorted(store.fresh().ids()) == sorted(expected)


def test_an_old_store_without_views_is_read_from_documents(tmp_path: Path) -> None:
    folder = tmp_path / "experiment_tracking" / "runs" / "exp"
    folder.mkdir(parents=True)
    for run in RUNS:
        pretty = msgspec.json.format(encode(run), indent=2)
        (folder / f"{run.run_id}.json").write_bytes(pretty)
    catalogue = RunCatalogue(tmp_path)
    assert catalogue.query(order_by=["run_id"]).records == RUNS
    assert not (tmp_path / "_tauro").exists(), "reading writes nothing"


def test_a_store_that_cannot_be_written_is_read(store: Store) -> None:
    store.put(*RUNS)
    store.catalogue.publish()
    store.put(make_run(run_id="c"))

    def refuse(operation: str, path: str) -> None:
        if operation in ("write", "rename", "mkdir", "unlink", "link"):
            raise PermissionError(13, "read-only", path)

    _fs.set_fault_hook(refuse)
    try:
        reader = store.fresh()
        assert sorted(reader.ids()) == ["a", "b", "c"]
        reader.catalogue.close()
        with pytest.raises(PermissionError):
            reader.put(make_run(run_id="d"))
    finally:
        _fs.set_fault_hook(None)


def test_durable_views_are_on_the_disk_before_journals_go(tmp_path: Path) -> None:
    store = Store(tmp_path, RunCatalogue(tmp_path, durability="disk"))
    store.put(*RUNS)
    calls: list[tuple[str, str]] = []
    _fs.set_fault_hook(lambda operation, path: calls.append((operation, Path(path).suffix)))
    try:
        store.catalogue.close()
    finally:
        _fs.set_fault_hook(None)
    steps = [call for call in calls if call[0] in ("fsync", "rename", "unlink")]
    assert [step for step, _ in steps] == ["fsync", "rename"] * 2 + ["unlink"]
    assert steps[-1] == ("unlink", ".journal")


# Threads


def test_threads_record_query_and_publish_at_once(store: Store) -> None:
    failures: list[BaseException] = []
    stop = threading.Event()

    def record(thread: int) -> None:
        for number in range(40):
            run = make_run(f"exp{thread}", f"{thread}-{number:02}", metrics={"m": 1.0})
            store.put(run)
            if store.catalogue.find(run.run_id) != f"exp{thread}":
                failures.append(AssertionError(run.run_id))

    def watch() -> None:
        known: set[str] = set()
        while not stop.is_set():
            found = set(store.ids(filter="metrics.m = 1", limit=None))
            if not known <= found:
                failures.append(AssertionError(known - found))
            known = found
            store.catalogue.publish()

    workers = [threading.Thread(target=record, args=(thread,)) for thread in range(3)]
    watchers = [threading.Thread(target=watch) for _ in range(2)]
    for each in [*workers, *watchers]:
        each.start()
    for each in workers:
        each.join()
    stop.set()
    for each in watchers:
        each.join()
    assert failures == []
    assert len(store.fresh().ids()) == 120


# The file itself


def test_every_flipped_byte_of_a_view_is_noticed() -> None:
    good = _table(RUNS).data
    for place in range(0, len(good), 31):
        data = bytearray(good)
        data[place] ^= 4
        try:
            index = Index(bytes(data))
        except ValueError:
            continue
        assert index.checksum != _table(RUNS).checksum


def test_searches_do_not_believe_a_flipped_byte_of_a_published_view(store: Store) -> None:
    """Whatever it hits, a page, a name, a type: what is answered is what the documents say."""
    store.put(*RUNS)
    assert store.catalogue.publish()
    path = store.index_path()
    good = path.read_bytes()
    wanted = RunCatalogue(store.root).query(limit=None).to_pandas()
    for place in range(0, len(good), 61):
        data = bytearray(good)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        found = RunCatalogue(store.root).query(limit=None).to_pandas()
        pd.testing.assert_frame_equal(found, wanted, obj=f"byte {place}")


def test_what_is_no_view_is_refused() -> None:
    foreign = pd.DataFrame({"a": [1]}).to_parquet()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tauro.tracking._catalogue._index.FORMAT", 2)
        newer = _table(RUNS).data
    for data in (b"", b"PAR1", b"{}", foreign, newer):
        with pytest.raises(ValueError, match="view"):
            Index(data)


def test_rows_and_documents_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tauro.tracking._catalogue._build.ROW_GROUP", 3)
    runs = [make_run(run_id=f"r{number}") for number in range(10)]
    index = _table(runs)
    order = [9, 0, 4, 4, 8, 1]
    assert index.rows(order, ["run_id"]).column(0).to_pylist() == [f"r{each}" for each in order]
    assert [decode_run(each) for each in index.documents(order)] == [runs[each] for each in order]
    assert len(index) == 10


def test_decoded_documents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tauro.tracking._catalogue._index._CACHE_BYTES", 1)
    monkeypatch.setattr("tauro.tracking._catalogue._build.ROW_GROUP", 2)
    runs = [make_run(run_id=f"r{number}") for number in range(6)]
    index = _table(runs)
    for number in (5, 0, 3, 5, 0):
        assert decode_run(index.documents([number])[0]) == runs[number]


def test_metric_names_of_json_come_back_as_numbers(store: Store) -> None:
    values = [float("nan"), float("inf"), -0.0, 1e-320]
    store.put(
        make_run(run_id="a", metrics={f"m{n}": float_to_json(v) for n, v in enumerate(values)})
    )
    row = store.catalogue.query().runs[0]
    assert [repr(row.metrics[f"m{number}"]) for number in range(4)] == list(map(repr, values))


def test_the_pid_is_no_part_of_a_file_name(store: Store) -> None:
    """Journals of containers that all are process 1 do not collide."""
    store.put(*RUNS)
    assert all(str(os.getpid()) != path.stem for path in store.journals())


def test_a_folder_in_the_place_of_a_view_is_no_view(store: Store) -> None:
    """A view may be lost; what stands where it was does not keep the runs from being found."""
    store.put(*RUNS)
    assert store.catalogue.publish()
    wanted = store.fresh().ids()
    store.index_path().unlink()
    (store.index_path() / "of somebody").mkdir(parents=True)
    (store.journal / "of-somebody.journal").mkdir()
    assert store.fresh().ids() == wanted == store.ids()


def is_whole(data: bytes) -> bool:
    """Tell whether a view is taken for what was written."""
    try:
        Index(data).verify()
    except ValueError:
        return False
    return True


def test_every_changed_byte_of_a_view_is_noticed(store: Store) -> None:
    """Also of the number of its publication, which says whether the state vouches for it."""
    store.put(make_run())
    store.catalogue.publish()
    data = store.index_path().read_bytes()
    assert is_whole(data)
    about = data.rindex(b'{"format"')
    for place in {*range(0, len(data), 11), *range(about - 40, about + 120)}:
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        assert not is_whole(bytes(changed)), place
