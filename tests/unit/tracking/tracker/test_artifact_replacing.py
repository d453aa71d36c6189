"""Artifacts that take the place of others, on every kind of store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tauro.errors import PathNotAllowedError
from tauro.events import HookType, Observers
from tauro.storage import (
    CachedStorage,
    LocalStorageBackend,
    MemoryStorageBackend,
    PrefixedStorage,
    StorageBackend,
)
from tauro.tracking import ExperimentTracker, Run
from tauro.tracking._artifacts import artifact_folder
from tauro.tracking._incoming import STAGING
from tauro.tracking._keys import run_key
from tauro.tracking._models import ArtifactRecord, encode


def without_views(storage: StorageBackend) -> list[str]:
    """Return what a tracker keeps, but for what its thread adds by itself: views, documents."""
    return [
        key
        for key in storage.list_paths("experiment_tracking")
        if not key.endswith("index.parquet") and not key.startswith("experiment_tracking/runs/")
    ]


@pytest.fixture(params=["local", "memory", "cached tenant"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> StorageBackend:
    if request.param == "memory":
        return MemoryStorageBackend()
    local = LocalStorageBackend(tmp_path / "store")
    return local if request.param == "local" else CachedStorage(PrefixedStorage(local, "tenants/a"))


@pytest.fixture
def observers() -> Observers:
    return Observers()


@pytest.fixture
def tracker(storage: StorageBackend, observers: Observers) -> Iterator[ExperimentTracker]:
    with ExperimentTracker(storage, observers=observers) as made:
        yield made


@pytest.fixture
def run(tracker: ExperimentTracker) -> Run:
    return tracker.start_run(name="r")


def folder_of(parent: Path, **files: str) -> Path:
    parent.mkdir(parents=True)
    for name, text in files.items():
        (parent / name).write_text(text)
    return parent


def undecided(run: Run, storage: StorageBackend, artifact: ArtifactRecord) -> None:
    """Leave the document as a process does that dies just before or after the replacement."""
    record = msgspec.structs.replace(run._record, replacing=[artifact])
    storage.write_bytes(run_key(run.experiment_id, run.run_id), encode(record))


@pytest.mark.parametrize("placed", [False, True])
def test_whoever_changes_the_run_next_settles_what_stands(
    tracker: ExperimentTracker, storage: StorageBackend, run: Run, placed: bool
) -> None:
    """Until then neither of the two is damage, and no hash is told of it."""
    run.log_text("old", "a/x.txt")
    run.log_text("next", "b.txt")
    (new,) = [each for each in run.artifact_records if each.path == "b.txt"]
    new = msgspec.structs.replace(new, path="a/x.txt")
    undecided(run, storage, new)
    if placed:
        storage.write_bytes(f"{artifact_folder(run.run_id)}/a/x.txt", b"next")
    fresh = ExperimentTracker(storage)
    assert list(fresh.verify()) == []
    listed = {each.path: each.sha256 for each in fresh.list_artifacts(run.run_id)}
    assert listed["a/x.txt"] == ""
    assert "replacing" not in fresh.get_run(run.run_id).to_dict()
    assert all("replacing" not in each for each in fresh.list_runs())
    run.log_param("p", 1)
    records = {each.path: each for each in run.artifact_records}
    assert (records["a/x.txt"] == new) is placed
    assert run._record.replacing == []
    assert list(fresh.verify()) == []


def test_damage_beside_an_undecided_replacement_is_named(
    tracker: ExperimentTracker, storage: StorageBackend, run: Run
) -> None:
    """A third content is neither of the two, and other artifacts are looked at as ever."""
    run.log_text("old", "x.txt")
    run.log_text("other", "y.txt")
    undecided(run, storage, ArtifactRecord(path="x.txt", size=3, sha256="0" * 64))
    top = artifact_folder(run.run_id)
    storage.write_bytes(f"{top}/y.txt", b"flipped")
    assert [damage.path for damage in tracker.verify()] == [f"{top}/y.txt"]
    storage.write_bytes(f"{top}/x.txt", b"a third")
    assert [damage.path for damage in tracker.verify()] == [f"{top}/x.txt", f"{top}/y.txt"]


def test_repair_settles(tracker: ExperimentTracker, storage: StorageBackend, run: Run) -> None:
    """Without anybody logging to the run again."""
    run.log_text("old", "x.txt")
    run.end()
    undecided(run, storage, ArtifactRecord(path="x.txt", size=3, sha256="0" * 64))
    tracker.repair()
    record = tracker.get_run(run.run_id)._record
    assert record.replacing == []
    assert [each.size for each in record.artifacts] == [len("old")]


def test_a_hook_that_refuses_leaves_no_trace(
    tracker: ExperimentTracker,
    storage: StorageBackend,
    observers: Observers,
    run: Run,
    tmp_path: Path,
) -> None:
    """Neither of an artifact nor of a model; what was there before stays."""
    from sklearn.linear_model import LinearRegression

    run.log_text("kept", "x.txt")
    before = without_views(storage)
    asked: list[Any] = []

    def refuse(data: Mapping[str, Any]) -> None:
        asked.append(data)
        raise ValueError("not allowed here")

    observers.hooks.register(HookType.PRE_ARTIFACT_LOG, refuse)
    observers.hooks.register(HookType.PRE_MODEL_LOG, refuse)
    folder = folder_of(tmp_path / "out", a="1234")
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    for log in (
        lambda: run.log_text("new", "x.txt"),
        lambda: run.log_artifact(folder),
        lambda: run.log_artifact(folder / "a"),
        lambda: run.log_model(model),
    ):
        with pytest.raises(ValueError, match="not allowed here"):
            log()
    assert without_views(storage) == before
    assert storage.read_bytes(f"{artifact_folder(run.run_id)}/x.txt") == b"kept"
    assert run.artifacts == ["x.txt"]
    assert [each["artifact"].size for each in asked[:3]] == [3, 4, 4], "a hook may go by the size"


def test_a_file_and_a_folder_do_not_replace_each_other(
    run: Run, storage: StorageBackend, tmp_path: Path
) -> None:
    """The error says what is in the way; nothing of either is lost."""
    folder = folder_of(tmp_path / "name", a="in a folder")
    file = folder_of(tmp_path / "other") / "name"
    file.write_text("a file")
    run.log_artifact(folder)
    run.log_artifact(file, "flat")
    refused: list[Callable[[], str]] = [
        lambda: run.log_artifact(file),
        lambda: run.log_text("text", "name"),
        lambda: run.log_artifact(folder, "flat"),
        lambda: run.log_text("below a file", "flat/name/x.txt"),
    ]
    for log in refused:
        with pytest.raises(PathNotAllowedError, match="name"):
            log()
    top = artifact_folder(run.run_id)
    assert storage.list_paths(top) == [f"{top}/flat/name", f"{top}/name/a"]
    assert list(run.tracker.verify()) == []


def test_folders_of_one_name_logged_at_once_are_all_there(
    run: Run, tracker: ExperimentTracker, storage: StorageBackend, tmp_path: Path
) -> None:
    """Each has files of its own and one that all have; the hash is that of all."""
    start = threading.Barrier(4)
    errors: list[BaseException] = []

    def log(number: int) -> None:
        try:
            folder = tmp_path / str(number) / "out"
            folder_of(folder, shared=str(number), **{f"own{number}": str(number)})
            start.wait()
            for _ in range(5):
                tracker.log_artifact(run.run_id, folder)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    top = f"{artifact_folder(run.run_id)}/out"
    names = [key[len(top) + 1 :] for key in storage.list_paths(top)]
    assert names == ["own0", "own1", "own2", "own3", "shared"]
    assert list(tracker.verify()) == []
    assert storage.list_paths(STAGING) == []


def test_a_model_logged_again_leaves_nothing_of_the_one_before(
    run: Run, tracker: ExperimentTracker, storage: StorageBackend
) -> None:
    """Also what was logged into its folder meanwhile; the document knows one model."""
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    run.log_model(model, "m")
    run.log_text("about it", "m/notes.txt")
    run.log_model(model, "m")
    top = f"{artifact_folder(run.run_id)}/m"
    assert f"{top}/notes.txt" not in storage.list_paths(top)
    assert [each.artifact_path for each in run.models] == ["m"]
    assert list(tracker.verify()) == []
