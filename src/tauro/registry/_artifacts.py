"""The files of versions: staged, committed by the version's document, moved into their place."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Final

from tauro._internal import _fs
from tauro._internal._ids import new_id
from tauro._internal._paths import check_key, check_source
from tauro.errors import (
    CorruptDataError,
    PathNotAllowedError,
    ReadOnlyStoreError,
    StorageError,
    StorageExistsError,
    StorageNotFoundError,
    ValidationError,
)
from tauro.registry._ledger import ModelLedger
from tauro.registry._models import ArtifactFile, ModelMetadata
from tauro.registry._names import folder_of
from tauro.storage import Progress, StorageBackend, SupportsLocalPath, check_outside, folder_files
from tauro.types import Durability, StrPath

_log = logging.getLogger("tauro.registry")
ARTIFACTS: Final = "model_registry/artifacts"
STAGING: Final = "model_registry/staging"
DAMAGED: Final = "model_registry/damaged"
"""Where damaged documents, and files in the way of others, are put aside."""


class ArtifactStore:
    """The artifact folders of all versions.

    Args:
        storage: Where they are.
        quick: The same place without synchronising. The move into place may be lost with the
            power, since the version's document says where the files were staged.
    """

    def __init__(self, storage: StorageBackend, quick: StorageBackend) -> None:
        self._storage = storage
        self._quick = quick

    def stage(
        self, source: StrPath, *, progress: Progress | None = None, link: bool = False
    ) -> tuple[str, list[ArtifactFile]]:
        """Copy a file or folder to a new staging folder; return its key and the files.

        Nothing is opened but to copy and hash its bytes, each once.

        Args:
            source: The file or folder.
            progress: Called with the bytes done since the last call.
            link: Whether the store may share files with the source, where it can.

        Raises:
            PathNotAllowedError: The path has ``..`` segments, or a link in it leads out.
            FileNotFoundError: There is nothing.
            ValidationError: The folder has no file.
        """
        path = self._check(source)
        named = folder_files(path) if path.is_dir() else iter([(path.name, str(path))])
        key = self._new_folder()
        try:
            files = [self._copy(file, key, name, progress, link) for name, file in named]
            if not files:
                raise ValidationError(
                    f"The folder {str(source)!r} has no file in it.", context={"path": str(source)}
                )
        except BaseException:
            self.discard(key)
            raise
        return key, sorted(files, key=lambda file: file.path)

    def stage_written(
        self, write: Callable[[Path], Mapping[str, str]], *, progress: Progress | None = None
    ) -> tuple[str, list[ArtifactFile]]:
        """Let ``write`` fill a folder, and stage it; return its key and the files.

        Args:
            write: Writes files into an empty folder and returns the SHA-256 of those it hashed.
            progress: Called with the bytes done since the last call.
        """
        with TemporaryDirectory(prefix="tauro-model-") as folder:
            write(Path(folder))
            return self.stage(folder, progress=progress)

    def _check(self, source: StrPath) -> Path:
        return check_source(source)

    def _new_folder(self) -> str:
        return f"{STAGING}/{new_id()}"

    def _copy(
        self, file: str, key: str, name: str, progress: Progress | None, link: bool
    ) -> ArtifactFile:
        del link
        dest = f"{key}/{name}"
        written = self._storage.write_artifact(file, dest, progress=progress)
        digest = written.sha256 or hashlib.sha256(self._storage.read_bytes(dest)).hexdigest()
        return ArtifactFile(name, written.size, digest)

    def staged(self) -> set[str]:
        """Return the names of the staging folders that are there."""
        start = len(STAGING) + 1
        return {path[start:].partition("/")[0] for path in self._quick.list_paths(STAGING)}

    def discard(self, key: str) -> None:
        """Remove a staging folder that was not committed."""
        self._quick.delete(key)

    def commit(self, metadata: ModelMetadata) -> None:
        """Move the files of a version that was just created into their place.

        The version exists by now whatever happens here: who reads it next moves what was left.
        """
        try:
            try:
                self._move(metadata.staging, artifact_key(metadata))
            except (StorageExistsError, StorageNotFoundError):
                self._make_room(metadata)
        except StorageError as error:
            _log.warning("%s", error)

    def _make_room(self, metadata: ModelMetadata) -> None:
        """Do nothing: a reader was faster."""

    def _move(self, staging: str, key: str) -> None:
        self._quick.move(staging, key)

    def place(self, metadata: ModelMetadata) -> str:
        """Return the key of a version's files, moving them there from staging where that was left.

        Raises:
            CorruptDataError: They are in neither place.
        """
        key = artifact_key(metadata)
        if self._storage.exists(key):
            return key
        try:
            self._move(metadata.staging, key)
        except ReadOnlyStoreError:
            if self._storage.exists(metadata.staging):
                return metadata.staging
        except (StorageExistsError, StorageNotFoundError):
            pass  # Somebody else moves it too; what counts is what is there now.
        if not self._storage.exists(key):
            raise CorruptDataError(
                f"The files of {metadata.name} v{metadata.version} are gone from {key!r}.",
                context={"path": key, "name": metadata.name, "version": metadata.version},
                suggestions=["`tauro store verify` lists everything that is missing."],
            )
        return key

    def gather(self, ledger: ModelLedger) -> None:
        """Move every version's files of a model into their place."""
        for number in range(1, ledger.latest + 1):
            if not ledger.state.of(number).purged:
                self.place(ledger.metadata(number))

    def compare(self, path: str, file: ArtifactFile) -> str:
        """Return what is wrong with a stored file, "" when it is as it was registered."""
        if not self._storage.exists(path):
            return "the file is missing"
        digest = hashlib.sha256(self._storage.read_bytes(path)).hexdigest()
        return "" if digest == file.sha256 else "the file was changed after it was registered"

    def download(
        self, metadata: ModelMetadata, destination: StrPath, progress: Progress | None
    ) -> None:
        """Copy a version's files into a local folder and check them.

        Raises:
            CorruptDataError: A file is not as it was registered.
            PathNotAllowedError: The destination is a file, or inside the store.
        """
        if Path(destination).exists() and not Path(destination).is_dir():
            raise PathNotAllowedError(
                f"{str(destination)!r} is a file; a version is copied into a folder.",
                context={"path": str(destination)},
                suggestions=["Name a folder; it is made where it is missing."],
            )
        self._storage.read_artifact(self.place(metadata), destination, progress=progress)
        verify_files(Path(destination), metadata.files)

    def local_folder(self, metadata: ModelMetadata) -> tuple[Path, bool]:
        """Return a local folder with a version's files, and whether the caller must remove it."""
        key = self.place(metadata)
        folder = mkdtemp(prefix="tauro-model-")
        self._storage.read_artifact(key, folder)
        return Path(folder), True


class LocalArtifactStore(ArtifactStore):
    """The same where keys are files of this machine.

    The copy goes straight to its name in the staging folder, which nobody else knows: of a
    registration of 100 kB that is a fifth of the time.
    """

    def __init__(self, storage: StorageBackend, quick: StorageBackend, *, durable: bool) -> None:
        super().__init__(storage, quick)
        assert isinstance(storage, SupportsLocalPath)
        self._local_path = storage.local_path
        self._durable = durable

    def stage(
        self, source: StrPath, *, progress: Progress | None = None, link: bool = False
    ) -> tuple[str, list[ArtifactFile]]:
        """Copy a file or folder, and make the names durable where that is asked for."""
        key, files = super().stage(source, progress=progress, link=link)
        self._sync_names(key, files)
        return key, files

    def stage_written(
        self, write: Callable[[Path], Mapping[str, str]], *, progress: Progress | None = None
    ) -> tuple[str, list[ArtifactFile]]:
        """Let the files be written where they stay: nothing is copied, or hashed again."""
        if self._storage.read_only:
            return super().stage_written(write, progress=progress)
        key = self._new_folder()
        folder = Path(self._staged(key))
        try:
            hashes = write(folder)
            names = [name for name, _ in folder_files(folder)]
            if any((folder / name).is_symlink() for name in names):
                staged = self.stage(folder, progress=progress)
                self.discard(key)
                return staged
            files = [self._written(folder, name, hashes, progress) for name in sorted(names)]
            self._sync_names(key, files)
        except BaseException:
            self.discard(key)
            raise
        return key, files

    def _written(
        self, folder: Path, name: str, hashes: Mapping[str, str], progress: Progress | None
    ) -> ArtifactFile:
        path = str(folder / name)
        with _naming(path):
            size = os.path.getsize(path)
            digest = hashes.get(name) or _fs.hash_file(path)[1]
            if self._durable:
                _fs.sync_dir(path)
        if progress is not None:
            progress(size)
        return ArtifactFile(name, size, digest)

    def _sync_names(self, key: str, files: list[ArtifactFile]) -> None:
        """Make the names of a staging folder durable where that is asked for, the inner first."""
        if not self._durable:
            return
        root = self._staged(key)
        folders = {os.path.dirname(root)}
        for file in files:
            parts = file.path.split("/")[:-1]
            folders |= {"/".join([root, *parts[:count]]) for count in range(len(parts) + 1)}
        for folder in sorted(folders, reverse=True):
            _fs.sync_dir(folder)

    def _check(self, source: StrPath) -> Path:
        path = super()._check(source)
        if path.is_dir():
            check_outside(path, str(self._local_path(STAGING)))
        return path

    def _new_folder(self) -> str:
        key = super()._new_folder()
        if not self._storage.read_only:
            folder = self._staged(key)
            with _naming(key):
                if self._durable and not _fs.is_dir(os.path.dirname(folder)):
                    _fs.make_dirs(os.path.dirname(folder), durable=True)
                _fs.make_dirs(folder)
        return key

    def _staged(self, key: str) -> str:
        """Return the path of a staging folder: a new name, so no link can be in its place."""
        return f"{self._local_path(STAGING)}{key[len(STAGING) :]}"

    def _copy(
        self, file: str, key: str, name: str, progress: Progress | None, link: bool
    ) -> ArtifactFile:
        if self._storage.read_only:
            return super()._copy(file, key, name, progress, link)
        check_key(f"{key}/{name}")
        target = f"{self._staged(key)}/{name}"
        with _naming(file):
            if link and _share(file, target):
                size, digest = _fs.hash_file(target, progress)
            else:
                size, digest = _fs.copy_file(file, target, durable=self._durable, progress=progress)
        return ArtifactFile(name, size, digest)

    def staged(self) -> set[str]:
        """Return the same with folders in which no file came to be.

        Raises:
            StorageError: The folder cannot be read.
        """
        with _naming(STAGING, "look into {!r}"):
            names = _fs.list_names(str(self._local_path(STAGING)))
        return {name for name in names if not _fs.is_temporary(name)}

    def _move(self, staging: str, key: str) -> None:
        """Rename the folder; the store's own move looks at what is in the way, and makes room."""
        try:
            _fs.rename(str(self._local_path(staging)), str(self._local_path(key)))
        except OSError:
            super()._move(staging, key)

    def _make_room(self, metadata: ModelMetadata) -> None:
        """Put files aside that are of an earlier version of this number, whose document was lost.

        Where a reader was faster instead, nothing is left in staging: a rename is one step.
        """
        key = artifact_key(metadata)
        if not self._storage.exists(metadata.staging):
            return
        aside = f"{DAMAGED}/{key.removeprefix('model_registry/')}.{new_id()}"
        self._quick.move(key, aside)
        _log.warning(
            "The document of an earlier %s v%d was lost; its files are now in %r.",
            metadata.name,
            metadata.version,
            aside,
        )
        self._move(metadata.staging, key)

    def download(
        self, metadata: ModelMetadata, destination: StrPath, progress: Progress | None
    ) -> None:
        """Copy a version's files into a folder outside of the store."""
        root = os.path.realpath(self._local_path())
        if os.path.join(os.path.realpath(destination), "").startswith(os.path.join(root, "")):
            raise PathNotAllowedError(
                f"{str(destination)!r} is inside the store.",
                context={"path": str(destination), "store": root},
                suggestions=["Name a folder outside of it."],
            )
        super().download(metadata, destination, progress)

    def compare(self, path: str, file: ArtifactFile) -> str:
        """Return what is wrong with a stored file, read in pieces."""
        name = str(self._local_path(path))
        if _fs.stat(name) is None:
            return "the file is missing"
        digest = _fs.hash_file(name)[1]
        return "" if digest == file.sha256 else "the file was changed after it was registered"

    def local_folder(self, metadata: ModelMetadata) -> tuple[Path, bool]:
        """Return the store's own folder."""
        return Path(self._local_path(self.place(metadata))), False


@contextmanager
def _naming(path: str, doing: str = "copy {!r} into the registry") -> Iterator[None]:
    """Say which file or folder a failed call was about."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"Cannot {doing.format(path)}: {error.strerror or error}.",
            context={"path": path, "errno": error.errno},
        ) from error


def make_artifact_store(storage: StorageBackend, durability: Durability) -> ArtifactStore:
    """Return the artifact folders of a store, by the shortest way it offers."""
    durable = storage.with_durability(durability)
    quick = storage.with_durability("process")
    if isinstance(storage, SupportsLocalPath):
        return LocalArtifactStore(durable, quick, durable=durability == "disk")
    return ArtifactStore(durable, quick)


def _share(source: str, target: str) -> bool:
    """Let the store share a file with its source: by blocks, else by name; tell whether it can.

    A name for the same file means that who writes the source in place changes the version, which
    its recorded hash then reveals.
    """
    if _fs.clone_file(source, target):
        return True
    _fs.make_dirs(os.path.dirname(target))
    try:
        _fs.link(source, target)
    except OSError:
        return False
    return True


def artifact_key(metadata: ModelMetadata) -> str:
    """Return where a version's files belong."""
    return f"{ARTIFACTS}/{folder_of(metadata.name)}/v{metadata.version}"


def digest_of(files: Iterable[ArtifactFile]) -> str:
    """Return one hash over the names and contents of files."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{file.sha256}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def verify_files(folder: Path, files: Iterable[ArtifactFile]) -> None:
    """Check files of a local folder against their recorded hashes.

    Raises:
        CorruptDataError: One differs or is missing.
    """
    for file in files:
        path = folder / file.path
        found = _fs.hash_file(str(path))[1] if path.is_file() else None
        if found != file.sha256:
            what = "is missing" if found is None else "was changed after it was registered"
            raise CorruptDataError(
                f"{file.path!r} {what}.",
                context={"file": file.path, "expected": file.sha256, "got": found},
            )
