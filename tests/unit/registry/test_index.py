"""The index for other tools: a view that is never in the way."""

from __future__ import annotations

import gc
import logging
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tauro.errors import StorageError
from tauro.events import Observers
from tauro.registry import ModelRegistry
from tauro.registry._index_file import INDEX
from tauro.storage import LocalStorageBackend, MemoryStorageBackend, StorageMetadata


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    (tmp_path / "model.bin").write_bytes(b"x")
    return tmp_path / "model.bin"


def registry_on(folder: Path) -> ModelRegistry:
    return ModelRegistry(LocalStorageBackend(folder), observers=Observers())


def test_the_first_change_publishes_at_once(tmp_path: Path, artifact: Path) -> None:
    registry = registry_on(tmp_path / "store")
    registry.register_model("fraud", artifact)
    frame = pd.read_parquet(tmp_path / "store" / INDEX)
    assert frame[["name", "version", "stage"]].to_dict("records") == [
        {"name": "fraud", "version": 1, "stage": "None"}
    ]
    assert frame["created_at"].dt.tz is not None
    registry.close()


def test_many_changes_are_published_at_the_latest_on_close(tmp_path: Path, artifact: Path) -> None:
    registry = registry_on(tmp_path / "store")
    for _ in range(20):
        registry.register_model("fraud", artifact)
    registry.close()
    assert len(pd.read_parquet(tmp_path / "store" / INDEX)) == 20


def test_a_registry_that_is_dropped_publishes(tmp_path: Path, artifact: Path) -> None:
    registry = registry_on(tmp_path / "store")
    for _ in range(5):
        registry.register_model("fraud", artifact)
    del registry
    gc.collect()
    assert len(pd.read_parquet(tmp_path / "store" / INDEX)) == 5


def test_a_store_that_was_removed_does_not_come_back(tmp_path: Path, artifact: Path) -> None:
    registry = registry_on(tmp_path / "store")
    for _ in range(5):
        registry.register_model("fraud", artifact)
    shutil.rmtree(tmp_path / "store")
    del registry
    gc.collect()
    assert not (tmp_path / "store").exists()


def test_two_registries_keep_each_others_rows(tmp_path: Path, artifact: Path) -> None:
    first, second = registry_on(tmp_path / "store"), registry_on(tmp_path / "store")
    first.register_model("a", artifact, metrics={"auc": 0.5})
    second.register_model("b", artifact, tags={"team": "ds"})
    first.promote_model("a", 1, "Production")
    first.close()
    second.close()
    frame = pd.read_parquet(tmp_path / "store" / INDEX).set_index("name")
    assert frame.loc["a", "stage"] == "Production"
    assert frame.loc["a", "metrics.auc"] == 0.5
    assert frame.loc["b", "tags.team"] == "ds"


class Interrupted(MemoryStorageBackend):
    """A store in which somebody else writes the index between another's reading and writing."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.tried = 0

    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        if path == INDEX:
            self.tried += 1
            if self.tried <= self.times:
                present = pd.DataFrame({"name": [f"other-{self.tried}"], "version": [1]})
                self.write_dataframe(present, INDEX)
        return super().replace_bytes(path, data, etag=etag)


@pytest.mark.parametrize(("times", "published"), [(3, True), (50, False)])
def test_who_is_interrupted_reads_again(
    artifact: Path, times: int, published: bool, caplog: pytest.LogCaptureFixture
) -> None:
    storage = Interrupted(times)
    registry = ModelRegistry(storage, observers=Observers())
    registry.register_model("fraud", artifact)
    registry.register_model("fraud", artifact)
    with caplog.at_level(logging.WARNING, "tauro.registry"):
        registry.close()
    names = set(storage.read_dataframe(INDEX)["name"])
    if published:
        assert names == {"fraud", f"other-{times}"}
        assert caplog.text == ""
    else:
        assert "too many write it at once" in caplog.text
    assert registry.get_model_version("fraud").version == 2


class FullDisk(MemoryStorageBackend):
    """A store on which the index cannot be written."""

    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        if path == INDEX:
            raise StorageError("No space left on device.")
        return super().create_bytes(path, data)


def test_an_index_that_cannot_be_written_fails_nothing(
    artifact: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry = ModelRegistry(FullDisk(), observers=Observers())
    with caplog.at_level(logging.WARNING, "tauro.registry"):
        assert registry.register_model("fraud", artifact).version == 1
    assert "is behind: No space left" in caplog.text
