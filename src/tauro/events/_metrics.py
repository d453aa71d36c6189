"""Counters, gauges and timers of the process."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tauro._internal._fork import tell_after_fork
from tauro.errors import ValidationError
from tauro.events._operations import SYSTEM_SERIES
from tauro.events._prometheus import SeriesKey, render, series_label
from tauro.events._timing import Timing

_log = logging.getLogger("tauro.events")
_MAX_SERIES: Final = 10_000

Tags = Mapping[str, str]


class MetricsCollector:
    """Collects the figures of a process; any thread may add to them.

    The system keeps its own series (``models_registered``, ``active_runs``, …) apart from those of
    the user: :meth:`get_counter` answers the system's where it keeps one of that name, and nothing
    that a user adds changes it.

    A series is a name and its tags. Tags are for few values (an endpoint), not for ids; a
    collector keeps at most 10,000 series and drops further ones with a warning.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start_afresh()
        tell_after_fork(self)

    def _start_afresh(self) -> None:
        self._counters: dict[SeriesKey, float] = {}
        self._gauges: dict[SeriesKey, float] = {}
        self._timers: dict[SeriesKey, Timing] = {}
        self._system: dict[str, float] = dict.fromkeys(sorted(SYSTEM_SERIES), 0)
        self._dropped = 0

    # What the user adds

    def increment(self, name: str, value: float = 1, tags: Tags | None = None) -> None:
        """Raise a counter.

        Raises:
            ValidationError: The value is not a finite number.
        """
        key = _key(name, tags)
        added = _number(name, value)
        with self._lock:
            if self._has_room(self._counters, key):
                self._counters[key] = self._counters.get(key, 0) + added

    def decrement(self, name: str, value: float = 1, tags: Tags | None = None) -> None:
        """Lower a counter."""
        self.increment(name, -_number(name, value), tags)

    def gauge(self, name: str, value: float, tags: Tags | None = None) -> None:
        """Set a gauge to a value."""
        key = _key(name, tags)
        number = _number(name, value)
        with self._lock:
            if self._has_room(self._gauges, key):
                self._gauges[key] = number

    def observe(self, name: str, seconds: float, tags: Tags | None = None) -> None:
        """Add one duration to a timer."""
        key = _key(name, tags)
        number = _number(name, seconds)
        with self._lock:
            if self._has_room(self._timers, key):
                self._timers.setdefault(key, Timing()).add(number)

    @contextlib.contextmanager
    def timer(self, name: str, tags: Tags | None = None) -> Iterator[None]:
        """Time the body of a ``with`` block, or a function it decorates, also when it raises."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.observe(name, time.perf_counter() - start, tags)

    def _has_room(self, series: Mapping[SeriesKey, Any], key: SeriesKey) -> bool:
        if key in series:
            return True
        if len(self._counters) + len(self._gauges) + len(self._timers) < _MAX_SERIES:
            return True
        self._dropped += 1
        if self._dropped == 1:
            _log.warning(
                "More than %d metric series; %s and further new ones are dropped. Use tags for few "
                "values, not for ids.",
                _MAX_SERIES,
                series_label(key),
            )
        return False

    # What the system adds

    def add_system(self, name: str, change: float = 1) -> None:
        """Change a series that the system keeps; it never falls below zero."""
        with self._lock:
            self._system[name] = max(0, self._system.get(name, 0) + change)

    # Reading

    def get_counter(self, name: str, tags: Tags | None = None) -> float:
        """Return the system's series of that name, else the user's counter; 0 if there is none.

        Without tags the user's counter is the sum over all its tags.
        """
        with self._lock:
            if tags is None and name in self._system:
                return self._system[name]
            if tags is not None:
                return self._counters.get(_key(name, tags), 0)
            return sum(value for key, value in self._counters.items() if key[0] == name)

    def get_gauge(self, name: str, tags: Tags | None = None) -> float | None:
        """Return a gauge's value; None if it was never set."""
        with self._lock:
            return self._gauges.get(_key(name, tags))

    def get_timer_stats(self, name: str, tags: Tags | None = None) -> dict[str, float]:
        """Return count, min, max, mean, p50, p95 and p99 in seconds; empty if never used."""
        with self._lock:
            timing = self._timers.get(_key(name, tags))
            return timing.summary() if timing is not None else {}

    def get_summary(self) -> dict[str, dict[str, Any]]:
        """Return all figures; a series with tags stands under ``name{tag="value"}``."""
        with self._lock:
            return {
                "counters": {series_label(key): value for key, value in self._counters.items()},
                "gauges": {series_label(key): value for key, value in self._gauges.items()},
                "timers": {series_label(key): one.summary() for key, one in self._timers.items()},
                "system": dict(self._system),
            }

    def to_prometheus(self) -> str:
        """Return all figures in Prometheus' text format, names prefixed with ``tauro_``."""
        with self._lock:
            timers = {key: (one.summary(), one.total) for key, one in self._timers.items()}
            counters, gauges = dict(self._counters), dict(self._gauges)
            system = dict(self._system)
        return render(system=system, counters=counters, gauges=gauges, timers=timers)

    def reset(self) -> None:
        """Forget every figure."""
        with self._lock:
            self._start_afresh()

    def _after_fork(self) -> None:
        # The parent goes on counting what happened there; adding it up twice would be wrong.
        self._lock = threading.Lock()
        self._start_afresh()


def _key(name: object, tags: Tags | None) -> SeriesKey:
    if not isinstance(name, str) or not name:
        raise ValidationError(
            f"A metric's name must be a text; got {name!r}.",
            suggestions=['For example metrics.increment("api_requests").'],
        )
    if not tags:
        return (name, ())
    return (name, tuple(sorted((str(tag), str(value)) for tag, value in tags.items())))


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise ValidationError(
            f"The metric {name!r} got {value!r}; a finite number is expected.",
            suggestions=["Convert it with float(...), or leave the point out."],
        )
    return value
