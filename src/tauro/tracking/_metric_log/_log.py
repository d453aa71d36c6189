"""The metric log of a store: who writes where, and the reading verbs."""

from __future__ import annotations

import os
import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from tauro._internal import _fs
from tauro._internal._file_system import file_system_type
from tauro._internal._fork import tell_after_fork
from tauro._internal._ids import new_id
from tauro.errors import StorageError
from tauro.tracking._metric_log._background import BackgroundCompaction
from tauro.tracking._metric_log._compact import Compaction, compact, remove
from tauro.tracking._metric_log._lane import (
    LEAST_SLOTS,
    Durability,
    Lane,
    LaneOptions,
    storage_errors,
)
from tauro.tracking._metric_log._lanes import Lanes
from tauro.tracking._metric_log._points import History, Summary
from tauro.tracking._metric_log._reader import Follower, Reader
from tauro.tracking._metric_log._repair import repair
from tauro.tracking._metric_log._values import as_folder_name, as_name, refuse
from tauro.tracking._metric_log._verify import Finding, verify
from tauro.tracking._metric_log._writer import RunWriter

DEFAULT_BUFFER: Final = 1 << 18
DEFAULT_SEGMENT: Final = 1 << 18
"""Points of a segment: 8 MB, a quarter of a second at a million points a second."""

_MAPPED: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "overlay"})
"""File systems that overwrite in place: a store into a reserved block of theirs cannot fail."""


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
        buffer_size: With durability ``disk``, the most points of a thread that wait for a sync.
        maps: Whether to write through memory maps. By default where the file system is known to
            keep what is stored in them; else every point is a write.
        segment_points: The most points between seals of a thread's file.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        writer_id: str | None = None,
        durability: Durability = "process",
        buffer_size: int = DEFAULT_BUFFER,
        maps: bool | None = None,
        segment_points: int = DEFAULT_SEGMENT,
    ) -> None:
        self.folder = os.fspath(folder)
        self.durability = durability
        if buffer_size < 1:
            raise refuse("buffer_size", buffer_size, "a positive number of points")
        self._buffer_size = buffer_size
        self._capacity = max(segment_points, LEAST_SLOTS)
        self._maps = maps
        self._writers: weakref.WeakSet[RunWriter] = weakref.WeakSet()
        self._closed = False
        self._begin(writer_id or new_id())
        tell_after_fork(self)

    def _begin(self, writer_id: str) -> None:
        self.writer_id = writer_id
        # Two logs may be given one id by mistake; two writers of one file would be a disaster.
        self._unique_id = f"{writer_id}-{os.urandom(3).hex()}"
        self._lanes = Lanes(self._make_lane, self._release_thread)
        self._reader = Reader(self.folder)
        self._background = BackgroundCompaction()

    # Writing

    def writer(self, experiment_id: str, run_id: str) -> RunWriter:
        """Return what appends the points of a run.

        Raises:
            TrackingValidationError: An id is not text, or the experiment's is not a folder's name.
        """
        as_name("The id of a run", run_id)
        writer = RunWriter(self, as_folder_name(experiment_id), run_id)
        self._writers.add(writer)
        return writer

    @contextmanager
    def lane(self, experiment_id: str) -> Iterator[Lane]:
        """Hold the lane of this thread in an experiment."""
        with self._lanes.hold(experiment_id) as lane:
            before = lane.finished
            yield lane
            finished = lane.finished != before
        if finished:
            self.compact_when_due(experiment_id)

    def _make_lane(self, experiment_id: str, number: int) -> Lane:
        if self._closed:
            raise StorageError(
                f"The metric log {self.folder} is closed.",
                suggestions=["Log before closing the tracker, or open a new one."],
            )
        options = LaneOptions(
            folder=self._folder_of(experiment_id),
            writer_id=self._unique_id,
            durability=self.durability,
            buffer_size=self._buffer_size,
            capacity=self._capacity,
            maps=self._may_map(),
        )
        return Lane(number, options)

    def _may_map(self) -> bool:
        if self._maps is None:
            self._maps = file_system_type(self.folder) in _MAPPED
        return self._maps

    def _release_thread(self, thread: int) -> None:
        for writer in list(self._writers):
            writer.release(thread)

    def forget(self, experiment_id: str, run_id: str) -> None:
        """Drop what was kept for the speed of a run that ended."""
        for lane in self._lanes.all(experiment_id):
            with lane.held() as mine:
                if mine:
                    lane.forget(run_id)

    def flush(self, experiment_id: str | None = None) -> None:
        """Make every point that was logged as durable as the log promises.

        With durability ``process`` they are so already.

        Raises:
            StorageError: The disk refused. The points still survive the death of the process.
        """
        if self.durability == "disk":
            for lane in self._lanes.all(experiment_id):
                with lane.held() as mine:
                    if mine:
                        with storage_errors("Flushing metrics", lane.options.folder):
                            lane.sync()

    def close(self) -> None:
        """Seal the files of this log; reading remains possible.

        Raises:
            StorageError: The disk refused; with durability ``disk`` points may not survive power
                loss. They survive the process.
        """
        self._closed = True
        failed: StorageError | None = None
        for lane in self._lanes.clear():
            try:
                with lane.held() as mine, storage_errors("Closing metrics", lane.options.folder):
                    if mine:
                        lane.seal()
            except StorageError as error:
                failed = error
        self._background.wait()
        if failed is not None:
            raise failed

    def _after_fork(self) -> None:
        """Start afresh in a child process: its parent owns the files."""
        for lane in self._lanes.abandon():
            lane.release()
        for writer in self._writers:
            writer.reset()
        self._begin(new_id())

    # Reading

    def history(
        self, experiment_id: str, run_id: str, key: str, *, max_points: int | None = None
    ) -> History:
        """Return the points of a metric in the order logged, merged over writers by time.

        Args:
            experiment_id: The run's experiment.
            run_id: The run.
            key: The metric; one that was never logged has an empty history.
            max_points: Most points to return: first, last, and the lowest and highest of equal
                stretches between them, so that no spike disappears.

        Raises:
            CorruptDataError: A part that holds the run is damaged.
            StorageError: The files cannot be read.
        """
        with storage_errors("Reading metrics", self._folder_of(experiment_id)):
            return self._reader.history(experiment_id, run_id, key, max_points)

    def summary(self, experiment_id: str, run_id: str) -> dict[str, Summary]:
        """Return what there is of each metric of a run, by key, sorted.

        Raises:
            CorruptDataError: A part that holds the run is damaged.
            StorageError: The files cannot be read.
        """
        with storage_errors("Reading metrics", self._folder_of(experiment_id)):
            own = self._lanes.all(experiment_id)
            return self._reader.summary(experiment_id, run_id, own)

    def summaries(
        self, experiment_id: str, run_ids: Collection[str]
    ) -> dict[str, dict[str, Summary]]:
        """Return the summary of each of many runs, at the cost of one look at the files.

        Raises:
            CorruptDataError: A part that holds one of the runs is damaged.
            StorageError: The files cannot be read.
        """
        with storage_errors("Reading metrics", self._folder_of(experiment_id)):
            return self._reader.summaries(experiment_id, run_ids)

    def keys(self, experiment_id: str, run_id: str) -> list[str]:
        """Return the metrics of a run, sorted."""
        return list(self.summary(experiment_id, run_id))

    def follow(self, experiment_id: str, run_id: str) -> Follower:
        """Return what gives the points of a run as they come, whoever logs them."""
        self._folder_of(experiment_id)
        return self._reader.follow(experiment_id, run_id)

    # Upkeep

    def compact(self, experiment_id: str, *, drop_runs: Collection[str] = ()) -> Compaction:
        """Merge finished segments and small parts of an experiment into sorted Parquet parts.

        Readers and writers are not disturbed, and it may be killed at any point.

        Args:
            experiment_id: The experiment.
            drop_runs: Runs whose points are left out. What live writers still hold of them stays.

        Raises:
            CorruptDataError: A part is damaged; nothing was changed.
            StorageError: The disk refused; nothing was lost.
        """
        folder = self._folder_of(experiment_id)
        with storage_errors("Compacting metrics", folder):
            return compact(folder, own=self._own_segments(experiment_id), drop=drop_runs)

    def remove(self, experiment_id: str) -> bool:
        """Remove every point of an experiment for good; tell whether none is left.

        While a live writer holds a segment, or another process compacts, nothing is removed.

        Raises:
            StorageError: The disk refused.
        """
        folder = self._folder_of(experiment_id)
        with storage_errors("Removing metrics", folder):
            for lane in self._lanes.take(experiment_id):
                with lane.held() as mine:
                    if mine:
                        lane.seal()
            return remove(folder)

    def compact_when_due(self, experiment_id: str) -> None:
        """Start a compaction in the background where enough finished segments have gathered.

        Cheap enough for the end of every run: the folder is looked at once in a few seconds.
        """
        folder = self._folder_of(experiment_id)
        self._background.consider(folder, lambda: self._own_segments(experiment_id))

    def verify(self, experiment_id: str) -> list[Finding]:
        """Return what is wrong with the files of an experiment; nothing is changed."""
        folder = self._folder_of(experiment_id)
        with storage_errors("Verifying metrics", folder):
            return verify(folder)

    def repair(self, experiment_id: str) -> Compaction:
        """Move the good points of damaged files to new parts; put the damaged files aside.

        Raises:
            StorageError: The disk refused; nothing was lost.
        """
        folder = self._folder_of(experiment_id)
        with storage_errors("Repairing metrics", folder):
            return repair(folder, own=self._own_segments(experiment_id))

    def experiments(self) -> list[str]:
        """Return the ids of the experiments that have points."""
        return [
            entry.name
            for entry in _fs.list_dir(self.folder)
            if entry.is_dir() and not entry.name.startswith(".")
        ]

    def _own_segments(self, experiment_id: str) -> set[str]:
        lanes = self._lanes.all(experiment_id)
        return {lane.segment.path for lane in lanes if lane.segment is not None}

    def _folder_of(self, experiment_id: str) -> str:
        return os.path.join(self.folder, as_folder_name(experiment_id))
