"""Publish and subscribe within the process."""

from __future__ import annotations

import inspect
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, overload

from tauro._internal._clock import now_ns
from tauro._internal._fork import tell_after_fork
from tauro.errors import ValidationError
from tauro.events._mailbox import Listener, Mailbox, deliver
from tauro.events._types import ALL_EVENTS, Event, EventType, to_event_type
from tauro.events._watch import Watched

L = TypeVar("L", bound=Listener)


@dataclass(frozen=True, slots=True)
class _Subscription:
    callback: Listener
    mailbox: Mailbox | None


_POINTS: Final = frozenset({EventType.METRIC_LOGGED, EventType.METRIC_BATCH_LOGGED})
"""What is told only to those who ask for it by name."""


class EventEmitter:
    """Tells listeners what happened and remembers the last events.

    Any thread may subscribe and emit. Listeners are called on the emitting thread, in the order
    they subscribed, or on a thread of their own with ``asynchronous=True``. A listener that raises
    is logged; the others and the emitter are not disturbed. After ``fork`` the child keeps the
    subscriptions; what was queued stays with the parent.

    Args:
        history_size: How many events are remembered.
    """

    def __init__(self, *, history_size: int = 1000) -> None:
        if history_size < 0:
            raise ValidationError(
                f"history_size is {history_size}; it must be 0 or more.",
                suggestions=["Give 0 to keep no history."],
            )
        # Replaced, never changed, so that emit reads it without a lock.
        self._subscriptions: dict[str, tuple[_Subscription, ...]] = {}
        self._history: deque[Event] = deque(maxlen=history_size)
        self._sequence = itertools.count(1)
        self._lock = threading.RLock()
        self.watched = Watched()
        tell_after_fork(self)

    @overload
    def subscribe(
        self, event_type: EventType | str, callback: L, *, asynchronous: bool = False
    ) -> L: ...
    @overload
    def subscribe(
        self, event_type: EventType | str, callback: None = None, *, asynchronous: bool = False
    ) -> Callable[[L], L]: ...
    def subscribe(
        self,
        event_type: EventType | str,
        callback: Listener | None = None,
        *,
        asynchronous: bool = False,
    ) -> Any:
        """Call ``callback(event)`` for every event of a type; without a callback, decorate one.

        Args:
            event_type: A member of :class:`EventType`, its value, its name, an own type's text, or
                ``"*"`` for all but ``METRIC_LOGGED`` and ``METRIC_BATCH_LOGGED``, which
                listeners have to name.
            callback: What to call. Coroutine functions need ``asynchronous=True``.
            asynchronous: Call it on a thread of its own, in order, without holding up the emitter.

        Raises:
            ValidationError: The type names nothing, or the callback cannot be called like this.
        """
        key = _key(event_type)
        if callback is None:
            return lambda function: self._add(key, function, asynchronous=asynchronous)
        return self._add(key, callback, asynchronous=asynchronous)

    on = subscribe
    on_event = subscribe

    def _add(self, key: str, callback: L, *, asynchronous: bool) -> L:
        if not callable(callback):
            raise ValidationError(
                f"A listener must be callable; got {callback!r}.",
                suggestions=["Give a function that takes the event."],
            )
        if inspect.iscoroutinefunction(callback) and not asynchronous:
            raise ValidationError(
                f"{callback!r} is a coroutine function and would never be awaited here.",
                suggestions=["Subscribe it with asynchronous=True."],
            )
        added = _Subscription(callback, Mailbox(callback) if asynchronous else None)
        with self._lock:
            present = self._subscriptions.get(key, ())
            self._subscriptions = {**self._subscriptions, key: (*present, added)}
        self.watched.changed()
        return callback

    def unsubscribe(self, event_type: EventType | str, callback: Listener) -> bool:
        """End the oldest subscription of this callback to this type; tell whether there was one."""
        key = _key(event_type)
        with self._lock:
            present = self._subscriptions.get(key, ())
            found = next((one for one in present if one.callback == callback), None)
            if found is None:
                return False
            rest = tuple(one for one in present if one is not found)
            self._subscriptions = {**self._subscriptions, key: rest}
        if found.mailbox is not None:
            found.mailbox.close()
        self.watched.changed()
        return True

    off = unsubscribe

    def emit(
        self,
        event_type: EventType | str,
        data: Mapping[str, Any] | None = None,
        *,
        source: str = "",
    ) -> Event:
        """Tell the listeners that something happened; return the event.

        Raises:
            ValidationError: The type names nothing.
        """
        kind = to_event_type(event_type)
        event = Event(kind, dict(data) if data else {}, now_ns(), next(self._sequence), source)
        subscriptions = self._subscriptions
        if kind not in _POINTS:
            self._history.append(event)
            for one in subscriptions.get(ALL_EVENTS, ()):
                _send(one, event)
        for one in subscriptions.get(kind, ()):
            _send(one, event)
        return event

    def has_listeners(self, event_type: EventType | str) -> bool:
        """Tell whether an event of this type would reach anybody."""
        kind = to_event_type(event_type)
        everything = kind not in _POINTS and self._subscriptions.get(ALL_EVENTS)
        return bool(self._subscriptions.get(kind) or everything)

    def get_history(
        self, event_type: EventType | str | None = None, *, limit: int | None = None
    ) -> list[Event]:
        """Return the remembered events, oldest first; with ``limit``, only the last ones.

        Raises:
            ValidationError: The type names nothing, or ``limit`` is negative.
        """
        if limit is not None and limit < 0:
            raise ValidationError(
                f"limit is {limit}; it must be 0 or more.", suggestions=["Leave it out for all."]
            )
        events = list(self._history)
        if event_type is not None and event_type != ALL_EVENTS:
            kind = to_event_type(event_type)
            events = [event for event in events if event.event_type == kind]
        return events if limit is None else events[max(0, len(events) - limit) :]

    def clear_history(self) -> None:
        """Forget the remembered events."""
        self._history.clear()

    def drain(self, timeout: float = 10.0) -> bool:
        """Wait until asynchronous listeners got what was emitted; tell whether they did in time.

        Args:
            timeout: Seconds to wait for all of them.
        """
        deadline = time.monotonic() + timeout
        boxes = [
            one.mailbox
            for group in self._subscriptions.values()
            for one in group
            if one.mailbox is not None
        ]
        # Every mailbox is waited for, also after one was late.
        done = [box.drain(max(0.0, deadline - time.monotonic())) for box in boxes]
        return all(done)

    def _after_fork(self) -> None:
        self._lock = threading.RLock()
        for group in self._subscriptions.values():
            for one in group:
                if one.mailbox is not None:
                    one.mailbox._after_fork()


def _key(event_type: EventType | str) -> str:
    return ALL_EVENTS if event_type == ALL_EVENTS else to_event_type(event_type)


def _send(subscription: _Subscription, event: Event) -> None:
    if subscription.mailbox is not None:
        subscription.mailbox.put(event)
    else:
        deliver(subscription.callback, event)
