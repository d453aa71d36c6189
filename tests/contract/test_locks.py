"""Every lock keeps to the lock contract."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tauro.concurrency import FileLock, ReadWriteLock
from tauro.storage import LocalStorageBackend
from tauro.testing import LockSuite


class TestFileLock(LockSuite):
    def hold(self, folder: Path, timeout: float) -> AbstractContextManager[object]:
        return FileLock(folder / "a.lock", timeout=timeout)


class TestWritingWithFiles(LockSuite):
    def hold(self, folder: Path, timeout: float) -> AbstractContextManager[object]:
        return ReadWriteLock(folder, timeout=timeout).write()


class TestWritingWithThreads(LockSuite):
    def setup_method(self) -> None:
        self.lock = ReadWriteLock()

    def hold(self, folder: Path, timeout: float) -> AbstractContextManager[object]:
        return self.lock.write(timeout=timeout)


class TestLocksOfALocalStore(LockSuite):
    def hold(self, folder: Path, timeout: float) -> AbstractContextManager[object]:
        return LocalStorageBackend(folder).lock("runs/r1", timeout=timeout)
