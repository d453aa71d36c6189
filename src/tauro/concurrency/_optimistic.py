"""Changing a value that others change too, without holding a lock while thinking."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from tauro._internal import _fs
from tauro.concurrency._file_lock import FileLock
from tauro.errors import StorageConflictError, StorageNotFoundError, ValidationError
from tauro.types import StrPath

T = TypeVar("T")
_FIRST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.05


class VersionedSource(Protocol[T]):
    """A value with a version that changes whenever the value does."""

    def read(self) -> tuple[T, str]:
        """Return the value and its version, which belong together."""

    def replace(self, value: T, version: str) -> None:
        """Put a value where the version is still this one.

        Raises:
            StorageConflictError: It is another by now; nothing was changed.
        """


class OptimisticLock(Generic[T]):
    """Changes a value only if nobody else changed it since it was read.

    Args:
        source: Where the value is; :class:`VersionedFile` is one.
        max_attempts: How often :meth:`update` tries.
    """

    def __init__(self, source: VersionedSource[T], *, max_attempts: int = 50) -> None:
        if max_attempts < 1:
            raise ValidationError(
                f"max_attempts is {max_attempts}; at least 1 is needed.",
                suggestions=["Leave it out for 50."],
            )
        self._source = source
        self._max_attempts = max_attempts

    def read(self) -> tuple[T, str]:
        """Return the value and its version."""
        return self._source.read()

    def replace(self, value: T, version: str) -> None:
        """Put a value where the version is still the one that was read.

        Raises:
            StorageConflictError: Somebody else was first; read again.
        """
        self._source.replace(value, version)

    def update(self, change: Callable[[T], T]) -> T:
        """Replace the value by ``change(value)``, again if somebody was faster; return the new.

        ``change`` may be called several times and must have no effect but its result. Between
        attempts there is a random pause that grows to 50 ms.

        Raises:
            StorageConflictError: Others were faster every time.
        """
        pause = _FIRST_PAUSE
        for attempt in range(1, self._max_attempts + 1):
            value, version = self._source.read()
            changed = change(value)
            try:
                self._source.replace(changed, version)
            except StorageConflictError as error:
                if attempt == self._max_attempts:
                    raise StorageConflictError(
                        f"Others changed the value before each of {attempt} attempts.",
                        context=error.context,
                        suggestions=["Try again later, or take a FileLock around the change."],
                    ) from error
                time.sleep(random.uniform(0, pause))  # noqa: S311 - spreads writers, no secret
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return changed
        raise AssertionError("unreachable: the last attempt returns or raises")


class VersionedFile:
    """A file's bytes, with their hash as the version; any process may change them through this.

    Bytes that were changed and changed back have the version that they had.

    Args:
        path: The file. It is made by the first :meth:`replace`, whose version is "".
        timeout: Seconds to wait for the lock that is held while replacing.
    """

    def __init__(self, path: StrPath, *, timeout: float = 10.0) -> None:
        self.path = os.path.abspath(path)
        self._lock = FileLock(f"{self.path}.lock", timeout=timeout)

    def read(self) -> tuple[bytes, str]:
        """Return the bytes and their version; empty both where there is no file.

        Raises:
            StorageNotFoundError: A folder is in its place.
        """
        try:
            data = _fs.read_bytes(self.path)
        except FileNotFoundError:
            return b"", ""
        except IsADirectoryError as error:
            raise StorageNotFoundError(
                f"{self.path} is a folder, not a file.", context={"path": self.path}
            ) from error
        return data, hashlib.blake2b(data, digest_size=16).hexdigest()

    def replace(self, value: bytes, version: str) -> None:
        """Put bytes where the version is still this one.

        Raises:
            StorageConflictError: The file was changed since it was read.
        """
        with self._lock:
            _, present = self.read()
            if present != version:
                raise StorageConflictError(
                    f"{self.path} was changed since it was read.",
                    context={"path": self.path, "expected": version, "present": present},
                    suggestions=["Read it again and repeat the change."],
                )
            _fs.replace_file(self.path, value)
