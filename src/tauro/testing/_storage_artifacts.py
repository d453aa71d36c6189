"""The contract of artifacts: files and folders that go in and come out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tauro.errors import (
    PathNotAllowedError,
    StorageError,
    StorageNotFoundError,
    ValidationError,
)
from tauro.storage import StorageBackend
from tauro.testing._storage_base import StorageSuitePart


class ArtifactsPart(StorageSuitePart):
    """Files and folders."""

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

    def test_a_destination_that_cannot_be_written(
        self, backend: StorageBackend, folder: Path, tmp_path: Path
    ) -> None:
        """It is the destination that is named, and not what is stored that is said to be absent."""
        backend.write_artifact(folder, "a/f")
        backend.write_bytes("a/one", b"1")
        (tmp_path / "taken").write_text("a file")
        for key, dest in (("a/f", tmp_path / "taken"), ("a/one", tmp_path / "taken" / "x" / "y")):
            with pytest.raises(StorageError, match="taken") as caught:
                backend.read_artifact(key, dest)
            assert not isinstance(caught.value, StorageNotFoundError)
        assert (tmp_path / "taken").read_text() == "a file"

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
