"""Folders among a run's artifacts: merged when logged again, listed, verified."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.errors import PathNotAllowedError, TrackingValidationError
from tauro.storage import (
    CachedStorage,
    LocalStorageBackend,
    MemoryStorageBackend,
    PrefixedStorage,
    StorageBackend,
    folder_digest,
)
from tauro.tracking import ExperimentTracker, Run
from tauro.tracking._artifacts import artifact_folder, hash_stored


@pytest.fixture(params=["local", "memory", "cached tenant"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> StorageBackend:
    if request.param == "memory":
        return MemoryStorageBackend()
    local = LocalStorageBackend(tmp_path / "store")
    return local if request.param == "local" else CachedStorage(PrefixedStorage(local, "tenants/a"))


@pytest.fixture
def tracker(storage: StorageBackend) -> Iterator[ExperimentTracker]:
    with ExperimentTracker(storage) as made:
        yield made


@pytest.fixture
def run(tracker: ExperimentTracker) -> Run:
    return tracker.start_run(name="r")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A local folder with a file and a file in a sub-folder."""
    (tmp_path / "out" / "sub").mkdir(parents=True)
    (tmp_path / "out" / "new.txt").write_text("new")
    (tmp_path / "out" / "sub" / "deep.txt").write_text("deep")
    return tmp_path / "out"


def paths(run: Run, below: str = "") -> list[str]:
    return [each.path for each in run.list_artifacts(below)]


def read(run: Run, path: str, folder: Path) -> str:
    run.download_artifact(path, folder / "read.out")
    return (folder / "read.out").read_text()


# Merging


def test_a_folder_keeps_what_was_logged_into_it_before(
    run: Run, tracker: ExperimentTracker, out: Path, tmp_path: Path
) -> None:
    """Files of other names stay, readable and recorded; nothing counts as damaged."""
    run.log_text("precious", "out/report.txt")
    run.log_artifact(out)
    assert paths(run) == ["out/new.txt", "out/report.txt", "out/sub/deep.txt"]
    assert read(run, "out/report.txt", tmp_path) == "precious"
    assert run.artifacts == ["out/report.txt", "out"]
    assert list(tracker.verify()) == []


def test_a_folder_logged_again_replaces_files_of_the_same_name(
    run: Run, tracker: ExperimentTracker, out: Path, tmp_path: Path
) -> None:
    """The record then says size and hash of all that is there."""
    run.log_artifact(out)
    (out / "new.txt").write_text("newer")
    (out / "sub" / "deep.txt").unlink()
    (out / "more.txt").write_text("more")
    run.log_artifact(out)
    assert paths(run, "out") == ["out/more.txt", "out/new.txt", "out/sub/deep.txt"]
    assert read(run, "out/new.txt", tmp_path) == "newer"
    run.download_artifact("out", tmp_path / "whole")
    (record,) = run.artifact_records
    assert record.is_dir
    assert record.size == len("newer" + "more" + "deep")
    stored = {
        name: _fs.hash_file(str(tmp_path / "whole" / name))[1]
        for name in ("more.txt", "new.txt", "sub/deep.txt")
    }
    assert record.sha256 == folder_digest(stored)
    assert list(tracker.verify()) == []


def test_a_folder_needs_a_file(run: Run, tmp_path: Path) -> None:
    """An empty one is refused by every backend, and leaves no record."""
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    with pytest.raises(TrackingValidationError, match="no file"):
        run.log_artifact(tmp_path / "empty")
    assert run.artifacts == []


def test_a_bad_folder_changes_nothing(run: Run, out: Path, tmp_path: Path) -> None:
    """All files are looked at before the first is copied."""
    (out / "z-link").symlink_to(tmp_path)
    with pytest.raises(PathNotAllowedError, match="z-link"):
        run.log_artifact(out)
    (out / "z-link").unlink()
    os.mkfifo(out / "z-pipe")
    with pytest.raises(PathNotAllowedError, match="z-pipe"):
        run.log_artifact(out)
    (out / "z-pipe").unlink()
    (out / ".tmp-cache").write_text("x")
    with pytest.raises(PathNotAllowedError, match=r"\.tmp-cache"):
        run.log_artifact(out)
    assert paths(run) == []


def test_a_folder_with_the_store_in_it_is_refused(tmp_path: Path) -> None:
    """It would be copied into itself."""
    (tmp_path / "x.txt").write_text("x")
    with ExperimentTracker(tmp_path / "deep" / "store") as tracker, tracker.start_run() as run:
        for source in (tmp_path, tmp_path / "deep", tmp_path / "deep" / "store"):
            with pytest.raises(PathNotAllowedError, match="contains the place"):
                run.log_artifact(source)
        assert run.list_artifacts() == []


def test_a_pipe_is_refused_at_once(run: Run, tmp_path: Path) -> None:
    """As an artifact, and as a dataset, alone or in a folder."""
    (tmp_path / "data").mkdir()
    os.mkfifo(tmp_path / "data" / "pipe")
    with pytest.raises(PathNotAllowedError, match="neither a file nor a folder"):
        run.log_artifact(tmp_path / "data" / "pipe")
    for source in (tmp_path / "data" / "pipe", tmp_path / "data"):
        with pytest.raises(TrackingValidationError, match="not a regular file"):
            run.log_input(source, "data")


# Listing


def test_listing_reads_no_file(run: Run, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are those of the file system, hashes those that were recorded."""
    run.log_text("text", "t.txt")
    run.log_artifact(out)
    records = {each.path: each for each in run.artifact_records}
    looked: list[str] = []
    _fs.set_fault_hook(
        lambda operation, path: (
            looked.append(path) if operation == "read" and "/artifacts/" in path else None
        )
    )
    try:
        listed = {each.path: each for each in run.list_artifacts()}
    finally:
        _fs.set_fault_hook(None)
    assert looked == []
    assert listed["t.txt"] == records["t.txt"]
    assert (listed["out/new.txt"].size, listed["out/new.txt"].sha256) == (3, "")


def test_listing_does_not_tell_the_hash_of_what_was_replaced(
    run: Run, tracker: ExperimentTracker, out: Path
) -> None:
    """Neither that of a file which a folder replaced, nor one that this process wrote before."""
    run.log_text("old", "out/new.txt")
    run.log_artifact(out)
    assert {each.path: each.sha256 for each in run.list_artifacts()}["out/new.txt"] == ""
    run.log_text("mine", "t.txt")
    other = ExperimentTracker(tracker.storage)
    other.log_text("theirs!", "t.txt", run_id=run.run_id)
    (listed,) = [each for each in run.list_artifacts() if each.path == "t.txt"]
    key = f"{artifact_folder(run.run_id)}/t.txt"
    assert listed.size == len("theirs!")
    assert listed.sha256 == hash_stored(tracker.storage, key)


@pytest.mark.parametrize("top", ["", ".", "./"])
def test_a_dot_is_the_top(run: Run, out: Path, tmp_path: Path, top: str) -> None:
    """As a destination, to list, and to download."""
    assert run.log_artifact(out / "new.txt", top).endswith(f"/{run.run_id}/new.txt")
    assert paths(run, top) == ["new.txt"]
    run.download_artifact(top, tmp_path / "all")
    assert (tmp_path / "all" / "new.txt").read_text() == "new"


# Verifying


def damage(tracker: ExperimentTracker) -> dict[str, str]:
    return {each.path.partition("/artifacts/")[2]: each.problem for each in tracker.verify()}


def test_verify_looks_into_folders_and_models(
    run: Run, tracker: ExperimentTracker, storage: StorageBackend, out: Path
) -> None:
    """A changed, an added and a missing file of a folder are damage; so is one of a model."""
    from sklearn.linear_model import LinearRegression

    run.log_artifact(out)
    run.log_artifact(out, "again")
    run.log_artifact(out, "third")
    run.log_model(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), "model")
    assert damage(tracker) == {}
    top = artifact_folder(run.run_id)
    storage.write_bytes(f"{top}/out/new.txt", b"NEW")
    storage.write_bytes(f"{top}/again/out/added.txt", b"")
    storage.delete(f"{top}/third/out/sub/deep.txt")
    model = storage.list_paths(f"{top}/model")[0]
    storage.write_bytes(model, b"flipped")
    changed = f"was changed after the run {run.run_id} logged it"
    folders = ("out", "again/out", "third/out", "model")
    assert damage(tracker) == {f"{run.run_id}/{each}": changed for each in folders}


def test_verify_names_what_is_missing_or_of_another_kind(
    run: Run, tracker: ExperimentTracker, storage: StorageBackend, out: Path
) -> None:
    """A folder that is gone, one that is a file, a file that is gone, one that is a folder."""
    run.log_artifact(out)
    run.log_artifact(out, "again")
    run.log_text("a", "a.txt")
    run.log_text("b", "b.txt")
    top = artifact_folder(run.run_id)
    for name in ("out", "again/out", "a.txt", "b.txt"):
        storage.delete(f"{top}/{name}")
    storage.write_bytes(f"{top}/again/out", b"file")
    storage.write_bytes(f"{top}/b.txt/x", b"in a folder")
    found = damage(tracker)
    assert sorted(found) == [f"{run.run_id}/{n}" for n in ("a.txt", "again/out", "b.txt", "out")]
    assert [n for n in sorted(found) if "missing" not in found[n]] == [f"{run.run_id}/again/out"]


def test_what_was_logged_into_a_folder_later_is_no_damage(
    run: Run, tracker: ExperimentTracker, storage: StorageBackend, out: Path
) -> None:
    """Beside its files, in place of one, and as a folder; each is still checked itself."""
    run.log_artifact(out)
    run.log_text("beside", "out/beside.txt")
    run.log_artifact(out, "out/inner")
    assert damage(tracker) == {}
    top = artifact_folder(run.run_id)
    storage.write_bytes(f"{top}/out/new.txt", b"NEW")  # of the same size
    storage.write_bytes(f"{top}/out/beside.txt", b"other")
    assert sorted(damage(tracker)) == [f"{run.run_id}/out", f"{run.run_id}/out/beside.txt"]
    run.log_text("replaced", "out/new.txt")
    assert sorted(damage(tracker)) == [f"{run.run_id}/out/beside.txt"]
    run.log_artifact(out)
    assert damage(tracker) == {}


def test_verify_does_not_take_files_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are hashed in pieces where the store is a folder."""
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "file").write_bytes(b"x" * 3_000_000)
    with ExperimentTracker(tmp_path / "store") as tracker, tracker.start_run() as run:
        run.log_artifact(tmp_path / "big")
        run.log_artifact(tmp_path / "big" / "file")
        whole = LocalStorageBackend.read_bytes

        def read_bytes(self: LocalStorageBackend, path: str) -> bytes:
            assert "/artifacts/" not in path
            return whole(self, path)

        monkeypatch.setattr(LocalStorageBackend, "read_bytes", read_bytes)
        assert list(tracker.verify()) == []


def test_verify_goes_on_after_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """The error of the disk is what is wrong with it."""
    with ExperimentTracker(tmp_path / "store") as tracker, tracker.start_run() as run:
        run.log_text("a", "a.txt")
        run.log_text("b", "b.txt")
        (tmp_path / "store" / artifact_folder(run.run_id) / "b.txt").write_text("c")

        def hook(operation: str, path: str) -> None:
            if operation == "read" and path.endswith("a.txt"):
                raise OSError(5, "Input/output error")

        _fs.set_fault_hook(hook)
        try:
            found = damage(tracker)
        finally:
            _fs.set_fault_hook(None)
    assert "Input/output error" in found[f"{run.run_id}/a.txt"]
    assert "changed" in found[f"{run.run_id}/b.txt"]
