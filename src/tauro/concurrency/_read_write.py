"""Many readers or one writer."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator

from tauro._internal._fork import tell_after_fork
from tauro.concurrency._file_lock import check_timeout
from tauro.concurrency._shared_files import SharedFiles
from tauro.errors import LockTimeoutError, ValidationError
from tauro.types import StrPath


class ReadWriteLock:
    """Lets many read at once, or one write.

    Threads are served in the order they came, so that neither a stream of readers starves a writer
    nor a stream of writers a reader. A thread that reads may read again; one that writes may read
    and write again. Reading and then writing is refused, because two threads doing so would wait
    for each other.

    Args:
        path: A folder for lock files; with one, the lock also spans processes, and 16 threads of
            all of them read at once. Without, it is for the threads of this process.
        timeout: Seconds to wait before :class:`~tauro.errors.LockTimeoutError`.
    """

    def __init__(self, path: StrPath | None = None, *, timeout: float = 10.0) -> None:
        self.timeout = check_timeout(timeout)
        self._files = SharedFiles(os.path.abspath(path)) if path is not None else None
        self._start_afresh()
        tell_after_fork(self)

    def _start_afresh(self) -> None:
        self._state = threading.Condition()
        self._readers: Counter[int] = Counter()
        self._writer: int | None = None
        self._depth = 0
        self._queue: deque[object] = deque()

    @contextlib.contextmanager
    def read(self, *, timeout: float | None = None) -> Iterator[None]:
        """Read inside the ``with`` block, together with other readers.

        Raises:
            LockTimeoutError: A writer did not finish in time.
        """
        deadline = self._deadline(timeout)
        me = threading.get_ident()
        first = self._begin_read(me, deadline)
        try:
            with self._shared_files(deadline, needed=first):
                yield
        finally:
            with self._state:
                self._readers[me] -= 1
                if not self._readers[me]:
                    del self._readers[me]
                self._state.notify_all()

    @contextlib.contextmanager
    def write(self, *, timeout: float | None = None) -> Iterator[None]:
        """Write inside the ``with`` block, alone.

        Raises:
            LockTimeoutError: Readers or another writer did not finish in time.
            ValidationError: This thread is reading.
        """
        deadline = self._deadline(timeout)
        me = threading.get_ident()
        first = self._begin_write(me, deadline)
        try:
            with self._all_files(deadline, needed=first):
                yield
        finally:
            with self._state:
                self._depth -= 1
                if not self._depth:
                    self._writer = None
                self._state.notify_all()

    def _begin_read(self, me: int, deadline: float) -> bool:
        with self._state:
            mine = self._writer == me or me in self._readers
            if not mine:
                self._wait(lambda: self._writer is None, deadline, "read")
            self._readers[me] += 1
            return not mine

    def _begin_write(self, me: int, deadline: float) -> bool:
        with self._state:
            if self._writer == me:
                self._depth += 1
                return False
            if me in self._readers:
                raise ValidationError(
                    "This thread reads and wants to write; another that did the same would wait "
                    "for it, and it for the other.",
                    suggestions=["Take write() from the start, or leave read() first."],
                )
            self._wait(lambda: self._writer is None and not self._readers, deadline, "write")
            self._writer, self._depth = me, 1
            return True

    def _wait(self, free: Callable[[], bool], deadline: float, verb: str) -> None:
        """Queue up; return when this thread is the first in the queue and the lock is free."""
        turn = object()
        self._queue.append(turn)
        try:
            if not self._state.wait_for(
                lambda: self._queue[0] is turn and free(), max(0.0, deadline - time.monotonic())
            ):
                raise LockTimeoutError(
                    f"Waited in vain to {verb}: {len(self._readers)} readers, "
                    f"{'a' if self._writer is not None else 'no'} writer, "
                    f"{len(self._queue) - 1} others waiting.",
                    context={"verb": verb},
                    suggestions=["Try again, or wait longer: timeout=…."],
                )
        finally:
            self._queue.remove(turn)
            self._state.notify_all()

    def _deadline(self, timeout: float | None) -> float:
        return time.monotonic() + (self.timeout if timeout is None else check_timeout(timeout))

    def _shared_files(
        self, deadline: float, *, needed: bool
    ) -> contextlib.AbstractContextManager[None]:
        if self._files is None or not needed:
            return contextlib.nullcontext()
        return self._files.shared(deadline)

    def _all_files(
        self, deadline: float, *, needed: bool
    ) -> contextlib.AbstractContextManager[None]:
        if self._files is None or not needed:
            return contextlib.nullcontext()
        return self._files.exclusive(deadline)

    def _after_fork(self) -> None:
        self._start_afresh()
