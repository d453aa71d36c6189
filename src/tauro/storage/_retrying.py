"""A place whose failures pass: every call is tried again, and none takes effect twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from tauro.errors import (
    StorageConflictError,
    StorageError,
    StorageExistsError,
    StorageNotFoundError,
)
from tauro.resilience import RetryConfig, with_retry
from tauro.storage._protocol import A_DAY, Progress, StorageBackend, StorageMetadata
from tauro.storage._wrappers import StorageWrapper
from tauro.types import StrPath

T = TypeVar("T")


def is_passing(error: Exception) -> bool:
    """Tell whether a failure is one of the place, and not an answer such as "not found"."""
    return type(error) is StorageError or isinstance(error, (ConnectionError, TimeoutError))


DEFAULT_RETRY: Final = RetryConfig(
    max_attempts=5, initial_delay=0.02, max_delay=2.0, deadline=30.0, retry_on=is_passing
)


class RetryingStorage(StorageWrapper):
    """Try again what fails in passing.

    When the answer to a write was lost, the next attempt may find the work done. A creation,
    replacement, deletion or move then recognises its own work and succeeds.

    Args:
        storage: The place.
        retry: When and how often; ``retry_on`` should let answers such as "not found" through.
    """

    def __init__(self, storage: StorageBackend, retry: RetryConfig = DEFAULT_RETRY) -> None:
        super().__init__(storage)
        self._retry = retry

    def _rewrap(self, storage: StorageBackend) -> StorageBackend:
        return RetryingStorage(storage, self._retry)

    def _call(self, work: Callable[[], T]) -> T:
        return with_retry(self._retry)(work)()

    def _call_once(self, work: Callable[[], T], done: Callable[[Exception], T]) -> T:
        """Call ``work``; from the second attempt on, ``done`` may recognise the first one's work.

        Args:
            work: The call.
            done: Given the error of an attempt after the first; returns what the first would have,
                or raises.
        """
        attempts = 0

        def attempt() -> T:
            nonlocal attempts
            attempts += 1
            try:
                return work()
            except (StorageExistsError, StorageConflictError, StorageNotFoundError) as error:
                if attempts == 1:
                    raise
                return done(error)

        return self._call(attempt)

    def _own_bytes(self, path: str, data: bytes) -> Callable[[Exception], StorageMetadata]:
        def done(error: Exception) -> StorageMetadata:
            if self.storage.read_bytes(path) != data:
                raise error
            return self.storage.stat(path)

        return done

    def read_bytes(self, path: str) -> bytes:
        """Return the bytes at a key."""
        return self._call(lambda: self.storage.read_bytes(path))

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key, replacing what is there."""
        return self._call(lambda: self.storage.write_bytes(path, data))

    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key where nothing is."""
        return self._call_once(
            lambda: self.storage.create_bytes(path, data), self._own_bytes(path, data)
        )

    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        """Put bytes at a key whose present version is ``etag``."""
        return self._call_once(
            lambda: self.storage.replace_bytes(path, data, etag=etag), self._own_bytes(path, data)
        )

    def write_artifact(
        self, src: StrPath, dest: str, *, progress: Progress | None = None
    ) -> StorageMetadata:
        """Copy a local file or folder to a key."""
        return self._call(lambda: self.storage.write_artifact(src, dest, progress=progress))

    def read_artifact(
        self, src: str, dest_local: StrPath, *, progress: Progress | None = None
    ) -> None:
        """Copy the file or folder at a key to a local path."""
        self._call(lambda: self.storage.read_artifact(src, dest_local, progress=progress))

    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        """Rename a file or folder to a key."""

        def done(error: Exception) -> None:
            if self.storage.exists(src) or not self.storage.exists(dest):
                raise error

        self._call_once(lambda: self.storage.move(src, dest, replace=replace), done)

    def stat(self, path: str) -> StorageMetadata:
        """Return what is stored at a key."""
        return self._call(lambda: self.storage.stat(path))

    def size(self, path: str) -> int:
        """Return the bytes at a key."""
        return self._call(lambda: self.storage.size(path))

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is at a key."""
        return self._call(lambda: self.storage.exists(path))

    def list_paths(self, prefix: str = "") -> list[str]:
        """Return the keys of all files below a folder."""
        return self._call(lambda: self.storage.list_paths(prefix))

    def delete(self, path: str) -> bool:
        """Remove the file or folder at a key."""
        there = self.exists(path)
        return self._call(lambda: self.storage.delete(path)) or there

    def remove_temporaries(self, prefix: str = "", *, older_than: float = A_DAY) -> int:
        """Remove what writers that died left unfinished below a folder; return how many."""
        return self._call(lambda: self.storage.remove_temporaries(prefix, older_than=older_than))
