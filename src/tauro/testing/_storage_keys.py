"""The contract of keys: what is in the way, listing, deleting, moving, status."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tauro.errors import PathNotAllowedError, StorageExistsError, StorageNotFoundError
from tauro.storage import StorageBackend
from tauro.testing._storage_base import StorageSuitePart, race


class KeysPart(StorageSuitePart):
    """Keys and what is at them."""

    def test_nothing_is_below_a_file_and_no_file_where_a_folder_is(
        self, backend: StorageBackend, folder: Path
    ) -> None:
        """A write that would need a key to be both says what is in the way and changes nothing."""
        backend.write_bytes("k", b"file")
        backend.write_bytes("f/z", b"in a folder")
        backend.write_bytes("m", b"to move")
        below: list[Callable[[], Any]] = [
            lambda: backend.write_bytes("k/z", b""),
            lambda: backend.write_bytes("k/y/z", b"x" * ((1 << 20) + 1)),
            lambda: backend.create_bytes("k/z", b""),
            lambda: backend.write_artifact(folder, "k/z"),
            lambda: backend.write_artifact(folder, "k/y/z"),
            lambda: backend.move("m", "k/z"),
            lambda: backend.write_dataframe(pd.DataFrame({"a": [1]}), "k/z", mode="append"),
        ]
        for write in below:
            with pytest.raises(PathNotAllowedError, match="k' is a file"):
                write()
        with pytest.raises(PathNotAllowedError, match="a folder is there"):
            backend.write_bytes("f", b"")
        with pytest.raises(StorageExistsError):
            backend.create_bytes("f", b"")
        assert backend.list_paths() == ["f/z", "k", "m"]
        assert not backend.exists("k/z")

    def test_a_folder_is_there_as_long_as_a_file_is_in_it(self, backend: StorageBackend) -> None:
        """Once its last file is deleted its name is free, for a file too."""
        for write in (
            lambda: backend.write_bytes("a/b", b"1"),
            lambda: backend.create_bytes("a/b", b"1"),
            lambda: backend.move("other", "a/b"),
        ):
            backend.write_bytes("other", b"1")
            backend.write_bytes("a/b/c", b"0")
            assert backend.delete("a/b/c") is True
            assert not backend.exists("a/b")
            assert not backend.exists("a")
            assert backend.delete("a/b") is False
            with pytest.raises(StorageNotFoundError):
                backend.stat("a")
            write()
            assert backend.read_bytes("a/b") == b"1"
            backend.delete("a")
            backend.delete("other")

    def test_sizes(self, backend: StorageBackend) -> None:
        """Of a file and of a folder, those that ``stat`` says; of nothing, none."""
        backend.write_bytes("a/x", b"12")
        backend.write_bytes("a/y/z", b"3" * 2_000_000)
        for key in ("a/x", "a/y/z", "a"):
            assert backend.size(key) == backend.stat(key).size
        assert backend.size("a") == 2_000_002
        with pytest.raises(StorageNotFoundError):
            backend.size("b")

    def test_a_folders_version_is_that_of_its_files(self, backend: StorageBackend) -> None:
        """It differs when a file at any depth was changed, also for one of the same size."""
        backend.write_bytes("a/b/c", b"1")
        before = backend.stat("a").etag
        assert backend.stat("a").etag == before
        backend.write_bytes("a/b/c", b"2")
        assert backend.stat("a").etag != before

    def test_uncached_is_the_same_place(self, backend: StorageBackend) -> None:
        """What is written by one is read by the other, both ways."""
        past = backend.uncached()
        assert past.uri == backend.uri
        for turn in range(3):
            past.write_bytes("key", b"%d" % turn)
            assert backend.read_bytes("key") == b"%d" % turn
            backend.write_bytes("key", b"-%d" % turn)
            assert past.read_bytes("key") == b"-%d" % turn

    def test_temporaries_are_no_content(self, backend: StorageBackend) -> None:
        """Removing what was left unfinished leaves all that was written."""
        backend.write_bytes("a/b", b"1")
        backend.remove_temporaries(older_than=0.0)
        backend.remove_temporaries("a", older_than=0.0)
        assert backend.read_bytes("a/b") == b"1"

    def test_listing(self, backend: StorageBackend) -> None:
        """All files below a folder, sorted; a prefix is a folder, not a beginning of a name."""
        for key in ("b/2", "a/1", "b/1", "bb/1", "b/c/d"):
            backend.write_bytes(key, b"")
        assert backend.list_paths() == ["a/1", "b/1", "b/2", "b/c/d", "bb/1"]
        assert backend.list_paths("b") == ["b/1", "b/2", "b/c/d"]
        assert backend.list_paths("b/") == ["b/1", "b/2", "b/c/d"]
        assert backend.list_paths("b/1") == ["b/1"]
        assert backend.exists("b")
        assert backend.exists("b/c")

    def test_delete(self, backend: StorageBackend) -> None:
        """A file or a folder goes, its neighbours stay."""
        for key in ("a/1", "a/2", "aa/1"):
            backend.write_bytes(key, b"x")
        assert backend.delete("a/1") is True
        assert backend.list_paths() == ["a/2", "aa/1"]
        assert backend.delete("a") is True
        assert backend.list_paths() == ["aa/1"]
        assert not backend.exists("a")
        assert backend.delete("a") is False

    def test_move(self, backend: StorageBackend) -> None:
        """Files and folders take a name that is free, and only such."""
        backend.write_bytes("a/1", b"1")
        backend.write_bytes("b", b"2")
        backend.move("a", "c/d")
        assert backend.list_paths() == ["b", "c/d/1"]
        with pytest.raises(StorageExistsError):
            backend.move("b", "c/d/1")
        with pytest.raises(StorageExistsError):
            backend.move("b", "c")
        backend.move("b", "e")
        assert backend.list_paths() == ["c/d/1", "e"]
        assert backend.read_bytes("e") == b"2"

    def test_a_move_replaces_when_asked(self, backend: StorageBackend) -> None:
        """A file or folder takes the place of a file or folder, whole; nothing else changes."""
        for old in ({"to": b"old"}, {"to/old": b"old", "to/deep/old": b"old"}):
            for new in ({"from": b"new"}, {"from/new": b"new", "from/deep/new": b"new"}):
                for key, data in {**old, **new, "to2": b"", "from2": b""}.items():
                    backend.write_bytes(key, data)
                moved = {key.replace("from", "to", 1): data for key, data in new.items()}
                assert all(backend.read_bytes(key) == data for key, data in old.items())
                backend.move("from", "to", replace=True)
                assert backend.list_paths() == sorted([*moved, "to2", "from2"])
                assert all(backend.read_bytes(key) == data for key, data in moved.items())
                backend.delete("to")

    def test_a_replacing_move_needs_nothing_there(self, backend: StorageBackend) -> None:
        """It takes a free name as any move does, and an absent source changes nothing."""
        backend.write_bytes("a", b"1")
        backend.move("a", "b/c", replace=True)
        assert backend.list_paths() == ["b/c"]
        with pytest.raises(StorageNotFoundError):
            backend.move("a", "b/c", replace=True)
        backend.move("b/c", "b/c", replace=True)
        assert backend.read_bytes("b/c") == b"1"

    @pytest.mark.parametrize("replace", [False, True])
    def test_nothing_is_moved_into_itself(self, backend: StorageBackend, replace: bool) -> None:
        """Neither a folder below itself nor a part of it over the whole."""
        backend.write_bytes("a/b/c", b"1")
        for src, dest in (("a", "a/d"), ("a", "a/b"), ("a/b", "a"), ("a/b/c", "a")):
            with pytest.raises(PathNotAllowedError, match="inside the other"):
                backend.move(src, dest, replace=replace)
        assert backend.list_paths() == ["a/b/c"]

    def test_readers_find_a_folder_while_it_is_replaced(self, backend: StorageBackend) -> None:
        """The old file or the new one is there at every moment."""
        backend.write_bytes("folder/file", b"0")
        done = threading.Event()

        def replace(_: int) -> list[bytes]:
            try:
                for turn in range(40):
                    backend.write_bytes("next/file", b"%d" % turn)
                    backend.move("next", "folder", replace=True)
            finally:
                done.set()
            return []

        def read(number: int) -> list[bytes]:
            if number == 0:
                return replace(0)
            seen = []
            while not done.is_set():
                seen.append(backend.read_bytes("folder/file"))
            return seen

        wanted = {b"%d" % turn for turn in range(40)}
        for seen in race(3, read):
            assert not isinstance(seen, Exception), seen
            assert set(seen) <= wanted
        assert backend.read_bytes("folder/file") == b"39"

    def test_stat(self, backend: StorageBackend) -> None:
        """Size, kind and time of a key; a folder's size is that of its files."""
        backend.write_bytes("a/x.json", b"{}")
        backend.write_bytes("a/y.bin", b"123")
        assert backend.stat("a/x.json").format == "json"
        assert backend.stat("a").format == "directory"
        assert backend.stat("a").size == 5
        assert backend.stat("a/y.bin").modified.utcoffset() is not None

    def test_what_was_passed_in_may_change(self, backend: StorageBackend) -> None:
        """The backend keeps a copy, of documents and of frames."""
        document, frame = {"list": [1]}, pd.DataFrame({"a": [1, 2]})
        backend.write_json(document, "d.json")
        backend.write_dataframe(frame, "f.parquet")
        document["list"].append(2)
        frame.loc[0, "a"] = 9
        assert backend.read_json("d.json") == {"list": [1]}
        assert backend.read_dataframe("f.parquet")["a"].tolist() == [1, 2]

    def test_it_says_where_it_is(self, backend: StorageBackend) -> None:
        """The URI has a scheme."""
        assert "://" in backend.uri
