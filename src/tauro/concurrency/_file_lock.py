"""A lock that processes share through a file."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Final, Protocol, Self, runtime_checkable

import filelock

from tauro._internal import _fs
from tauro._internal._fork import tell_after_fork
from tauro.concurrency._holder import read_holder, write_holder
from tauro.errors import LockTimeoutError, ValidationError
from tauro.types import StrPath

_POLL_SECONDS: Final = 0.005


@runtime_checkable
class LockProtocol(Protocol):
    """A lock. ``with lock:`` acquires and releases; the body is never entered without it."""

    def acquire(self, *, timeout: float | None = None) -> None:
        """Take the lock.

        Raises:
            LockTimeoutError: It was not free in time.
        """

    def release(self) -> None:
        """Give the lock back."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class FileLock:
    """Excludes every other thread and process that locks the same file.

    The operating system holds the lock and gives it back when the process ends, however it ends;
    the file itself means nothing and stays. A thread may take a lock again that it holds, and
    gives it back as often as it took it. A child made by ``fork`` does not hold its parent's locks.

    Args:
        path: The lock file; its folder is made.
        timeout: Seconds to wait before :class:`~tauro.errors.LockTimeoutError`; 0 only tries.
    """

    def __init__(self, path: StrPath, *, timeout: float = 10.0) -> None:
        self.path = os.path.abspath(path)
        self.timeout = check_timeout(timeout)
        self._lock = self._make()
        tell_after_fork(self)

    def __repr__(self) -> str:
        return f"FileLock({self.path!r})"

    def _make(self) -> filelock.BaseFileLock:
        return filelock.FileLock(self.path, thread_local=True)

    @property
    def held(self) -> bool:
        """Whether the calling thread holds the lock."""
        return bool(self._lock.is_locked)

    def acquire(self, *, timeout: float | None = None) -> None:
        """Take the lock.

        Args:
            timeout: Seconds to wait, other than the lock's own.

        Raises:
            LockTimeoutError: It was not free in time; the message says who has it.
        """
        wait = self.timeout if timeout is None else check_timeout(timeout)
        first = not self.held
        if first:
            _fs.make_dirs(os.path.dirname(self.path))
        try:
            self._lock.acquire(timeout=wait, poll_interval=_POLL_SECONDS)
        except filelock.Timeout as error:
            raise self._timed_out(wait) from error
        if first:
            write_holder(self.holder_path)

    def release(self) -> None:
        """Give the lock back.

        Raises:
            ValidationError: The calling thread does not hold it.
        """
        if not self.held:
            raise ValidationError(
                f"The lock {self.path} was released by a thread that does not hold it.",
                suggestions=["Use 'with lock:', which pairs the two."],
            )
        self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    @property
    def holder_path(self) -> str:
        """The file that says who took the lock last."""
        return f"{self.path}.holder"

    def _timed_out(self, waited: float) -> LockTimeoutError:
        holder = read_holder(self.holder_path)
        by = f" It was taken last by {holder.describe()}." if holder is not None else ""
        return LockTimeoutError(
            f"The lock {self.path} was not free within {waited:g} s.{by}",
            context={"lock": self.path, "timeout": waited},
            suggestions=["Try again, or wait longer: timeout=…. Nothing was changed."],
        )

    def _after_fork(self) -> None:
        self._lock = self._make()


def check_timeout(timeout: float) -> float:
    """Return how long to wait for a lock.

    Raises:
        ValidationError: It is no number of seconds from 0 on.
    """
    given: object = timeout
    if not isinstance(given, int | float) or not given >= 0:
        raise ValidationError(
            f"A lock's timeout is {timeout!r}; seconds from 0 are expected.",
            suggestions=["Give 0 to try once, or a large number to wait long."],
        )
    return timeout
