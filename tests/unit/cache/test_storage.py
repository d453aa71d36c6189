"""A cache in a store."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tauro._internal import _clock
from tauro.cache import StorageCache
from tauro.errors import ValidationError
from tauro.storage import LocalStorageBackend, MemoryStorageBackend, StorageBackend


@pytest.fixture(autouse=True)
def now() -> Iterator[list[float]]:
    seconds = [1_700_000_000.0]
    _clock.set_source(lambda: int(seconds[0] * 1e9))
    yield seconds
    _clock.set_source(None)


@pytest.fixture
def store() -> StorageBackend:
    return MemoryStorageBackend()


def test_values_outlive_the_object(store: StorageBackend) -> None:
    StorageCache(store).set("k", {"a": [1, 2]})
    assert StorageCache(store).get("k") == {"a": [1, 2]}


def test_what_is_returned_belongs_to_the_caller(store: StorageBackend) -> None:
    cache = StorageCache(store)
    cache.set("k", [1])
    cache.get("k").append(2)
    assert cache.get("k") == [1]


def test_everything_lies_below_the_prefix(store: StorageBackend) -> None:
    store.write_bytes("other", b"x")
    cache = StorageCache(store, prefix="_tauro/cache")
    cache.set("a", 1)
    assert [path for path in store.list_paths() if path != "other"] == store.list_paths(
        "_tauro/cache"
    )
    cache.clear()
    assert store.list_paths() == ["other"]


def test_two_prefixes_do_not_share(store: StorageBackend) -> None:
    first, second = StorageCache(store, prefix="a"), StorageCache(store, prefix="b")
    first.set("k", 1)
    assert second.get("k") is None


def _damage_each_byte(data: bytes) -> Iterator[bytes]:
    for index in range(len(data)):
        yield data[:index]
        yield data[:index] + bytes([data[index] ^ 0x41]) + data[index + 1 :]


def test_a_damaged_value_is_not_found(store: StorageBackend) -> None:
    cache = StorageCache(store)
    cache.set("k", [1, 2, 3], ttl=100)
    [path] = store.list_paths("cache")
    for data in _damage_each_byte(store.read_bytes(path)):
        store.write_bytes(path, data)
        assert cache.get("k") in (None, [1, 2, 3])
    cache.set("k", 4)
    assert cache.get("k") == 4


def test_a_value_that_cannot_be_encoded_is_refused_and_the_old_one_kept(
    store: StorageBackend,
) -> None:
    cache = StorageCache(store)
    cache.set("k", 1)
    with pytest.raises(TypeError):
        cache.set("k", object())
    assert cache.get("k") == 1


def test_other_codecs_may_be_given(store: StorageBackend) -> None:
    cache = StorageCache(store, encode=msgspec.msgpack.encode, decode=msgspec.msgpack.decode)
    cache.set("k", b"bytes\n")
    assert cache.get("k") == b"bytes\n"


def test_trimming_removes_what_is_too_old_and_then_the_oldest(
    store: StorageBackend, now: list[float]
) -> None:
    cache = StorageCache(store, max_size=3)
    cache.max_size = 1000
    for number in range(6):
        now[0] += 1
        cache.set(f"k{number}", number, ttl=10 if number == 5 else None)
    cache.max_size = 3
    now[0] += 20
    assert cache.trim() == 3
    assert [cache.get(f"k{number}") for number in range(6)] == [None, None, 2, 3, 4, None]
    assert cache.trim() == 0


def test_it_does_not_grow_without_bound(store: StorageBackend, now: list[float]) -> None:
    cache = StorageCache(store, max_size=20)
    for number in range(200):
        now[0] += 1
        cache.set(str(number), number)
    assert len(store.list_paths("cache")) <= 22
    assert cache.get("199") == 199


def test_the_default_time_holds_where_no_other_is_given(
    store: StorageBackend, now: list[float]
) -> None:
    cache = StorageCache(store, default_ttl=10)
    cache.set("k", 1)
    now[0] += 10
    assert cache.get("k") is None


@pytest.mark.parametrize("options", [{"max_size": 0}, {"default_ttl": -1}])
def test_absurd_settings_are_refused(store: StorageBackend, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(options))):
        StorageCache(store, **options)


def _write(folder: str, start: int) -> None:
    cache = StorageCache(LocalStorageBackend(folder))
    for number in range(start, start + 30):
        cache.set(str(number), number)
        cache.set("shared", [start] * 100)


def test_processes_share_it(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    children = [spawn.Process(target=_write, args=(str(tmp_path), 30 * part)) for part in range(2)]
    for child in children:
        child.start()
    cache = StorageCache(LocalStorageBackend(tmp_path))
    while any(child.is_alive() for child in children):
        assert cache.get("shared") in (None, [0] * 100, [30] * 100)
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert [cache.get(str(number)) for number in range(60)] == list(range(60))


def test_a_value_under_anothers_name_is_not_found(store: StorageBackend) -> None:
    """Names are hashes; what stands there says itself whose it is."""
    cache = StorageCache(store)
    cache.set("mine", 1)
    [path] = store.list_paths("cache")
    data = store.read_bytes(path)
    cache.set("yours", 2)
    [other] = [name for name in store.list_paths("cache") if name != path]
    store.write_bytes(other, data)
    assert cache.get("yours") is None
    assert cache.get("mine") == 1
