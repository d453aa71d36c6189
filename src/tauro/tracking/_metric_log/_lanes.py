"""Which thread writes to which lane."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Final

from tauro.tracking._metric_log._lane import Lane, storage_errors

MOST_IDLE: Final = 32
"""Beyond so many lanes, those whose runs have all ended are sealed: each holds a file open."""


class Lanes:
    """The lanes of one log. Safe to use from any thread, and from a signal handler.

    Args:
        make: Makes a lane of an experiment from its number.
        released: Called with the threads that no longer own a lane.
    """

    def __init__(self, make: Callable[[str, int], Lane], released: Callable[[int], None]) -> None:
        self._make = make
        self._released = released
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._by_thread: dict[str, dict[int, Lane]] = {}

    @contextmanager
    def hold(self, experiment_id: str) -> Iterator[Lane]:
        """Hold the lane of this thread in an experiment."""
        while True:
            lane = self._by_thread.get(experiment_id, {}).get(get_ident())
            if lane is None:
                lane = self._new(experiment_id)
            with lane.held() as mine:
                if not mine:
                    # A signal handler, or a finalizer, logs in the middle of its thread's append.
                    self._new(experiment_id)
                elif not lane.retired:
                    with storage_errors("Logging a metric", lane.options.folder):
                        yield lane
                    return

    def all(self, experiment_id: str | None = None) -> list[Lane]:
        """Return the lanes of an experiment, or of all."""
        with self._lock:
            chosen = list(self._by_thread) if experiment_id is None else [experiment_id]
            return [lane for name in chosen for lane in self._by_thread.get(name, {}).values()]

    def take(self, experiment_id: str) -> list[Lane]:
        """Forget the lanes of an experiment and return them."""
        with self._lock:
            return list(self._by_thread.pop(experiment_id, {}).values())

    def clear(self) -> list[Lane]:
        """Forget all lanes and return them."""
        with self._lock:
            lanes, self._by_thread = self.all(), {}
            return lanes

    def abandon(self) -> list[Lane]:
        """Return all lanes in a child process, where the lock may be held by nobody for ever."""
        return [lane for lanes in self._by_thread.values() for lane in lanes.values()]

    def _new(self, experiment_id: str) -> Lane:
        """Return a lane for this thread; one that it has already is kept for sealing only."""
        thread = get_ident()
        with self._lock:
            lanes = self._by_thread.setdefault(experiment_id, {})
            if thread in lanes:
                lanes[-next(self._numbers) - 1] = lanes.pop(thread)
                self._released(thread)
            lane = self._left_by_dead_thread(lanes)
            if lane is None:
                self._seal_idle()
                lane = self._make(experiment_id, next(self._numbers))
            self._by_thread.setdefault(experiment_id, {})[thread] = lane
            return lane

    def _left_by_dead_thread(self, lanes: dict[int, Lane]) -> Lane | None:
        alive = sys._current_frames().keys()
        for thread in lanes:
            if thread >= 0 and thread not in alive:
                self._released(thread)
                return lanes.pop(thread)
        return None

    def _seal_idle(self) -> None:
        if len(self.all()) < MOST_IDLE:
            return
        for experiment_id, lanes in list(self._by_thread.items()):
            for thread, lane in list(lanes.items()):
                if lane.is_contended():
                    continue
                with lane.held() as mine:
                    if mine and lane.idle:
                        del lanes[thread]
                        with storage_errors("Sealing metrics", lane.options.folder):
                            lane.seal()
            if not lanes:
                del self._by_thread[experiment_id]
