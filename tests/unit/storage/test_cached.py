"""Reads that are remembered, amid writes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tauro.storage import CachedStorage, MemoryStorageBackend, StorageBackend, StorageMetadata

Derive = Callable[[CachedStorage], StorageBackend]


class _Meddled(MemoryStorageBackend):
    """A place where others read just before and just after a write takes effect."""

    meddle: Callable[[], None] | None = None

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        meddle, type(self).meddle = type(self).meddle, None
        if meddle is not None:
            meddle()
        written = super().write_bytes(path, data)
        if meddle is not None:
            meddle()
        return written


@pytest.mark.parametrize(
    "derive",
    [
        lambda cached: cached,
        lambda cached: cached.with_durability("process"),
        lambda cached: cached.uncached(),
    ],
    ids=["itself", "another durability", "past the cache"],
)
def test_a_reader_amid_a_write_has_the_bytes_that_are_there(derive: Derive) -> None:
    """Old bytes under the new version's etag would be replaced without having been read."""
    place = _Meddled()
    cached = CachedStorage(place)
    place.write_bytes("k", b"old")
    assert cached.read_bytes("k") == b"old"
    seen: list[tuple[bytes, bytes]] = []
    _Meddled.meddle = lambda: seen.append((cached.read_bytes("k"), place.read_bytes("k")))
    derive(cached).write_bytes("k", b"new")
    assert seen == [(b"old", b"old"), (b"new", b"new")]
    assert cached.read_bytes("k") == b"new"


def test_what_was_moved_to_a_key_is_read_there_whatever_was_remembered() -> None:
    """Another process removed what was there, and this one still remembers it."""
    place = MemoryStorageBackend()
    cached = CachedStorage(place)
    for path, data in (("a/x", b"new"), ("b/x", b"old")):
        place.write_bytes(path, data)
        assert cached.read_bytes(path) == data
    place.delete("b")
    cached.move("a", "b")
    assert cached.read_bytes("b/x") == b"new"
    assert not cached.exists("a/x")


@pytest.mark.parametrize("replace", [False, True])
def test_a_move_forgets_its_source(replace: bool) -> None:
    place = MemoryStorageBackend()
    cached = CachedStorage(place)
    place.write_bytes("a/x", b"1")
    cached.read_bytes("a/x")
    cached.move("a", "b", replace=replace)
    place.write_bytes("a/x", b"2")
    assert cached.read_bytes("a/x") == b"2"


def test_a_write_that_fails_leaves_nothing_old_behind() -> None:
    place = _Meddled()
    cached = CachedStorage(place)
    place.write_bytes("k", b"old")
    cached.read_bytes("k")

    def fail() -> None:
        place._entries.clear()  # what happened before it failed is not known
        raise ConnectionError("the store is away")

    _Meddled.meddle = fail
    with pytest.raises(ConnectionError):
        cached.write_bytes("k", b"new")
    assert not cached.exists("k")
    place.write_bytes("k", b"later")
    assert cached.read_bytes("k") == b"later"
