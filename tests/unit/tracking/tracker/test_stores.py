"""Stores that are foreign, damaged, of a newer format, or cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tauro._internal import _fs
from tauro.errors import (
    CorruptDataError,
    ReadOnlyStoreError,
    StorageError,
    StoreFormatError,
    TrackingValidationError,
)
from tauro.storage import LocalStorageBackend, ReadOnlyStorage
from tauro.tracking import ExperimentTracker


def make_store(root: Path) -> str:
    """Make a store with one ended run; return the run's id."""
    with (
        ExperimentTracker(root) as tracker,
        tracker.start_run(name="r", parameters={"a": 1}) as run,
    ):
        run.log_metric("m", 0.5)
        run.log_text("text", "a.txt")
    return run.run_id


@pytest.mark.parametrize("mark", ["meta.yaml", ".aim/x", "wandb/x", "0/meta.yaml", "mlflow.db"])
def test_a_foreign_folder_is_refused(tmp_path: Path, mark: str) -> None:
    """Another program's store is named, and nothing is written into it."""
    (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / mark).write_text("theirs")
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(StoreFormatError, match="not a Tauro store"):
        ExperimentTracker(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """The message says to upgrade."""
    make_store(tmp_path)
    mark = tmp_path / "_tauro" / "format.json"
    document = json.loads(mark.read_text())
    del document["checksum"]
    mark.write_text(json.dumps({**document, "version": 99}))
    with pytest.raises(StoreFormatError, match=r"99[\s\S]*upgrade"):
        ExperimentTracker(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "x"}'])
def test_a_damaged_mark_is_said(tmp_path: Path, text: str) -> None:
    """The file is named."""
    make_store(tmp_path)
    (tmp_path / "_tauro" / "format.json").write_text(text)
    with pytest.raises(CorruptDataError, match=r"format\.json"):
        ExperimentTracker(tmp_path)


def test_a_file_as_root_is_refused(tmp_path: Path) -> None:
    """A root is a folder."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="not a folder"):
        ExperimentTracker(tmp_path / "file")
    with pytest.raises(StorageError, match="scheme"):
        ExperimentTracker("s4://bucket/store")
    with pytest.raises(TrackingValidationError, match="not both"):
        ExperimentTracker(tmp_path / "a", tracking_uri=tmp_path / "b")


def test_a_damaged_run_is_named_and_the_others_are_found(tmp_path: Path) -> None:
    """Reading it says which file; the rest of the store works; verify lists it."""
    bad, good = make_store(tmp_path), make_store(tmp_path)
    document = next(tmp_path.rglob(f"{bad}.json"))
    document.write_text("{ no json")
    tracker = ExperimentTracker(tmp_path)
    with pytest.raises(CorruptDataError, match=bad):
        tracker.get_run(bad)
    assert tracker.get_run(good).parameters == {"a": 1}
    assert tracker.count_runs() == 2
    assert [damage.path for damage in tracker.verify()] == [
        document.relative_to(tmp_path).as_posix()
    ]


def test_views_come_back(tmp_path: Path) -> None:
    """index.parquet may be damaged or deleted; search still finds all, publishing makes it anew."""
    run_id = make_store(tmp_path)
    views = sorted(tmp_path.rglob("index.parquet"))
    assert len(views) == 2
    for view in views:
        view.write_bytes(b"PAR1 damaged")
    with ExperimentTracker(tmp_path) as tracker:
        assert tracker.search_runs(filter="metrics.m = 0.5") == [run_id]
        tracker.compact()
    for view in views:
        assert len(pd.read_parquet(view)) == 1
        view.unlink()
    with ExperimentTracker(tmp_path) as tracker:
        assert tracker.search_runs(filter="params.a = '1'") == [run_id]


def test_a_changed_artifact_is_found(tmp_path: Path) -> None:
    """Verify compares every artifact with the hash that was recorded."""
    run_id = make_store(tmp_path)
    artifact = next(tmp_path.rglob("a.txt"))
    tracker = ExperimentTracker(tmp_path)
    assert list(tracker.verify()) == []
    artifact.write_text("taxt")
    assert [damage.problem for damage in tracker.verify()] == [
        f"was changed after the run {run_id} logged it"
    ]
    artifact.unlink()
    assert "missing" in next(tracker.verify()).problem


def test_a_read_only_store_is_read(tmp_path: Path) -> None:
    """Every reading verb works; every writing verb says that the store is for reading only."""
    run_id = make_store(tmp_path)
    tracker = ExperimentTracker(ReadOnlyStorage(LocalStorageBackend(tmp_path)))
    assert tracker.get_run(run_id).history("m")["value"].tolist() == [0.5]
    assert tracker.search_runs() == [run_id]
    for write in (
        lambda: tracker.start_run(name="x"),
        lambda: tracker.create_experiment("new"),
        lambda: tracker.set_tag(run_id, "a", "b"),
        lambda: tracker.delete_run(run_id),
        tracker.compact,
    ):
        with pytest.raises(ReadOnlyStoreError):
            write()
    assert tracker.count_runs() == 1
    tracker.close()


READ_WITHOUT_PERMISSION = """if True:
    import os, sys, tempfile
    from tauro.errors import ReadOnlyStoreError
    from tauro.mlops import ExperimentTracker

    def read(tracker, run_id):
        assert tracker.get_run(run_id).parameters == {"a": 1}
        assert tracker.get_run(run_id).history("m")["value"].tolist() == [0.5]
        assert tracker.search_runs(filter="metrics.m = 0.5") == [run_id]
        assert list(tracker.verify()) == []
        return [
            lambda: tracker.start_run(name="x"),
            lambda: tracker.set_tag(run_id, "a", "b"),
            lambda: tracker.delete_run(run_id),
            tracker.compact,
            tracker.repair,
            tracker.gc,
        ]

    if os.geteuid() == 0:  # who may write anywhere
        with tempfile.TemporaryDirectory() as other:  # to import all that it takes
            with ExperimentTracker(other) as tracker:
                with tracker.start_run(parameters={"a": 1}) as run:
                    run.log_metric("m", 0.5)
                for write in read(tracker, run.run_id):
                    write()
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    store, run_id = sys.argv[1:]
    tracker = ExperimentTracker(store)
    for write in read(tracker, run_id):
        try:
            write()
        except ReadOnlyStoreError as error:
            assert store in str(error), error
        else:
            raise AssertionError(f"it was written: {write}")
    tracker.close()
    print("read")
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no such permissions")
def test_a_folder_without_permission_is_read() -> None:
    """Every reading verb works; the system's own refusal of writes names the folder."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        store = Path(name) / "store"
        run_id = make_store(store)
        folders = [Path(name), store, *(path for path in store.rglob("*") if path.is_dir())]
        files = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
        for folder in folders:
            folder.chmod(0o555)
        try:
            done = subprocess.run(
                [sys.executable, "-c", READ_WITHOUT_PERMISSION, str(store), run_id],
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            for folder in folders:
                folder.chmod(0o755)
        assert done.stdout == "read\n", done.stderr
        assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == files


def test_a_copied_store_is_a_store(tmp_path: Path) -> None:
    """A folder that was copied opens, searches and goes on."""
    import shutil

    run_id = make_store(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with ExperimentTracker(tmp_path / "b") as tracker:
        assert tracker.search_runs() == [run_id]
        with tracker.start_run(name="more") as run:
            run.log_metric("m", 1.0)
        assert tracker.count_runs() == 2
    assert ExperimentTracker(tmp_path / "a").count_runs() == 1


def test_watch_gives_what_is_new_until_the_end(tmp_path: Path) -> None:
    """Points come once, in order, while another tracker writes; then it stops."""
    writer = ExperimentTracker(tmp_path)
    run = writer.start_run(name="r")
    run.log_metric("m", 0.0, step=0)

    def write() -> None:
        for step in range(1, 50):
            run.log_metric("m", float(step), step=step)
            time.sleep(0.001)
        run.end()

    thread = threading.Thread(target=write)
    thread.start()
    seen = [
        point.step
        for points in ExperimentTracker(tmp_path).watch(run.run_id, poll=0.005)
        for point in points
    ]
    thread.join()
    assert seen == list(range(50))


def test_watch_stops_after_a_quiet_time(tmp_path: Path) -> None:
    """A run that goes on without points is watched for as long as asked."""
    tracker = ExperimentTracker(tmp_path)
    run = tracker.start_run(name="r")
    run.log_metric("m", 1.0)
    batches = list(tracker.watch(run, timeout=0.05, poll=0.01))
    assert [[point.value for point in batch] for batch in batches] == [[1.0]]


def test_compaction_keeps_every_point(tmp_path: Path) -> None:
    """Segments become Parquet parts that pandas reads; history is the same."""
    runs = [make_store(tmp_path) for _ in range(5)]
    with ExperimentTracker(tmp_path) as tracker:
        done = tracker.compact()
        assert sum(each.points for each in done) == 5
        for run_id in runs:
            assert tracker.get_run(run_id).history("m")["value"].tolist() == [0.5]
    parts = list((tmp_path / "experiment_tracking" / "metrics").rglob("part-*.parquet"))
    frame = pd.concat([pd.read_parquet(part) for part in parts])
    assert sorted(frame["run_id"]) == sorted(runs)
    assert set(frame["value"]) == {0.5}


@pytest.mark.parametrize(
    "first",
    [
        lambda tracker: tracker.create_experiment("e"),
        lambda tracker: tracker.set_experiment("e"),
        lambda tracker: tracker.start_run(name="r").end(),
        lambda tracker: tracker.log_params({"a": 1}),
    ],
    ids=["create_experiment", "set_experiment", "start_run", "log_params"],
)
def test_the_mark_of_the_store_comes_first(
    tmp_path: Path, first: Callable[[ExperimentTracker], object]
) -> None:
    """A kill at any moment leaves nothing that could be taken for another program's folder."""
    root = tmp_path / "store"
    seen: list[Path] = []

    def look(operation: str, path: str) -> None:
        if not (root / "_tauro" / "format.json").exists() and root.exists():
            seen.extend(file for file in root.rglob("*") if file.is_file())

    with ExperimentTracker(root, capture_environment=False) as tracker:
        _fs.set_fault_hook(look)
        try:
            first(tracker)
        finally:
            _fs.set_fault_hook(None)
    assert {file.parent.name for file in seen} <= {"_tauro"}
    assert all(file.name.startswith(".tmp-") for file in seen)


SPOOLED = """
import os, sys
from tauro.storage import MemoryStorageBackend
from tauro.tracking import ExperimentTracker

class Elsewhere(MemoryStorageBackend):
    spool = None  # as of somebody's own backend

tracker = ExperimentTracker(Elsewhere(), capture_environment=False)
run = tracker.start_run(name="r")
run.log_metric("m", 0.5)
child = os.fork()
if child == 0:
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
run.log_metric("m", 0.25)
assert run.history("m")["value"].tolist() == [0.5, 0.25]
print(tracker._root)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_a_spool_of_the_trackers_own_outlives_forked_children() -> None:
    """A child that ends leaves the parent's points alone; the parent ends its run, then they go."""
    run = [sys.executable, "-W", "ignore", "-c", SPOOLED]
    ended = subprocess.run(run, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.returncode == 0
    assert not Path(ended.stdout.strip()).exists()
