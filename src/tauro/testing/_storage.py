"""The contract of :class:`~tauro.storage.StorageBackend`, as tests."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tauro.errors import (
    CorruptDataError,
    PathNotAllowedError,
    StorageConflictError,
    StorageExistsError,
    StorageNotFoundError,
    ValidationError,
)
from tauro.storage import StorageBackend

BAD_KEYS = (
    *("", "/", "/etc/passwd", "..", "a/../b", "a/./b", "a//b", "a/", "./a", "a\\b", "a\0b"),
    *(".tmp-x", "a/.tmp-x", ".tmp-x/a", "\udcff", "a/\udcff"),
)


def _race(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run ``work(0)`` … ``work(count - 1)`` at once; return results, or errors, in that order."""
    results: list[Any] = [None] * count
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = work(number)
        # The test looks at what came; an error is a result here.
        except Exception as error:  # noqa: BLE001
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class StorageBackendSuite:
    """Subclass, define :meth:`make_backend`, and collect with pytest.

    >>> class TestMyBackend(StorageBackendSuite):
    ...     def make_backend(self, folder):
    ...         return MyBackend(folder)
    """

    def make_backend(self, folder: Path) -> StorageBackend:
        """Return an empty backend; ``folder`` is the test's own."""
        raise AssertionError("a suite's subclass defines make_backend")

    @pytest.fixture
    def backend(self, tmp_path: Path) -> StorageBackend:
        """The backend under test."""
        return self.make_backend(tmp_path / "backend")

    # Bytes

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
            results = _race(8, functools.partial(self._create, backend, key))
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

        assert _race(4, add) == [None] * 4
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

        for seen in _race(3, read):
            assert not isinstance(seen, Exception), seen
            assert seen <= set(values)

    # Documents, frames

    def test_documents(self, backend: StorageBackend) -> None:
        """JSON comes back equal, and what is given back is the caller's."""
        document = {"a": [1, 2.5, None, True, "ü"], "b": {"c": {}}, "": ""}
        assert backend.write_json(document, "d.json").format == "json"
        found = backend.read_json("d.json")
        assert found == document
        found["a"].append("changed")
        assert backend.read_json("d.json") == document
        assert document["a"] == [1, 2.5, None, True, "ü"]

    @pytest.mark.parametrize("bad", [{"a": float("nan")}, {"a": object()}, {"a": {1, 2}}, b"x"])
    def test_what_is_not_json_is_refused(self, backend: StorageBackend, bad: Any) -> None:
        """A document that cannot be encoded leaves the key as it was."""
        backend.write_json({"kept": 1}, "d.json")
        with pytest.raises(ValidationError):
            backend.write_json(bad, "d.json")
        assert backend.read_json("d.json") == {"kept": 1}

    def test_damaged_documents_and_frames(self, backend: StorageBackend) -> None:
        """Bytes that are neither JSON nor Parquet say so, and name the key."""
        for data in (b"", b"{", b"PAR1 and then nothing"):
            backend.write_bytes("bad", data)
            with pytest.raises(CorruptDataError, match="bad"):
                backend.read_json("bad")
            with pytest.raises(CorruptDataError, match="bad"):
                backend.read_dataframe("bad")

    def test_frames(self, backend: StorageBackend) -> None:
        """Frames come back equal: types, nulls, times, index."""
        frame = pd.DataFrame(
            {
                "i": [1, 2, 3],
                "f": [0.5, None, float("inf")],
                "s": ["a", None, "ü"],
                "t": pd.to_datetime(["2024-01-01", "2024-02-02", "NaT"], utc=True),
                "b": [True, False, True],
            },
            index=["x", "y", "z"],
        )
        written = backend.write_dataframe(frame, "f.parquet")
        assert (written.format, written.rows) == ("parquet", 3)
        pd.testing.assert_frame_equal(backend.read_dataframe("f.parquet"), frame)

    def test_frame_modes(self, backend: StorageBackend) -> None:
        """Append adds rows, error refuses to replace, another word is refused."""
        one, two = pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})
        backend.write_dataframe(one, "f.parquet", mode="append")
        backend.write_dataframe(two, "f.parquet", mode="append")
        assert backend.read_dataframe("f.parquet")["a"].tolist() == [1, 2]
        with pytest.raises(StorageExistsError):
            backend.write_dataframe(one, "f.parquet", mode="error")
        with pytest.raises(ValidationError, match="overwrite"):
            backend.write_dataframe(one, "f.parquet", mode="overwirte")  # type: ignore[arg-type]
        assert backend.read_dataframe("f.parquet")["a"].tolist() == [1, 2]

    def test_append_keeps_an_index_with_a_meaning(self, backend: StorageBackend) -> None:
        """A named index, or one of labels, is kept; row numbers are made anew."""
        for name, labels in (("day", [3, 4]), (None, ["x", "y"])):
            rows = [pd.DataFrame({"a": [n]}, index=pd.Index([n], name=name)) for n in labels]
            for each in rows:
                backend.write_dataframe(each, f"{name}.parquet", mode="append")
            pd.testing.assert_frame_equal(
                backend.read_dataframe(f"{name}.parquet"), pd.concat(rows)
            )
        for _ in range(2):
            backend.write_dataframe(pd.DataFrame({"a": [1]}), "n.parquet", mode="append")
        assert backend.read_dataframe("n.parquet").index.tolist() == [0, 1]

    def test_racing_appends_keep_every_row(self, backend: StorageBackend) -> None:
        """Several appenders at once lose no row."""

        def append(number: int) -> None:
            for turn in range(3):
                row = pd.DataFrame({"a": [number * 10 + turn]})
                backend.write_dataframe(row, "f.parquet", mode="append")

        assert _race(3, append) == [None] * 3
        rows = sorted(backend.read_dataframe("f.parquet")["a"].tolist())
        assert rows == [0, 1, 2, 10, 11, 12, 20, 21, 22]

    def test_what_is_no_frame_is_refused(self, backend: StorageBackend) -> None:
        """Objects without a column type leave the key as it was."""
        backend.write_dataframe(pd.DataFrame({"a": [1]}), "f.parquet")
        with pytest.raises(ValidationError):
            backend.write_dataframe(pd.DataFrame({"a": [object()]}), "f.parquet")
        assert backend.read_dataframe("f.parquet")["a"].tolist() == [1]

    # Artifacts

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A local folder with files, a sub-folder and a name that needs care."""
        source = tmp_path / "source"
        (source / "sub dir").mkdir(parents=True)
        (source / "model.bin").write_bytes(bytes(range(256)) * 1000)
        (source / "sub dir" / "ü.txt").write_text("text")
        return source

    def test_a_file_artifact(self, backend: StorageBackend, folder: Path, tmp_path: Path) -> None:
        """A file goes in with its hash and comes out the same, to a path or into a folder."""
        written = backend.write_artifact(folder / "model.bin", "a/model.bin")
        assert written.size == 256_000
        assert written.sha256 is not None
        assert len(written.sha256) == 64
        backend.read_artifact("a/model.bin", tmp_path / "new" / "copy.bin")
        (tmp_path / "into").mkdir()
        backend.read_artifact("a/model.bin", tmp_path / "into")
        wanted = (folder / "model.bin").read_bytes()
        assert (tmp_path / "new" / "copy.bin").read_bytes() == wanted
        assert (tmp_path / "into" / "model.bin").read_bytes() == wanted

    def test_a_folder_artifact(self, backend: StorageBackend, folder: Path, tmp_path: Path) -> None:
        """A folder goes in whole, its files are keys, and it comes out the same."""
        first = backend.write_artifact(folder, "a/f")
        assert first.format == "directory"
        assert backend.list_paths("a/f") == ["a/f/model.bin", "a/f/sub dir/ü.txt"]
        backend.read_artifact("a/f", tmp_path / "out")
        assert (tmp_path / "out" / "sub dir" / "ü.txt").read_text() == "text"
        assert (tmp_path / "out" / "model.bin").read_bytes() == (folder / "model.bin").read_bytes()
        assert backend.write_artifact(folder, "a/g").sha256 == first.sha256

    def test_a_folder_artifact_replaces_whole(self, backend: StorageBackend, folder: Path) -> None:
        """Nothing of the folder before is left."""
        backend.write_artifact(folder, "a/f")
        (folder / "model.bin").unlink()
        (folder / "new.txt").write_text("new")
        backend.write_artifact(folder, "a/f")
        assert backend.list_paths("a/f") == ["a/f/new.txt", "a/f/sub dir/ü.txt"]

    def test_bad_sources(self, backend: StorageBackend, folder: Path, tmp_path: Path) -> None:
        """A source must exist, without '..', and its links must stay inside."""
        with pytest.raises(FileNotFoundError):
            backend.write_artifact(tmp_path / "absent", "a/x")
        with pytest.raises(PathNotAllowedError):
            backend.write_artifact(f"{folder}/../source", "a/x")
        secret = tmp_path / "secret.txt"
        secret.write_text("secret")
        (folder / "link.txt").symlink_to(secret)
        with pytest.raises(PathNotAllowedError, match=r"link\.txt"):
            backend.write_artifact(folder, "a/x")
        assert not backend.exists("a/x")
        assert backend.list_paths() == []

    def test_sources_that_are_no_files_are_refused(
        self, backend: StorageBackend, folder: Path, tmp_path: Path
    ) -> None:
        """A pipe would never end; a name of unfinished writes would never be listed."""
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(PathNotAllowedError, match="neither a file nor a folder"):
            backend.write_artifact(tmp_path / "pipe", "a/x")
        (folder / ".tmp-cache").write_text("x")
        with pytest.raises(PathNotAllowedError, match=r"\.tmp-cache"):
            backend.write_artifact(folder, "a/x")
        assert backend.list_paths() == []

    @pytest.mark.parametrize("name", [b"a\\b", b"\xff"])
    def test_a_folder_with_a_name_that_is_no_key_is_refused(
        self, backend: StorageBackend, folder: Path, name: bytes
    ) -> None:
        """Its file could be put there and never be read again."""
        (folder / os.fsdecode(name)).write_text("x")
        with pytest.raises(PathNotAllowedError, match="not a storage key"):
            backend.write_artifact(folder, "a/x")
        assert backend.list_paths() == []

    def test_a_folder_without_a_file_is_refused(
        self, backend: StorageBackend, folder: Path, tmp_path: Path
    ) -> None:
        """Folders are not kept for themselves; what was there stays."""
        (tmp_path / "empty" / "deep").mkdir(parents=True)
        backend.write_artifact(folder, "a")
        with pytest.raises(ValidationError, match="no file"):
            backend.write_artifact(tmp_path / "empty", "a")
        assert backend.list_paths("a") == ["a/model.bin", "a/sub dir/ü.txt"]

    # Keys

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

    def test_stat(self, backend: StorageBackend) -> None:
        """Size, kind and time of a key; a folder's size is that of its files."""
        backend.write_bytes("a/x.json", b"{}")
        backend.write_bytes("a/y.bin", b"123")
        assert backend.stat("a/x.json").format == "json"
        assert backend.stat("a").format == "directory"
        assert backend.stat("a").size == 5
        assert backend.stat("a/y.bin").modified.utcoffset() is not None

    def test_what_was_passed_in_may_change(self, backend: StorageBackend) -> None:
        """The backend keeps a copy."""
        data = bytearray(b"before")
        backend.write_bytes("key", bytes(data))
        data[:] = b"after!"
        assert backend.read_bytes("key") == b"before"

    def test_it_says_where_it_is(self, backend: StorageBackend) -> None:
        """The URI has a scheme."""
        assert "://" in backend.uri
