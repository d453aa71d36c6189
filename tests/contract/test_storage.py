"""Every backend and every wrapper against the one contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tauro.errors import PathNotAllowedError, ReadOnlyStoreError, StorageError
from tauro.storage import (
    CachedStorage,
    LocalStorageBackend,
    MemoryStorageBackend,
    PrefixedStorage,
    ReadOnlyStorage,
    RetryingStorage,
    StorageBackend,
    SupportsLocalPath,
    SupportsLocks,
)
from tauro.testing import StorageBackendSuite


class TestLocal(StorageBackendSuite):
    def make_backend(self, folder: Path) -> StorageBackend:
        return LocalStorageBackend(folder)


class TestLocalOnDisk(StorageBackendSuite):
    def make_backend(self, folder: Path) -> StorageBackend:
        return LocalStorageBackend(folder, durability="disk")


class TestMemory(StorageBackendSuite):
    def make_backend(self, folder: Path) -> StorageBackend:
        return MemoryStorageBackend()


class TestPrefixedLocal(StorageBackendSuite):
    def make_backend(self, folder: Path) -> StorageBackend:
        return PrefixedStorage(LocalStorageBackend(folder), "tenants/acme")


class TestPrefixedMemory(StorageBackendSuite):
    def make_backend(self, folder: Path) -> StorageBackend:
        return PrefixedStorage(MemoryStorageBackend(), "tenants/acme")


class TestRetrying(StorageBackendSuite):
    def make_backend(self, folder: Path) -> StorageBackend:
        return RetryingStorage(LocalStorageBackend(folder))


class TestCachedLocal(StorageBackendSuite):
    def make_backend(self, folder: Path) -> StorageBackend:
        return CachedStorage(LocalStorageBackend(folder))


class TestCachedMemory(StorageBackendSuite):
    def make_backend(self, folder: Path) -> StorageBackend:
        return CachedStorage(MemoryStorageBackend())


class TestWrapperOfWrappers(StorageBackendSuite):
    def make_backend(self, folder: Path) -> StorageBackend:
        local = RetryingStorage(LocalStorageBackend(folder))
        return CachedStorage(PrefixedStorage(local, "tenants/acme"))


def test_a_tenant_sees_only_its_part(tmp_path: Path) -> None:
    """A prefixed store reads and writes below its folder, and cannot leave it."""
    whole = LocalStorageBackend(tmp_path)
    tenant = PrefixedStorage(whole, "tenants/acme")
    whole.write_bytes("outside", b"secret")
    tenant.write_bytes("key", b"own")
    assert whole.list_paths() == ["outside", "tenants/acme/key"]
    assert tenant.list_paths() == ["key"]
    assert not tenant.exists("outside")
    with pytest.raises(PathNotAllowedError):
        tenant.read_bytes("../../outside")


def test_read_only_refuses_every_write_and_reads_all(tmp_path: Path) -> None:
    """Nothing changes through a read-only wrapper."""
    place = LocalStorageBackend(tmp_path)
    etag = place.write_bytes("key", b"kept").etag
    closed = ReadOnlyStorage(place)
    assert closed.read_only
    assert closed.read_bytes("key") == b"kept"
    source = tmp_path.parent / "source.txt"
    source.write_text("x")
    for write in (
        lambda: closed.write_bytes("key", b""),
        lambda: closed.create_bytes("new", b""),
        lambda: closed.replace_bytes("key", b"", etag=etag),
        lambda: closed.write_json({}, "key"),
        lambda: closed.write_artifact(source, "key"),
        lambda: closed.move("key", "new"),
        lambda: closed.delete("key"),
    ):
        with pytest.raises(ReadOnlyStoreError):
            write()
    assert place.list_paths() == ["key"]
    assert place.read_bytes("key") == b"kept"


def test_wrappers_have_the_abilities_of_what_they_wrap(tmp_path: Path) -> None:
    """A wrapped folder has files and locks; a wrapped memory has locks only."""
    wrapped = RetryingStorage(PrefixedStorage(LocalStorageBackend(tmp_path), "tenants/a"))
    assert isinstance(wrapped, SupportsLocalPath)
    assert isinstance(wrapped, SupportsLocks)
    assert wrapped.local_path("x") == tmp_path.resolve() / "tenants" / "a" / "x"
    memory = CachedStorage(MemoryStorageBackend())
    assert not isinstance(memory, SupportsLocalPath)
    assert isinstance(memory, SupportsLocks)


class _Failing(MemoryStorageBackend):
    """Fail the first calls of one verb, before or after its work is done."""

    def __init__(self, failures: int, *, after: bool) -> None:
        super().__init__()
        self.failures = failures
        self.after = after
        self.calls = 0

    def _perhaps_fail(self) -> None:
        self.calls += 1
        if self.calls <= self.failures:
            raise StorageError("the line dropped")

    def write_bytes(self, path: str, data: bytes):  # type: ignore[no-untyped-def]
        if not self.after:
            self._perhaps_fail()
        written = super().write_bytes(path, data)
        if self.after:
            self._perhaps_fail()
        return written

    def create_bytes(self, path: str, data: bytes):  # type: ignore[no-untyped-def]
        with self._guard:
            if self.exists(path):
                return super().create_bytes(path, data)
            return self.write_bytes(path, data)

    def delete(self, path: str) -> bool:
        found = super().delete(path)
        self._perhaps_fail()
        return found


@pytest.mark.parametrize("after", [False, True])
def test_a_retry_makes_a_dropped_write_good(after: bool) -> None:
    """A write is repeated until it is through, also where only the answer was lost."""
    place = _Failing(2, after=after)
    retrying = RetryingStorage(place)
    retrying.write_bytes("key", b"value")
    assert place.read_bytes("key") == b"value"
    assert place.calls == 3


def test_a_retried_creation_knows_its_own_work() -> None:
    """Where the answer to a creation was lost, its own bytes are no conflict; others' are."""
    place = _Failing(1, after=True)
    RetryingStorage(place).create_bytes("key", b"mine")
    assert place.read_bytes("key") == b"mine"


def test_a_retried_deletion_removes_once() -> None:
    """Where the answer to a deletion was lost, it still says that something was there."""
    place = _Failing(0, after=True)
    place.write_bytes("key", b"x")
    place.calls, place.failures = 0, 1
    assert RetryingStorage(place).delete("key") is True
    assert not place.exists("key")


def test_a_cache_sees_other_writers_after_its_own_write_and_expiry(tmp_path: Path) -> None:
    """Own writes are seen at once; a cached read saves the call."""
    place = LocalStorageBackend(tmp_path)
    cached = CachedStorage(place)
    cached.write_bytes("key", b"1")
    assert cached.read_bytes("key") == b"1"
    place.write_bytes("key", b"2")
    assert cached.read_bytes("key") == b"1"
    cached.write_bytes("key", b"3")
    assert cached.read_bytes("key") == b"3"
    cached.delete("key")
    assert not place.exists("key")
    with pytest.raises(FileNotFoundError):
        cached.read_bytes("key")
