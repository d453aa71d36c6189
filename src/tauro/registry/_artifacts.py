"""The files of versions: staged, committed by the version's document, moved into their place."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tauro._internal._ids import new_id
from tauro._internal._paths import check_source
from tauro.errors import (
    CorruptDataError,
    ReadOnlyStoreError,
    StorageError,
    StorageExistsError,
    StorageNotFoundError,
    ValidationError,
)
from tauro.registry._models import ArtifactFile, ModelMetadata
from tauro.registry._names import folder_of
from tauro.storage import Progress, StorageBackend, SupportsLocalPath
from tauro.storage._local import folder_files
from tauro.types import StrPath

_log = logging.getLogger("tauro.registry")
ARTIFACTS: Final = "model_registry/artifacts"
STAGING: Final = "model_registry/staging"


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
        self, source: StrPath, *, progress: Progress | None = None
    ) -> tuple[str, list[ArtifactFile]]:
        """Copy a file or folder to a new staging folder; return its key and the files.

        Nothing is opened but to copy and hash its bytes, each once.

        Raises:
            PathNotAllowedError: The path has ``..`` segments, or a link in it leads out.
            FileNotFoundError: There is nothing.
            ValidationError: The folder has no file.
        """
        path = check_source(source)
        named = folder_files(path) if path.is_dir() else iter([(path.name, str(path))])
        key = f"{STAGING}/{new_id()}"
        try:
            files = [self._copy(file, key, name, progress) for name, file in named]
            if not files:
                raise ValidationError(
                    f"The folder {str(source)!r} has no file in it.", context={"path": str(source)}
                )
        except BaseException:
            self.discard(key)
            raise
        return key, sorted(files, key=lambda file: file.path)

    def _copy(self, file: str, key: str, name: str, progress: Progress | None) -> ArtifactFile:
        dest = f"{key}/{name}"
        written = self._storage.write_artifact(file, dest, progress=progress)
        digest = written.sha256 or hashlib.sha256(self._storage.read_bytes(dest)).hexdigest()
        return ArtifactFile(name, written.size, digest)

    def discard(self, key: str) -> None:
        """Remove a staging folder that was not committed."""
        self._quick.delete(key)

    def place(self, metadata: ModelMetadata) -> str:
        """Return the key of a version's files, moving them there from staging where that was left.

        Raises:
            CorruptDataError: They are in neither place.
        """
        key = artifact_key(metadata)
        if self._storage.exists(key):
            return key
        try:
            self._quick.move(metadata.staging, key)
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

    def commit(self, metadata: ModelMetadata) -> None:
        """Move the files of a version that was just created into their place.

        The version exists by now whatever happens here: who reads it next moves what was left.
        """
        try:
            self._quick.move(metadata.staging, artifact_key(metadata))
        except (StorageExistsError, StorageNotFoundError):
            return  # A reader was faster.
        except StorageError as error:
            _log.warning("%s", error)

    def download(
        self, metadata: ModelMetadata, destination: StrPath, progress: Progress | None
    ) -> None:
        """Copy a version's files into a local folder and check them.

        Raises:
            CorruptDataError: A file is not as it was registered.
        """
        self._storage.read_artifact(self.place(metadata), destination, progress=progress)
        verify_files(Path(destination), metadata.files)

    @contextmanager
    def local_folder(self, metadata: ModelMetadata) -> Iterator[Path]:
        """Give a local folder with a version's files: the store's own, or a copy while it lasts."""
        key = self.place(metadata)
        if isinstance(self._storage, SupportsLocalPath):
            yield self._storage.local_path(key)
            return
        with TemporaryDirectory(prefix="tauro-model-") as folder:
            self._storage.read_artifact(key, folder)
            yield Path(folder)


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
    from tauro._internal import _fs

    for file in files:
        path = folder / file.path
        found = _fs.hash_file(str(path))[1] if path.is_file() else None
        if found != file.sha256:
            what = "is missing" if found is None else "was changed after it was registered"
            raise CorruptDataError(
                f"{file.path!r} {what}.",
                context={"file": file.path, "expected": file.sha256, "got": found},
            )
