"""The contract of bytes under keys: whole, versioned, created once, replaced knowingly."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tauro.errors import (
    PathNotAllowedError,
    StorageConflictError,
    StorageExistsError,
    StorageNotFoundError,
)
from tauro.storage import StorageBackend
from tauro.testing._storage_base import StorageSuitePart, race

BAD_KEYS = (
    *("", "/", "/etc/passwd", "..", "a/../b", "a/./b", "a//b", "a/", "./a", "a\\b", "a\0b"),
    *(".tmp-x", "a/.tmp-x", ".tmp-x/a", "\udcff", "a/\udcff"),
)


class BytesPart(StorageSuitePart):
    """Bytes under keys."""

    def test_what_was_written_is_read(self, backend: StorageBackend) -> None:
        """Any bytes come back as they were."""
        for data in (b"", b"x", bytes(range(256)) * 5000):
            written = backend.write_bytes("a/b/c.bin", data)
            assert backend.read_bytes("a/b/c.bin") == data
            assert (written.path, written.size) == ("a/b/c.bin", len(data))

    def test_a_write_replaces(self, backend: StorageBackend) -> None:
        """The last write stands, and the version differs."""
        first = backend.write_bytes("key", b"long before")
        second = backend.write_bytes("key", b"now")
        assert backend.read_bytes("key") == b"now"
        assert first.etag != second.etag
        assert backend.stat("key").etag == second.etag

    def test_a_version_is_not_repeated_by_quick_writes(self, backend: StorageBackend) -> None:
        """Versions of different contents of one size differ, however fast they follow."""
        versions = [backend.write_bytes("key", bytes([n])).etag for n in range(50)]
        assert len(set(versions)) == 50

    def test_keys_of_any_text(self, backend: StorageBackend) -> None:
        """Spaces, dots, Unicode, percent signs are parts of names like others."""
        keys = ["a b/c", "ünï/çødé", "100%/x", ".hidden/y", "a.b.c", "..a/b..", "日本/語"]
        for key in keys:
            backend.write_bytes(key, key.encode())
        assert [backend.read_bytes(key).decode() for key in keys] == keys
        assert set(backend.list_paths()) >= set(keys)

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_other_keys_are_refused(self, backend: StorageBackend, key: str) -> None:
        """A key that is not a plain relative path is refused by every verb."""
        calls: list[Callable[[], Any]] = [
            lambda: backend.write_bytes(key, b""),
            lambda: backend.create_bytes(key, b""),
            lambda: backend.read_bytes(key),
            lambda: backend.stat(key),
            lambda: backend.exists(key),
            lambda: backend.delete(key),
            lambda: backend.move(key, "x"),
            lambda: backend.write_json({}, key),
        ]
        for call in calls:
            with pytest.raises(PathNotAllowedError):
                call()

    def test_absence(self, backend: StorageBackend, tmp_path: Path) -> None:
        """What is not there is not found, and deleting it is no error."""
        reads: list[Callable[[], Any]] = [
            lambda: backend.read_bytes("no"),
            lambda: backend.read_json("no"),
            lambda: backend.read_dataframe("no"),
            lambda: backend.stat("no"),
            lambda: backend.read_artifact("no", tmp_path / "out"),
            lambda: backend.move("no", "other"),
            lambda: backend.replace_bytes("no", b"", etag="any"),
        ]
        for read in reads:
            with pytest.raises(StorageNotFoundError):
                read()
        assert not backend.exists("no")
        assert backend.list_paths("no") == []
        assert backend.delete("no") is False

    def test_the_error_of_absence_is_a_file_not_found(self, backend: StorageBackend) -> None:
        """Errors also are the builtin they refine, and name the key."""
        with pytest.raises(FileNotFoundError, match="some/key"):
            backend.read_bytes("some/key")

    # Create, replace

    def test_create_only_where_nothing_is(self, backend: StorageBackend) -> None:
        """A second creation is refused and changes nothing."""
        backend.create_bytes("key", b"first")
        with pytest.raises(StorageExistsError):
            backend.create_bytes("key", b"second")
        assert backend.read_bytes("key") == b"first"

    def test_of_racing_creators_one_wins(self, backend: StorageBackend) -> None:
        """Exactly one of many creations returns, and its bytes stand."""
        for turn in range(5):
            key = f"race/{turn}"
            results = race(8, functools.partial(self._create, backend, key))
            winners = [n for n, each in enumerate(results) if not isinstance(each, Exception)]
            assert len(winners) == 1
            losers = [each for each in results if isinstance(each, Exception)]
            assert all(isinstance(each, StorageExistsError) for each in losers)
            assert backend.read_bytes(key) == b"%d" % winners[0]

    @staticmethod
    def _create(backend: StorageBackend, key: str, number: int) -> None:
        backend.create_bytes(key, b"%d" % number)

    def test_replace_only_the_version_named(self, backend: StorageBackend) -> None:
        """A stale version is refused and changes nothing."""
        first = backend.write_bytes("key", b"1")
        second = backend.replace_bytes("key", b"2", etag=first.etag)
        with pytest.raises(StorageConflictError):
            backend.replace_bytes("key", b"3", etag=first.etag)
        assert backend.read_bytes("key") == b"2"
        assert backend.stat("key").etag == second.etag

    @pytest.mark.parametrize("size", [0, 10, (1 << 20) + 1])
    def test_versions_are_the_same_however_learned(
        self, backend: StorageBackend, size: int
    ) -> None:
        """What a write returned replaces, whatever the size; of quick writes each has its own."""
        written = backend.create_bytes("key", b"0" * size)
        assert backend.stat("key").etag == written.etag
        for byte in b"123":
            before = written
            written = backend.replace_bytes("key", bytes([byte]) * size, etag=before.etag)
            assert backend.stat("key").etag == written.etag
            if size:
                with pytest.raises(StorageConflictError):
                    backend.replace_bytes("key", b"", etag=before.etag)
        assert backend.read_bytes("key") == b"3" * size

    def test_racing_counters_lose_no_step(self, backend: StorageBackend) -> None:
        """Read, add one, replace, and again on conflict: every addition counts."""
        backend.write_bytes("counter", b"0")

        def add(_: int) -> None:
            for _ in range(10):
                while True:
                    before = backend.stat("counter")
                    number = int(backend.read_bytes("counter"))
                    try:
                        backend.replace_bytes("counter", b"%d" % (number + 1), etag=before.etag)
                    except StorageConflictError:
                        continue
                    break

        assert race(4, add) == [None] * 4
        assert backend.read_bytes("counter") == b"40"

    def test_readers_see_whole_values(self, backend: StorageBackend) -> None:
        """While a key is rewritten, every read is one of the values, whole."""
        values = [bytes([n]) * 50_000 for n in range(4)]
        backend.write_bytes("key", values[0])
        done = threading.Event()

        def write(_: int) -> None:
            for turn in range(60):
                backend.write_bytes("key", values[turn % 4])
            done.set()

        def read(number: int) -> set[bytes]:
            if number == 0:
                write(0)
                return set()
            seen = set()
            while not done.is_set():
                seen.add(backend.read_bytes("key"))
            return seen

        for seen in race(3, read):
            assert not isinstance(seen, Exception), seen
            assert seen <= set(values)
