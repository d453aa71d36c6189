"""What single backends and wrappers add to the contract: caches, spools, left-overs, the mark."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tauro._internal import _fs
from tauro.errors import (
    PathNotAllowedError,
    ReadOnlyStoreError,
    StorageError,
    StoreFormatError,
)
from tauro.storage import (
    CachedStorage,
    LocalStorageBackend,
    MemoryStorageBackend,
    PrefixedStorage,
    ReadOnlyStorage,
    RetryingStorage,
    StorageBackend,
    SupportsLocalPath,
    SupportsSpool,
    ensure_format,
    open_storage,
    read_format,
)
from tauro.testing import StorageBackendSuite


class TestUncached(StorageBackendSuite):
    """A view past a cache is a backend like others."""

    def make_backend(self, folder: Path) -> StorageBackend:
        return CachedStorage(PrefixedStorage(LocalStorageBackend(folder), "t")).uncached()


# Caches


def wrapped(place: StorageBackend) -> list[StorageBackend]:
    """Return a cache at every place of a chain of wrappers."""
    return [
        CachedStorage(place),
        CachedStorage(CachedStorage(place)),
        RetryingStorage(CachedStorage(place)),
        CachedStorage(RetryingStorage(CachedStorage(place))),
        ReadOnlyStorage(CachedStorage(place)),
        CachedStorage(place).with_durability("disk"),
    ]


@pytest.mark.parametrize("number", range(6))
def test_uncached_reads_what_others_wrote(tmp_path: Path, number: int) -> None:
    """Wherever in the chain the caches are, the view reads past all of them."""
    place = LocalStorageBackend(tmp_path)
    place.write_bytes("key", b"1")
    storage = wrapped(place)[number]
    assert storage.read_bytes("key") == b"1"
    place.write_bytes("key", b"2")
    assert storage.read_bytes("key") == b"1"
    assert storage.uncached().read_bytes("key") == b"2"
    assert storage.uncached().uncached().read_bytes("key") == b"2"


def test_writes_past_a_cache_make_it_forget(tmp_path: Path) -> None:
    """Every verb that changes a key, also through two caches."""
    storage = CachedStorage(RetryingStorage(CachedStorage(LocalStorageBackend(tmp_path / "s"))))
    past = storage.uncached()
    (tmp_path / "source").write_bytes(b"3")
    etag = past.write_bytes("key", b"1").etag
    assert storage.read_bytes("key") == b"1"
    past.replace_bytes("key", b"2", etag=etag)
    assert storage.read_bytes("key") == b"2"
    past.write_artifact(tmp_path / "source", "key")
    assert storage.read_bytes("key") == b"3"
    past.delete("key")
    with pytest.raises(FileNotFoundError):
        storage.read_bytes("key")


def test_rows_that_others_appended_are_kept(tmp_path: Path) -> None:
    """A cache that still has the frame of before does not take their rows back."""
    place = LocalStorageBackend(tmp_path)
    cached = RetryingStorage(CachedStorage(place))
    for turn, storage in enumerate([cached, place, cached, place]):
        storage.write_dataframe(pd.DataFrame({"a": [turn]}), "f.parquet", mode="append")
        if turn == 0:
            cached.read_dataframe("f.parquet")
    assert place.read_dataframe("f.parquet")["a"].tolist() == [0, 1, 2, 3]


def test_what_has_no_cache_is_its_own_view(tmp_path: Path) -> None:
    """No wrapper is made for nothing."""
    for storage in (
        LocalStorageBackend(tmp_path),
        MemoryStorageBackend(),
        PrefixedStorage(LocalStorageBackend(tmp_path), "a"),
    ):
        assert storage.uncached() is storage


# Spools


def test_a_memory_has_one_spool_for_all_who_use_it() -> None:
    """Through any wrapper it is the same folder; a part of the place has a folder of it."""
    memory = MemoryStorageBackend()
    storage: StorageBackend = CachedStorage(RetryingStorage(memory))
    assert isinstance(memory, SupportsSpool)
    assert isinstance(storage, SupportsSpool)
    assert memory.spool() == memory.spool() == storage.spool()
    assert memory.spool().is_dir()
    one, two = PrefixedStorage(storage, "tenants/a"), PrefixedStorage(storage, "tenants/b")
    assert isinstance(one, SupportsSpool)
    assert isinstance(two, SupportsSpool)
    assert one.spool() == memory.spool() / "tenants" / "a"
    assert one.spool().is_dir()
    assert one.spool() != two.spool()
    assert MemoryStorageBackend().spool() != memory.spool()


def test_a_folder_needs_no_spool(tmp_path: Path) -> None:
    """Its keys are files already."""
    assert not isinstance(LocalStorageBackend(tmp_path), SupportsSpool)
    assert not isinstance(RetryingStorage(LocalStorageBackend(tmp_path)), SupportsSpool)


def test_a_spool_goes_with_its_memory() -> None:
    """Nothing is left once nobody has the storage."""
    memory = MemoryStorageBackend()
    folder = memory.spool()
    (folder / "file").write_text("x")
    del memory
    gc.collect()
    assert not folder.exists()


SPOOL_AT_EXIT = """
import atexit, os, sys
from tauro.storage import MemoryStorageBackend
memory = MemoryStorageBackend()
folder = memory.spool()
atexit.register(lambda: print(folder, folder.is_dir()))
if os.fork() == 0:
    del memory
    os._exit(0)
os.wait()
assert folder.is_dir(), "the child removed it"
"""


def test_a_spool_goes_last_at_the_interpreters_end() -> None:
    """Whoever closes files in it at exit still finds it; a forked child leaves it alone."""
    run = [sys.executable, "-c", SPOOL_AT_EXIT]
    ended = subprocess.run(run, capture_output=True, text=True, check=True)
    folder, there = ended.stdout.split()
    assert there == "True"
    assert not Path(folder).exists()


# What dead writers left


def leftover(path: Path, *, age: float) -> Path:
    """Make a file that looks like an unfinished write of so many seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_old_temporaries_are_removed_and_young_ones_kept(tmp_path: Path) -> None:
    """Files and folders, at any depth; a folder is as young as the youngest in it."""
    storage = LocalStorageBackend(tmp_path)
    storage.write_bytes("a/key", b"kept")
    old = leftover(tmp_path / "a" / ".tmp-1-1-dead", age=100_000)
    young = leftover(tmp_path / "a" / ".tmp-1-2-beef", age=10)
    leftover(tmp_path / ".tmp-1-3-dead" / "sub" / "x", age=100_000)
    leftover(tmp_path / ".tmp-1-4-beef" / "sub" / "x", age=10)
    for folder in (".tmp-1-3-dead", ".tmp-1-4-beef"):
        os.utime(tmp_path / folder, (0, 0))
    assert storage.remove_temporaries() == 2
    assert not old.exists()
    assert young.exists()
    assert not (tmp_path / ".tmp-1-3-dead").exists()
    assert (tmp_path / ".tmp-1-4-beef" / "sub" / "x").exists()
    assert storage.list_paths() == ["a/key"]


def test_a_tenant_removes_only_its_own_temporaries(tmp_path: Path) -> None:
    """And a store that is open for reading removes nothing."""
    whole = LocalStorageBackend(tmp_path)
    outside = leftover(tmp_path / ".tmp-1-1-dead", age=100_000)
    inside = leftover(tmp_path / "tenants" / "a" / "x" / ".tmp-1-1-dead", age=100_000)
    tenant = RetryingStorage(CachedStorage(PrefixedStorage(whole, "tenants/a")))
    with pytest.raises(ReadOnlyStoreError):
        ReadOnlyStorage(whole).remove_temporaries()
    assert tenant.remove_temporaries("y") == 0
    assert tenant.remove_temporaries() == 1
    assert outside.exists()
    assert not inside.exists()


def test_a_folder_that_is_being_written_is_not_listed(tmp_path: Path) -> None:
    """What is staged under a temporary name is no content, at any depth."""
    storage = LocalStorageBackend(tmp_path / "store")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_text("a")
    seen: list[list[str]] = []
    _fs.set_fault_hook(
        lambda operation, _: seen.append(storage.list_paths()) if operation == "exchange" else None
    )
    try:
        for _ in range(2):
            storage.write_artifact(tmp_path / "source", "f")
    finally:
        _fs.set_fault_hook(None)
    assert seen == [["f/a"]]


def test_a_folder_is_not_copied_into_itself(tmp_path: Path) -> None:
    """A store below the folder would grow for ever; nothing is begun."""
    (tmp_path / "x").write_text("x")
    (tmp_path / "deep").mkdir()
    storage = LocalStorageBackend(tmp_path / "deep" / "store")
    for source in (tmp_path, tmp_path / "deep", f"{tmp_path}/."):
        with pytest.raises(PathNotAllowedError, match="contains the place"):
            storage.write_artifact(source, "f")
    assert not (tmp_path / "deep" / "store").exists()
    storage.write_bytes("f/x", b"x")
    with pytest.raises(PathNotAllowedError, match="contains the place"):
        storage.write_artifact(storage.local_path("f"), "f/copy")
    storage.write_artifact(storage.local_path("f"), "copy")
    assert storage.list_paths() == ["copy/x", "f/x"]


# Locations


@pytest.mark.parametrize("location", ["", " ", "file:", "file://", "file://localhost"])
def test_an_empty_location_is_refused(location: str) -> None:
    """The working directory is named by a dot, never by nothing."""
    with pytest.raises(StorageError, match=r"empty|names no folder"):
        open_storage(location)


@pytest.mark.parametrize("location", [b"store", 5, ["store"]], ids=repr)
def test_a_location_of_another_type_is_refused(location: Any) -> None:
    """The error says which type it is."""
    with pytest.raises(StorageError, match=type(location).__name__):
        open_storage(location)


@pytest.mark.parametrize("location", ["file://mlruns", "file://mlruns/sub", "FILE://Host/share"])
def test_a_host_is_not_a_folder(location: str) -> None:
    """Two slashes are followed by a host; the error says how a path is written."""
    with pytest.raises(StorageError, match="names the host") as caught:
        open_storage(location)
    assert any("file:///" in hint for hint in caught.value.suggestions)
    assert any("mlruns" in hint or "Host" in hint for hint in caught.value.suggestions)


def test_file_urls_name_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absolute, of this host, relative, and with characters that URLs have other uses for."""
    monkeypatch.chdir(tmp_path)
    odd = tmp_path / "50%20off #1?"
    assert open_storage(f"file://{tmp_path}/a").uri == (tmp_path / "a").as_uri()
    assert open_storage(f"file://localhost{tmp_path}/a").uri == (tmp_path / "a").as_uri()
    assert open_storage("file:a").uri == (tmp_path / "a").as_uri()
    assert open_storage(odd.as_uri()).uri == odd.as_uri()
    assert open_storage(f"file://{tmp_path}/a#1?b").uri == (tmp_path / "a#1?b").as_uri()


def test_the_uri_of_a_part_is_encoded_like_that_of_the_whole(tmp_path: Path) -> None:
    """A name with a space or a percent sign comes back from the URI."""
    part = PrefixedStorage(LocalStorageBackend(tmp_path / "a b"), "tenants/50% ü")
    assert isinstance(part, SupportsLocalPath)
    assert part.uri == part.local_path().as_uri()
    assert open_storage(part.uri).uri == part.uri


# The mark


def mlflow(root: Path, *names: str) -> Path:
    """Make folders that look like MLflow's experiments."""
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "meta.yaml").write_text("experiment_id: '1'")
    (root / ".trash").mkdir(exist_ok=True)
    return root


@pytest.mark.parametrize(
    "names", [("0",), ("4242",), ("498512345678901234", "0"), (".trash/12",)], ids=str
)
@pytest.mark.parametrize("tenant", [None, "a"])
def test_an_mlflow_folder_is_refused(
    tmp_path: Path, names: tuple[str, ...], tenant: str | None
) -> None:
    """With and without its default experiment, and for a tenant too; nothing is written."""
    root = mlflow(tmp_path / "mlruns", *names)
    before = sorted(root.rglob("*"))
    for read_only in (False, True):
        storage = open_storage(root, tenant_id=tenant, read_only=read_only)
        with pytest.raises(StoreFormatError, match="MLflow"):
            read_format(storage)
    with pytest.raises(StoreFormatError, match="MLflow"):
        ensure_format(CachedStorage(open_storage(root, tenant_id=tenant)))
    assert sorted(root.rglob("*")) == before


def test_a_place_that_cannot_be_looked_into_says_so(tmp_path: Path) -> None:
    """The error of the disk comes as one of the storage."""

    def hook(operation: str, path: str) -> None:
        if operation == "list":
            raise OSError(5, "Input/output error", path)

    _fs.set_fault_hook(hook)
    try:
        with pytest.raises(StorageError, match="Input/output error"):
            read_format(open_storage(tmp_path))
    finally:
        _fs.set_fault_hook(None)


def test_folders_with_numbers_are_not_foreign(tmp_path: Path) -> None:
    """Only a number with a meta.yaml is an experiment of MLflow."""
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024" / "data.csv").write_text("x")
    assert ensure_format(open_storage(tmp_path, tenant_id="a")).version == 1


def test_a_newer_store_is_refused_to_its_tenants(tmp_path: Path) -> None:
    """The whole place's version counts for its parts."""
    (tmp_path / "_tauro").mkdir()
    mark = {"version": 99, "store_id": "a", "created_at": "x"}
    (tmp_path / "_tauro" / "format.json").write_text(json.dumps(mark))
    for tenant in (None, "a"):
        with pytest.raises(StoreFormatError, match="format 99"):
            read_format(open_storage(tmp_path, tenant_id=tenant))


def test_a_tenant_of_a_store_has_a_mark_of_its_own(tmp_path: Path) -> None:
    """Whether or not the whole place is a store."""
    tenant = ensure_format(open_storage(tmp_path, tenant_id="a"))
    whole = ensure_format(open_storage(tmp_path))
    assert tenant != whole
    assert read_format(open_storage(tmp_path, tenant_id="a")) == tenant
    assert read_format(open_storage(tmp_path, tenant_id="b")) is None
