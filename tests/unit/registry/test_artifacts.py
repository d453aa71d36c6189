"""What registering does to the disk: few calls, in the order that makes it safe."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro._internal._ids import new_id
from tauro.errors import StorageError
from tauro.events import Observers
from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend
from tauro.types import Durability

STAGING = "model_registry/staging"


@pytest.fixture
def calls() -> Iterator[list[tuple[str, str]]]:
    """The calls that change the disk, with the path of each."""
    made: list[tuple[str, str]] = []

    def hook(operation: str, path: str) -> None:
        if operation not in ("stat", "list", "read", "close"):
            made.append((operation, path))

    _fs.set_fault_hook(hook)
    yield made
    _fs.set_fault_hook(None)


def open_registry(tmp_path: Path, durability: Durability) -> ModelRegistry:
    return ModelRegistry(
        LocalStorageBackend(tmp_path / "store"), observers=Observers(), durability=durability
    )


def register_second(
    tmp_path: Path, durability: Durability, calls: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Register twice; return the calls of the second, when folders and index are there."""
    (tmp_path / "model.bin").write_bytes(b"weights")
    registry = open_registry(tmp_path, durability)
    registry.register_model("fraud", tmp_path / "model.bin")
    calls.clear()
    registry.register_model("fraud", tmp_path / "model.bin")
    return list(calls)  # those of the index come when the registry is dropped


def test_a_registration_makes_three_files_and_folders_and_no_more(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    """On a file system under load, making a file costs more than all the rest together."""
    made = register_second(tmp_path, "process", calls)
    assert [operation for operation, _ in made] == [
        *("mkdir", "open", "write"),
        *("open", "write", "link", "unlink"),
        "rename",
    ]


def test_with_durability_disk_nothing_is_named_before_it_is_on_the_disk(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    second = register_second(tmp_path, "disk", calls)
    registry = tmp_path / "store/model_registry"
    folder = Path(next(path for operation, path in second if operation == "mkdir"))
    made = [(operation, Path(path)) for operation, path in second if operation != "write"]
    document = made[5][1]
    assert document.parent == registry / "metadata/fraud"
    assert made == [
        ("mkdir", folder),
        ("open", folder / "model.bin"),
        ("fsync", folder / "model.bin"),
        ("fsync_dir", folder),
        ("fsync_dir", folder.parent),
        ("open", document),
        ("fsync", document),
        ("link", registry / "metadata/fraud/v2.json"),
        ("unlink", document),
        ("fsync_dir", registry / "metadata/fraud"),
        ("rename", registry / "artifacts/fraud/v2"),
    ]


def test_the_folders_of_a_new_model_are_on_the_disk_too(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    open_registry(tmp_path, "disk").register_model("fraud", tmp_path / "model.bin")
    synced = [path for operation, path in calls if operation == "fsync_dir"]
    store = tmp_path / "store"
    above = [store, store / "model_registry", store / "model_registry/metadata"]
    assert {str(folder) for folder in above} <= set(synced)


def test_gc_removes_a_staging_folder_in_which_no_file_came_to_be(tmp_path: Path) -> None:
    registry = open_registry(tmp_path, "process")
    (tmp_path / "model.bin").write_bytes(b"weights")
    registry.register_model("fraud", tmp_path / "model.bin")
    left = tmp_path / "store" / STAGING / new_id()
    left.mkdir()
    unfinished = left.with_name(".tmp-1-1-abcdef")
    unfinished.mkdir()
    assert registry.gc()["staging"] == 0
    assert registry.gc(unfinished_older_than_days=0)["staging"] == 1
    assert not left.exists()
    assert unfinished.exists()  # that is for the store's own gc


def test_a_staging_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    registry = open_registry(tmp_path, "process")
    (tmp_path / "model.bin").write_bytes(b"weights")
    (tmp_path / "store/model_registry").mkdir(parents=True)
    (tmp_path / "store" / STAGING).write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=f"Cannot copy '{STAGING}/.*into the registry"):
        registry.register_model("fraud", tmp_path / "model.bin")
    assert registry.list_models() == []


@pytest.mark.parametrize("holes", ["none", "at the start", "at the end", "all", "empty file"])
def test_a_copy_has_the_bytes_and_the_size_of_its_source(tmp_path: Path, holes: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    data = {
        "none": os.urandom((3 << 20) + 17),
        "at the start": bytes(2 << 20) + b"tail",
        "at the end": b"head" + bytes(3 << 20),
        "all": bytes(4 << 20),
        "empty file": b"",
    }[holes]
    source.write_bytes(data)
    size, digest = _fs.copy_file(str(source), str(target))
    assert (size, digest) == (len(data), hashlib.sha256(data).hexdigest())
    assert target.read_bytes() == data
