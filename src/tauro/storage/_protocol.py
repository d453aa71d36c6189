"""The seam between the store's layout and the places that can hold it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, get_args, runtime_checkable

from tauro._internal._close import did_you_mean
from tauro.errors import (
    PathNotAllowedError,
    StorageConflictError,
    StorageError,
    StorageExistsError,
    StorageNotFoundError,
    ValidationError,
)
from tauro.storage._codec import decode_frame, decode_json, encode_frame, encode_json, join_frames

if TYPE_CHECKING:
    import pandas as pd

    from tauro.types import Durability, StrPath

WriteMode = Literal["overwrite", "append", "error"]
A_DAY: Final = 86_400.0
Progress = Callable[[int], None]
"""Called with the number of bytes done since the last call."""


@dataclass(frozen=True, slots=True)
class StorageMetadata:
    """What is stored at a key.

    Attributes:
        path: The key, relative to the backend's root, with ``/`` between its parts.
        size: Bytes; of a folder, the sum over its files.
        etag: Differs whenever the content differs; compare, do not interpret.
        modified: When it was last written, UTC.
        format: ``json``, ``parquet``, ``bytes``, ``file`` or ``directory``.
        sha256: Hash of the bytes where the write computed it, else None; of a folder the hash of
            the lines ``name NUL sha256 LF`` of its files, sorted by name.
        rows: Number of rows of a frame that was written, else None.
    """

    path: str
    size: int
    etag: str
    modified: datetime
    format: str = "bytes"
    sha256: str | None = None
    rows: int | None = None


class StorageBackend(ABC):
    """A place that keeps documents, frames and artifacts under keys.

    Obligations of every backend, and of every wrapper around one; ``tauro.testing`` holds them as a
    suite that third parties subclass.

    **Keys** are relative, ``/``-separated, without empty, ``.`` or ``..`` segments; anything else
    is :class:`~tauro.errors.PathNotAllowedError`, as is a key that leads out of the root by a link.

    **Threads and processes.** All methods may be called from any thread and, where the place is
    shared, from any process, without a lock of the caller's.

    **Atomicity.** A write replaces its key in one step: a reader sees the old value or the new,
    whole, also when the writer is killed. A frame or document that cannot be encoded raises before
    anything is written. ``create_bytes`` writes only where nothing is: of several racing creators
    exactly one returns, the others raise :class:`~tauro.errors.StorageExistsError`.
    ``replace_bytes`` writes only over the version named. A folder artifact appears whole or not at
    all.

    **Ordering.** A write that has returned is seen by every read that starts later.

    **Absence.** Reading, or asking the status of, a key where nothing is raises
    :class:`~tauro.errors.StorageNotFoundError`; ``exists`` answers false, ``list_paths`` an empty
    list; ``delete`` of an absent key returns False and is no error.

    **Ownership.** What is returned belongs to the caller, who may change it; what was passed in is
    never changed and may be changed by the caller afterwards.

    **Errors.** Failures of the place are :class:`~tauro.errors.StorageError`, the cause chained.
    """

    # Bytes

    @abstractmethod
    def read_bytes(self, path: str) -> bytes:
        """Return the bytes at a key."""

    @abstractmethod
    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key, replacing what is there."""

    @abstractmethod
    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key where nothing is.

        Raises:
            StorageExistsError: Something is there.
        """

    @abstractmethod
    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        """Put bytes at a key whose present version is ``etag``.

        Raises:
            StorageConflictError: The key holds another version.
            StorageNotFoundError: The key holds nothing.
        """

    # Documents and frames, on top of bytes

    def write_json(self, data: Any, path: str) -> StorageMetadata:
        """Put a JSON document at a key. NaN and infinities are refused.

        Raises:
            ValidationError: The data is not JSON.
        """
        return replace(self.write_bytes(path, encode_json(data, path)), format="json")

    def read_json(self, path: str) -> Any:
        """Return the document at a key.

        Raises:
            CorruptDataError: The bytes there are not JSON.
        """
        return decode_json(self.read_bytes(path), path)

    def write_dataframe(
        self, df: pd.DataFrame, path: str, mode: WriteMode = "overwrite"
    ) -> StorageMetadata:
        """Put a frame at a key as Parquet.

        Args:
            df: The frame; its index is kept unless it is the default one.
            path: The key.
            mode: ``append`` adds the rows to those that are there, also when several writers append
                at once; ``error`` refuses to replace.

        Raises:
            ValidationError: The frame cannot be written as Parquet, or the mode is unknown.
            StorageExistsError: ``mode`` is ``error`` and something is there.
        """
        if mode not in get_args(WriteMode):
            raise ValidationError(
                f"Unknown write mode {mode!r}; expected overwrite, append or error.",
                suggestions=did_you_mean(str(mode), get_args(WriteMode)),
            )
        data = encode_frame(df, path)
        if mode == "append":
            written = self._append_frame(df, data, path)
        elif mode == "error":
            written = self.create_bytes(path, data)
        else:
            written = self.write_bytes(path, data)
        return replace(written, format="parquet", rows=len(df))

    def _append_frame(self, df: pd.DataFrame, data: bytes, path: str) -> StorageMetadata:
        place = self.uncached()
        while True:
            try:
                before = place.stat(path)
                whole = join_frames(decode_frame(place.read_bytes(path), path), df)
                return place.replace_bytes(path, encode_frame(whole, path), etag=before.etag)
            except StorageNotFoundError:
                try:
                    return place.create_bytes(path, data)
                except StorageExistsError:
                    continue
            except StorageConflictError:
                continue

    def read_dataframe(self, path: str) -> pd.DataFrame:
        """Return the frame at a key.

        Raises:
            CorruptDataError: The bytes there are not Parquet.
        """
        return decode_frame(self.read_bytes(path), path)

    # Artifacts

    @abstractmethod
    def write_artifact(
        self, src: StrPath, dest: str, *, progress: Progress | None = None
    ) -> StorageMetadata:
        """Copy a local file or folder to a key, replacing what is there.

        Symbolic links inside a folder that lead out of it are refused.

        Raises:
            FileNotFoundError: ``src`` does not exist.
            PathNotAllowedError: ``src`` is neither a file nor a folder, or contains this place.
            ValidationError: ``src`` is a folder without a file.
        """

    @abstractmethod
    def read_artifact(
        self, src: str, dest_local: StrPath, *, progress: Progress | None = None
    ) -> None:
        """Copy the file or folder at a key to a local path.

        A file goes to ``dest_local``, or into it when that is a folder; a folder's contents go into
        the folder ``dest_local``, which is made.

        Raises:
            StorageNotFoundError: Nothing is at ``src``.
            StorageError: ``dest_local`` cannot be written; the message names it.
        """

    @abstractmethod
    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        """Rename a file or folder to a key where nothing is, in one step.

        Args:
            src: The file or folder.
            dest: The key that it takes.
            replace: Take the place of the file or folder that is at ``dest``; until then, readers
                find that one, whole.

        Raises:
            StorageExistsError: Something is at ``dest``, and ``replace`` is not set.
            PathNotAllowedError: One of the two is inside the other.
        """

    # Keys

    @abstractmethod
    def stat(self, path: str) -> StorageMetadata:
        """Return what is stored at a key, without its content."""

    def size(self, path: str) -> int:
        """Return the bytes at a key, of a folder those of its files, as cheaply as can be."""
        return self.stat(path).size

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is at a key."""

    @abstractmethod
    def list_paths(self, prefix: str = "") -> list[str]:
        """Return the keys of all files below a folder, sorted; unfinished writes are left out."""

    @abstractmethod
    def delete(self, path: str) -> bool:
        """Remove the file or folder at a key; tell whether something was there."""

    def remove_temporaries(self, prefix: str = "", *, older_than: float = A_DAY) -> int:
        """Remove what writers that died left unfinished below a folder; return how many.

        Places where an unfinished write leaves nothing have none.

        Args:
            prefix: The folder, by default all.
            older_than: Seconds for which nothing of it was changed.
        """
        del prefix, older_than
        return 0

    # Identity

    @property
    @abstractmethod
    def uri(self) -> str:
        """Where this is, for people and for records: ``file:///…``, ``memory://…``."""

    def with_durability(self, durability: Durability) -> StorageBackend:
        """Return the same place with writes that survive what ``durability`` says.

        Places whose acknowledged writes always survive the loss of power return themselves.
        """
        del durability
        return self

    def uncached(self) -> StorageBackend:
        """Return the same place with reads that no cache answers.

        Whoever reads, changes and writes back under a lock needs it. Writes through it still make
        the caches that it goes past forget.
        """
        return self

    @property
    def read_only(self) -> bool:
        """Whether every write raises :class:`~tauro.errors.ReadOnlyStoreError`."""
        return False


@runtime_checkable
class SupportsLocalPath(Protocol):
    """An ability: the keys are files that this process can open by name.

    The metric log, locks and memory maps need it. Wrappers that only add behaviour have it when
    what they wrap has it.
    """

    def local_path(self, path: str = "") -> Path:
        """Return the file of a key (the root for ``""``), checked as every key is."""


@runtime_checkable
class SupportsLocks(Protocol):
    """An ability: advisory locks shared by every process that uses the place."""

    def lock(self, name: str, *, timeout: float = 10.0) -> AbstractContextManager[None]:
        """Return a context manager that holds the lock ``name``.

        Args:
            name: Any text; two names may share a lock and then wait for each other.
            timeout: Seconds to wait.

        Raises:
            LockTimeoutError: The lock was not free in time; the body was not entered.
        """


@runtime_checkable
class SupportsSpool(Protocol):
    """An ability of places that are not folders: one of this host that belongs to the place.

    What must be a local file (segments being written, journals) goes there; all who use the same
    object, also by wrappers, share it. It goes when the object does.
    """

    def spool(self) -> Path:
        """Return the folder, which is there."""


def in_the_way(verb: str, path: str, file: str = "") -> PathNotAllowedError:
    """Return the error of a write over a folder, or of one below ``file``, which is no folder."""
    what = f"{file!r} is a file, and nothing can be below it" if file else "a folder is there"
    return PathNotAllowedError(
        f"Cannot {verb} {path!r}: {what}.",
        context={"path": path, "in_the_way": file or path},
        suggestions=["Choose another name, or delete what is in the way first."],
    )


def cannot_copy_out(src: str, dest_local: StrPath, error: OSError) -> StorageError:
    """Return the error of a copy to a local path outside the store that cannot be written."""
    return StorageError(
        f"{src!r} cannot be copied to {str(dest_local)!r}: {error.strerror or error}.",
        context={"path": src, "destination": str(dest_local), "errno": error.errno},
        suggestions=["Name a folder, or a new file, that can be written."],
    )


def changed_since(path: str, expected: str, present: str) -> StorageConflictError:
    """Return the error of a replacement of a version that is not there any more."""
    return StorageConflictError(
        f"{path!r} was changed by someone else since it was read.",
        context={"path": path, "expected": expected, "present": present},
        suggestions=["Read it again and repeat the change."],
    )


def check_apart(src: str, dest: str) -> None:
    """Refuse to move a folder into itself, or a part of one over the whole.

    Raises:
        PathNotAllowedError: One of the keys is inside the other.
    """
    if f"{src}/".startswith(f"{dest}/") != f"{dest}/".startswith(f"{src}/"):
        raise PathNotAllowedError(
            f"Cannot move {src!r} to {dest!r}: one of them is inside the other.",
            context={"src": src, "dest": dest},
        )
