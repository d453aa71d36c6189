"""The metric log of a store: who writes where, and the reading verbs."""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Final

from tauro._internal._ids import new_id
from tauro.errors import StorageError
from tauro.tracking._metric_log._lane import (
    LEAST_SLOTS,
    Durability,
    Lane,
    LaneOptions,
    storage_errors,
)
from tauro.tracking._metric_log._reader import History, Summary, read_history, read_summary
from tauro.tracking._metric_log._values import as_name, refuse
from tauro.tracking._metric_log._writer import RunWriter

DEFAULT_BUFFER: Final = 1 << 18
"""Points of a segment: 8 MB, a quarter of a second at a million points a second."""

_FOLDER_NAME: Final = re.compile(r"[^/\\\0]+").fullmatch

_logs: weakref.WeakSet[MetricLog] = weakref.WeakSet()


class MetricLog:
    """Points of metrics, appended by any number of processes and threads without a lock.

    Each thread appends to a file of its own, a segment, that holds many runs; readers in any
    process merge them. A log knows ids and keys; it knows nothing of what a run is.

    Threads: every method may be called from any thread. Processes: each has a log of its own over
    the same folder; a log that goes through ``fork`` starts new files in the child.

    Args:
        folder: Where the log is; nothing is created before the first append.
        writer_id: A name that no other process uses; made when left out.
        durability: With ``process`` a point that was logged survives the death of the process;
            with ``disk`` also power loss, once :meth:`flush` has returned.
        buffer_size: Points that a thread may hold between seals of its files, and between syncs
            with durability ``disk``.
        maps: Whether to write through memory maps where the platform is known to keep them.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        writer_id: str | None = None,
        durability: Durability = "process",
        buffer_size: int = DEFAULT_BUFFER,
        maps: bool = True,
    ) -> None:
        self.folder = os.fspath(folder)
        self.writer_id = writer_id or new_id()
        self.durability = durability
        if buffer_size < 1:
            raise refuse("buffer_size", buffer_size, "a positive number of points")
        self._buffer_size = buffer_size
        self._maps = maps
        self._lock = threading.Lock()
        self._lanes: dict[str, dict[int, Lane]] = {}
        self._count = 0
        self._writers: weakref.WeakSet[RunWriter] = weakref.WeakSet()
        self._closed = False
        _logs.add(self)

    # Writing

    def writer(self, experiment_id: str, run_id: str) -> RunWriter:
        """Return what appends the points of a run.

        Raises:
            TrackingValidationError: An id is not text, or the experiment's is not a folder's name.
        """
        as_name("The id of a run", run_id)
        writer = RunWriter(self, _as_folder_name(experiment_id), run_id)
        self._writers.add(writer)
        return writer

    @contextmanager
    def lane(self, experiment_id: str) -> Iterator[Lane]:
        """Hold the lane of this thread in an experiment."""
        lane = self._lanes.get(experiment_id, {}).get(get_ident()) or self._new_lane(experiment_id)
        if not lane.lock.acquire(blocking=lane.holder != get_ident()):
            # A signal handler, or a finalizer, logs in the middle of this thread's own append.
            lane = self._new_lane(experiment_id)
            lane.lock.acquire()
        lane.holder = get_ident()
        try:
            with storage_errors("Logging a metric", lane.options.folder):
                yield lane
        finally:
            lane.holder = 0
            lane.lock.release()

    def _new_lane(self, experiment_id: str) -> Lane:
        with self._lock:
            if self._closed:
                raise StorageError(
                    f"The metric log {self.folder} is closed.",
                    suggestions=["Log before closing the tracker, or open a new one."],
                )
            options = LaneOptions(
                folder=os.path.join(self.folder, experiment_id),
                writer_id=self.writer_id,
                durability=self.durability,
                buffer_size=self._buffer_size,
                capacity=max(self._buffer_size, LEAST_SLOTS),
                maps=self._maps,
            )
            lane = Lane(self._count, options)
            self._count += 1
            lanes = self._lanes.setdefault(experiment_id, {})
            replaced = lanes.get(get_ident())
            if replaced is not None:
                lanes[-self._count] = replaced
            lanes[get_ident()] = lane
            return lane

    def _all_lanes(self, experiment_id: str | None = None) -> list[Lane]:
        with self._lock:
            chosen = [experiment_id] if experiment_id is not None else list(self._lanes)
            return [lane for name in chosen for lane in self._lanes.get(name, {}).values()]

    def forget(self, experiment_id: str, run_id: str) -> None:
        """Drop what was kept for the speed of a run that ended."""
        for lane in self._all_lanes(experiment_id):
            with lane.lock:
                lane.forget(run_id)

    def flush(self, experiment_id: str | None = None) -> None:
        """Make every point that was logged as durable as the log promises.

        With durability ``process`` they are so already.

        Raises:
            StorageError: The disk refused. The points still survive the death of the process.
        """
        if self.durability == "disk":
            for lane in self._all_lanes(experiment_id):
                with lane.lock, storage_errors("Flushing metrics", lane.options.folder):
                    lane.sync()

    def close(self) -> None:
        """Seal the files of this log; reading remains possible.

        Raises:
            StorageError: The disk refused; what was logged is there all the same.
        """
        with self._lock:
            self._closed = True
            lanes = [lane for by_thread in self._lanes.values() for lane in by_thread.values()]
            self._lanes = {}
        failed: StorageError | None = None
        for lane in lanes:
            try:
                with lane.lock, storage_errors("Closing the metric log", lane.options.folder):
                    lane.seal()
            except StorageError as error:
                failed = error
        if failed is not None:
            raise failed

    def _after_fork(self) -> None:
        """Start afresh in a child process: its parent owns the files."""
        for by_thread in self._lanes.values():
            for lane in by_thread.values():
                lane.release()
        for writer in self._writers:
            writer.reset()
        self._lock = threading.Lock()
        self._lanes = {}
        self._count = 0
        self.writer_id = new_id()

    # Reading

    def history(self, experiment_id: str, run_id: str, key: str) -> History:
        """Return the points of a metric in the order logged, merged over writers by time."""
        return read_history(os.path.join(self.folder, experiment_id), run_id, key)

    def summary(self, experiment_id: str, run_id: str) -> dict[str, Summary]:
        """Return what there is of each metric of a run, by key."""
        return read_summary(os.path.join(self.folder, experiment_id), run_id)

    def keys(self, experiment_id: str, run_id: str) -> list[str]:
        """Return the metrics of a run, sorted."""
        return sorted(self.summary(experiment_id, run_id))


def _as_folder_name(experiment_id: str) -> str:
    what = "The id of an experiment"
    as_name(what, experiment_id)
    if experiment_id.startswith(".") or not _FOLDER_NAME(experiment_id):
        raise refuse(what, experiment_id, "a name without slashes that does not begin with a dot")
    return experiment_id


def _reset_logs() -> None:
    for log in list(_logs):
        log._after_fork()


os.register_at_fork(after_in_child=_reset_logs)
