"""Asynchronous delivery: one bounded queue and one thread for each such subscription."""

from __future__ import annotations

import atexit
import inspect
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Final

from tauro.events._types import Event

_log = logging.getLogger("tauro.events")
_CAPACITY: Final = 10_000
_EXIT_SECONDS: Final = 5.0

Listener = Callable[[Event], Any]


def deliver(callback: Listener, event: Event) -> None:
    """Call a listener; what it raises is logged and goes no further."""
    try:
        result = callback(event)
        if inspect.iscoroutine(result):
            import asyncio

            asyncio.run(result)
    except Exception:  # noqa: BLE001 - the event dispatcher: a listener never breaks the emitter
        _log.exception("The listener %r failed at the event %s.", callback, event.event_type)


class Mailbox:
    """Delivers one subscription's events on a thread of its own, in the order they were put.

    The thread starts with the first event and ends with :meth:`close`. A listener that falls
    behind by more than the capacity loses the newest events, which is logged once and counted.
    """

    def __init__(self, callback: Listener, *, capacity: int = _CAPACITY) -> None:
        self._callback = callback
        self._capacity = capacity
        self.dropped = 0
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._state = threading.Condition()
        self._pending = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, event: Event) -> None:
        """Queue an event and return at once."""
        with self._state:
            if self._closed:
                return
            if self._pending >= self._capacity:
                self._drop(event)
                return
            self._pending += 1
            self._queue.put(event)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="tauro-events", daemon=True)
                self._thread.start()
                _open.add(self)

    def _drop(self, event: Event) -> None:
        self.dropped += 1
        if self.dropped == 1:
            _log.warning(
                "The asynchronous listener %r is more than %d events behind; %s and later ones "
                "are dropped until it catches up.",
                self._callback,
                self._capacity,
                event.event_type,
            )

    def drain(self, timeout: float) -> bool:
        """Wait until every queued event was delivered; tell whether that came in time."""
        if threading.current_thread() is self._thread:
            return False
        with self._state:
            return self._state.wait_for(lambda: self._pending == 0, timeout)

    def close(self) -> None:
        """Deliver what is queued and end the thread; later events are ignored."""
        with self._state:
            self._closed = True
            self._queue.put(None)

    def _work(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                deliver(self._callback, event)
            except BaseException:  # noqa: BLE001 - it would end this thread and not the program
                _log.exception("The listener %r failed at %s.", self._callback, event.event_type)
            with self._state:
                self._pending -= 1
                if not self._pending:
                    self._state.notify_all()

    def _after_fork(self) -> None:
        closed = self._closed
        self._start_afresh()
        self._closed = closed


_open: weakref.WeakSet[Mailbox] = weakref.WeakSet()


def _drain_at_exit() -> None:
    deadline = time.monotonic() + _EXIT_SECONDS
    for mailbox in list(_open):
        mailbox.drain(max(0.0, deadline - time.monotonic()))


atexit.register(_drain_at_exit)
