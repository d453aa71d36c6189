"""Gathering operations and doing them together."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from tauro._internal._fork import tell_after_fork
from tauro.cache._protocol import check_size, check_ttl
from tauro.errors import MLOpsError, ValidationError

_log = logging.getLogger("tauro.cache")
T = TypeVar("T")
_FULL: Final = 10
"""With so many batches waiting because processing fails, nothing more is taken."""


@dataclass(frozen=True, slots=True)
class BatchOperation:
    """Something to do with a key.

    Attributes:
        key: What it is about.
        value: What to put there.
        operation_type: ``write``, ``delete``, or a text of the user's own.
    """

    key: str
    value: Any = None
    operation_type: str = "write"


class BatchProcessor(Generic[T]):
    """Gathers operations and hands them over in batches, in the order they came.

    A batch is due when ``batch_size`` operations wait (it is processed on the thread that added
    the last one), when the oldest has waited ``flush_interval`` seconds (on a thread of its own),
    at :meth:`flush`, and at :meth:`close`, also at the interpreter's exit. One batch is processed
    at a time. What fails stays waiting and is tried again with the next batch, so ``process_func``
    must not mind getting an operation twice; only :meth:`flush` and :meth:`close` raise its error.

    Args:
        process_func: Gets a list of operations.
        batch_size: The most operations in one batch.
        flush_interval: Seconds an operation waits at most; None: until the batch is full.
    """

    def __init__(
        self,
        process_func: Callable[[list[T]], Any],
        batch_size: int = 100,
        flush_interval: float | None = None,
    ) -> None:
        self.process_func = process_func
        self.batch_size = check_size(batch_size, "batch_size")
        self.flush_interval = check_ttl(flush_interval, "flush_interval")
        self.last_error: BaseException | None = None
        self._pending: list[T] = []
        self._closed = False
        self._due = 0.0
        self._start_afresh()
        tell_after_fork(self)
        _processors.add(self)

    def _start_afresh(self) -> None:
        self._state = threading.Condition()
        self._turn = threading.Lock()
        self._processor: int | None = None
        self._timer: threading.Thread | None = None

    @property
    def pending_count(self) -> int:
        """How many operations wait."""
        return len(self._pending)

    def add(self, operation: T) -> None:
        """Take an operation; process a batch if that makes one full.

        Raises:
            ValidationError: The processor is closed.
            MLOpsError: Ten batches wait because ``process_func`` fails; the operation was not
                taken. The cause is its last error.
        """
        with self._state:
            if self._closed:
                raise ValidationError(
                    "The batch processor is closed and takes no more operations.",
                    suggestions=["Make another, or close this one later."],
                )
            if self.last_error is not None and len(self._pending) >= _FULL * self.batch_size:
                raise MLOpsError(
                    f"{len(self._pending)} operations wait because processing them fails "
                    f"({self.last_error!r}); this one was not taken.",
                    suggestions=["Mend the cause and call flush()."],
                ) from self.last_error
            self._pending.append(operation)
            if len(self._pending) == 1:
                self._due = time.monotonic() + (self.flush_interval or 0.0)
                self._state.notify_all()
            full = len(self._pending) >= self.batch_size
            if self.flush_interval is not None and self._timer is None:
                self._timer = threading.Thread(target=self._work, name="tauro-batch", daemon=True)
                self._timer.start()
        if full:
            self._flush_quietly(at_least=self.batch_size)

    def extend(self, operations: Sequence[T]) -> None:
        """Take several operations."""
        for operation in operations:
            self.add(operation)

    def flush(self) -> None:
        """Process everything that waits now.

        Raises:
            Exception: What ``process_func`` raised; what was not processed still waits.
        """
        self._process(at_least=1)

    def close(self) -> None:
        """Process everything that waits and take no more.

        Raises:
            Exception: What ``process_func`` raised; what was not processed still waits.
        """
        with self._state:
            self._closed = True
            self._state.notify_all()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _process(self, *, at_least: int) -> None:
        if self._processor == threading.get_ident():
            return  # process_func itself added or flushed; the loop below goes on with that
        # One at a time, so that batches are processed in the order of their operations.
        with self._turn:
            self._processor = threading.get_ident()
            try:
                while batch := self._next_batch(at_least):
                    self.process_func(list(batch))
                    self._done(len(batch), None)
            except BaseException as error:
                self._done(0, error)
                raise
            finally:
                self._processor = None

    def _next_batch(self, at_least: int) -> list[T]:
        with self._state:
            batch = self._pending[: self.batch_size]
            return batch if len(batch) >= at_least else []

    def _done(self, count: int, error: BaseException | None) -> None:
        with self._state:
            del self._pending[:count]
            self.last_error = error
            self._due = time.monotonic() + (self.flush_interval or 0.0)

    def _flush_quietly(self, *, at_least: int) -> None:
        try:
            self._process(at_least=at_least)
        except Exception:  # noqa: BLE001 - user code; flush() raises what it keeps raising
            _log.exception("Processing a batch failed; %d operations wait.", self.pending_count)

    def _work(self) -> None:
        while self._wait_until_due():
            self._flush_quietly(at_least=1)

    def _wait_until_due(self) -> bool:
        """Wait for the oldest operation's time; tell whether it came before the end."""
        with self._state:
            while not self._closed:
                left = self._due - time.monotonic() if self._pending else None
                if left is not None and left <= 0:
                    return True
                self._state.wait(left)
            return False

    def _after_fork(self) -> None:
        # What waited belongs to the parent, which will process it.
        self._pending = []
        self._start_afresh()


_processors: weakref.WeakSet[BatchProcessor[Any]] = weakref.WeakSet()


def _flush_all() -> None:
    for processor in list(_processors):
        processor._flush_quietly(at_least=1)


atexit.register(_flush_all)
