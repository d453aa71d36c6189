"""Artifacts on their way into a run: copied whole first, then in place in one step.

A file or folder is copied below ``experiment_tracking/staging``. Under the lock of the run's
document it then takes its name by a rename. Where that replaces what the document speaks of, the
document names the new one beforehand (``replacing``), so that after a death at any moment the old
or the new stands there, whole, and the document knows of it.
"""

from __future__ import annotations

import functools
import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from tauro._internal import _clock, _fs
from tauro._internal._ids import created_at, new_id
from tauro._internal._paths import check_source
from tauro._internal._translated import Translated
from tauro.errors import StorageError, StorageNotFoundError, TrackingValidationError
from tauro.storage import (
    StorageBackend,
    SupportsLocalPath,
    check_outside,
    folder_digest,
    folder_files,
    in_the_way,
)
from tauro.tracking._artifacts import (
    artifact_folder,
    artifact_key,
    digest_stored,
    hash_stored,
    logical_path,
)
from tauro.tracking._documents import Documents
from tauro.tracking._keys import ROOT
from tauro.tracking._models import ArtifactRecord, RunRecord
from tauro.types import StrPath

STAGING: Final = f"{ROOT}/staging"
A_DAY: Final = 86_400.0


class Incoming(ABC):
    """An artifact that is to be put into a run.

    Attributes:
        record: What is known of it; a file's hash only once it is staged.
    """

    def __init__(self, storage: StorageBackend, run_id: str, record: ArtifactRecord) -> None:
        self.storage = storage
        self.record = record
        self.key = f"{artifact_folder(run_id)}/{record.path}"

    @contextmanager
    def staged(self) -> Iterator[None]:
        """Have it whole in the store under a name that nobody looks at; nothing stays there."""
        yield

    @abstractmethod
    def place(self, announce: Callable[[ArtifactRecord], None]) -> ArtifactRecord:
        """Put it in place in one step; only whoever holds the run's document may.

        Args:
            announce: Told just before what will stand there.
        """


class IncomingBytes(Incoming):
    """Bytes that become a file."""

    def __init__(self, storage: StorageBackend, run_id: str, data: bytes, path: str) -> None:
        digest = hashlib.sha256(data).hexdigest()
        record = ArtifactRecord(path=logical_path(path), size=len(data), sha256=digest)
        super().__init__(storage, run_id, record)
        self._data = data

    def place(self, announce: Callable[[ArtifactRecord], None]) -> ArtifactRecord:
        """Write them."""
        _refuse_other_kind(self.storage, self.key, is_dir=False)
        announce(self.record)
        self.storage.write_bytes(self.key, self._data)
        return self.record


class IncomingFile(Incoming):
    """A local file, or a folder that takes the place of the whole folder of its name.

    Args:
        storage: The store.
        run_id: The run.
        source: What to copy.
        path: Its name inside the run.
    """

    def __init__(self, storage: StorageBackend, run_id: str, source: Path, path: str) -> None:
        with Translated(functools.partial(_unreadable, source)):
            self._files = list(folder_files(source)) if source.is_dir() else []
            size = sum(os.path.getsize(file) for _, file in self._files or [("", str(source))])
        super().__init__(
            storage, run_id, ArtifactRecord(path=path, size=size, is_dir=source.is_dir())
        )
        if source.is_dir():
            self._check_folder(source)
        self._source = source
        self._hashes: dict[str, tuple[int, str]] = {}
        # In a folder of its own: its name says when it was made, which is what ``gc`` goes by.
        self._folder = f"{STAGING}/{new_id()}"
        self._staging = f"{self._folder}/{self.key.rpartition('/')[2]}"

    def _check_folder(self, source: Path) -> None:
        if not self._files:
            raise TrackingValidationError(
                f"The folder {str(source)!r} has no file in it, so there is nothing to keep.",
                context={"path": str(source)},
            )
        if isinstance(self.storage, SupportsLocalPath):
            check_outside(source, str(self.storage.local_path(self.key)))

    @contextmanager
    def staged(self) -> Iterator[None]:
        """Have a copy of it in the store, hashed on the way."""
        try:
            if self.record.is_dir:
                for name, file in self._files:
                    self._copy(file, f"{self._staging}/{name}", name.replace(os.sep, "/"))
            else:
                self._copy(str(self._source), self._staging, "")
            yield
        finally:
            self.storage.delete(self._folder)

    def _copy(self, file: str, dest: str, name: str) -> None:
        written = self.storage.write_artifact(file, dest.replace(os.sep, "/"))
        self._hashes[name] = (written.size, written.sha256 or hash_stored(self.storage, dest))

    def place(self, announce: Callable[[ArtifactRecord], None]) -> ArtifactRecord:
        """Let the copy take its name."""
        _refuse_other_kind(self.storage, self.key, is_dir=self.record.is_dir)
        record = self._whole()
        announce(record)
        self.storage.move(self._staging, self.key, replace=True)
        return record

    def _whole(self) -> ArtifactRecord:
        size = sum(size for size, _ in self._hashes.values())
        hashes = {name: digest for name, (_, digest) in self._hashes.items()}
        digest = folder_digest(hashes) if self.record.is_dir else hashes[""]
        return ArtifactRecord(
            path=self.record.path, size=size, sha256=digest, is_dir=self.record.is_dir
        )


class IncomingFolder(IncomingFile):
    """A local folder that is laid over the one of its name: files of other names stay."""

    @contextmanager
    def staged(self) -> Iterator[None]:
        """Have a copy of it in the store, and know what it will be laid over."""
        with super().staged():
            self._others = self._look()
            yield

    def _look(self) -> tuple[str, dict[str, tuple[int, str]]]:
        """Return the version of the folder that is there, and of its other files size and hash."""
        try:
            version = self.storage.stat(self.key).etag
        except StorageNotFoundError:
            return "", {}
        found = {}
        for path in self.storage.list_paths(self.key):
            name = path[len(self.key) + 1 :]
            if name not in self._hashes:
                found[name] = (self.storage.size(path), hash_stored(self.storage, path))
        return version, found

    def _whole(self) -> ArtifactRecord:
        # Hashed before the lock was taken, unless somebody was here meanwhile.
        version = self.storage.stat(self.key).etag if self.storage.exists(self.key) else ""
        others = self._others[1] if version == self._others[0] else self._look()[1]
        for name in others:
            _share(self.storage, f"{self.key}/{name}", f"{self._staging}/{name}")
        self._hashes |= others
        return super()._whole()


def incoming(
    storage: StorageBackend, run_id: str, source: StrPath, destination: str
) -> IncomingFile:
    """Return a local file or folder that is to be copied into a folder of a run.

    Args:
        storage: The store.
        run_id: The run.
        source: What to copy. A link is kept under its own name.
        destination: The folder inside the run, "" or "." for its top.
    """
    path = check_source(source)
    key = f"{artifact_key(run_id, destination)}/{path.absolute().name}"
    kind = IncomingFolder if path.is_dir() else IncomingFile
    return kind(storage, run_id, path, key[len(artifact_folder(run_id)) + 1 :])


def put_in_place(
    documents: Documents,
    experiment_id: str,
    run_id: str,
    artifact: Incoming,
    change: Callable[[RunRecord, ArtifactRecord], None],
) -> tuple[RunRecord, ArtifactRecord]:
    """Put a staged artifact in place and change the run's document; return what both are now."""
    with documents.changing_run(experiment_id, run_id) as (record, put):

        def announce(placed: ArtifactRecord) -> None:
            if any(_overlap(placed.path, each.path) for each in record.artifacts):
                record.replacing = [placed]
                put()

        placed = artifact.place(announce)
        record.replacing = []
        change(record, placed)
        put()
    return record, placed


def settle(storage: StorageBackend, record: RunRecord) -> None:
    """Let a document say what stands in the places where a process died replacing something."""
    for each in record.replacing:
        key = f"{artifact_folder(record.run_id)}/{each.path}"
        if digest_stored(storage, key, each) == each.sha256:
            add_artifact(record, each)
    record.replacing = []


def add_artifact(record: RunRecord, artifact: ArtifactRecord) -> None:
    """Put an artifact into a run's document, in place of the one of its path."""
    others = [each for each in record.artifacts if each.path != artifact.path]
    record.artifacts = [*others, artifact]


def remove_staging(storage: StorageBackend, *, older_than: float = A_DAY) -> int:
    """Remove what processes that died had staged; return how many artifacts.

    Args:
        storage: The store.
        older_than: Seconds since the copy began; living processes must be faster.
    """
    start, limit = len(STAGING) + 1, _clock.now() - timedelta(seconds=older_than)
    names = {path[start:].partition("/")[0] for path in storage.list_paths(STAGING)}
    old = [name for name in sorted(names) if created_at(name) < limit]
    return sum(storage.delete(f"{STAGING}/{name}") for name in old)


def _unreadable(source: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{source} cannot be read: {error.strerror or error}. Nothing was kept of it.",
        context={"path": str(source), "errno": error.errno},
        suggestions=["Check the disk and the permissions, then try again."],
    )


def _overlap(one: str, other: str) -> bool:
    """Tell whether two paths are the same, or one is inside the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _refuse_other_kind(storage: StorageBackend, key: str, *, is_dir: bool) -> None:
    """Refuse to put a file where a folder is, or the other way round.

    Raises:
        PathNotAllowedError: So it is.
    """
    paths = storage.list_paths(key)
    if paths and (paths == [key]) is is_dir:
        raise in_the_way("write", key, key if is_dir else "")


def _share(storage: StorageBackend, src: str, dest: str) -> None:
    """Give a stored file, which is never changed in place, a second name.

    Raises:
        StorageError: The place cannot.
    """
    if not isinstance(storage, SupportsLocalPath):
        storage.write_bytes(dest, storage.read_bytes(src))
        return
    file = str(storage.local_path(dest))
    try:
        _fs.make_dirs(os.path.dirname(file))
        _fs.link(str(storage.local_path(src)), file)
    except OSError as error:
        raise StorageError(
            f"{src!r} cannot be kept beside what is to be put there: {error.strerror or error} "
            f"({file}). Nothing was changed.",
            context={"path": src, "errno": error.errno},
        ) from error
