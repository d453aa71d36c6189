"""The chain of segments of one thread in one experiment."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tauro._internal import _fs
from tauro._internal._clock import now_ns
from tauro._internal._translated import Translated
from tauro.errors import StorageError
from tauro.tracking._metric_log._checksum import BLOCK
from tauro.tracking._metric_log._format import (
    KEY,
    MAX_NUMBER,
    METADATA_PART,
    RUN,
    SLOT,
    Header,
    definition,
    metadata_bodies,
    pack_point,
    segment_name,
)
from tauro.tracking._metric_log._liveness import start_of_this_process
from tauro.tracking._metric_log._segment import (
    FIRST_SIZE,
    Gate,
    MappedSegment,
    MapsUnsupportedError,
    Segment,
    WrittenSegment,
)
from tauro.tracking._metric_log._values import as_name

Durability = Literal["process", "disk"]
LEAST_SLOTS: Final = 1 << 14
"""A segment holds at least so many slots: the longest metadata and names fit into one."""

_NEW_FOLDERS: Final = 3
"""The experiment's, the log's and the one above may all be new."""

MAX_KEYS: Final = 64
"""Most keys of one block, so that their definitions fit into one segment."""


class Block(NamedTuple):
    """Columns of points of one run.

    Attributes:
        keys: The different keys, no more than ``MAX_KEYS``.
        codes: Of each point, which of ``keys`` it has.
        steps: Of each point.
        times: Of each point.
        values: Of each point.
    """

    keys: Sequence[str]
    codes: NDArray[np.intp]
    steps: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]

    def of_keys(self, first: int, count: int) -> Block:
        """Return the points of some of the keys."""
        if len(self.keys) <= count:
            return self
        chosen = (self.codes >= first) & (self.codes < first + count)
        return Block(
            self.keys[first : first + count],
            self.codes[chosen] - first,
            self.steps[chosen],
            self.times[chosen],
            self.values[chosen],
        )


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """How lanes write.

    Attributes:
        folder: Where the segments of the experiment are.
        writer_id: Id of the process's writer.
        durability: ``process`` survives the death of the process, ``disk`` also power loss.
        buffer_size: Points that may wait for a sync, with durability ``disk``.
        capacity: Slots a segment may hold.
        maps: Whether to try memory maps.
    """

    folder: str
    writer_id: str
    durability: Durability
    buffer_size: int
    capacity: int
    maps: bool


def storage_error(what: str, path: str, error: OSError) -> StorageError:
    """Return the file system's error as ours."""
    return StorageError(
        f"{what} failed at {error.filename or path}: {error.strerror or error}. "
        "No point that was accepted before is lost.",
        context={"path": path, "errno": error.errno},
        suggestions=["Free space or check the disk and the permissions, then try again."],
    )


def storage_errors(what: str, path: str) -> Translated:
    """Turn the file system's errors into ours."""
    return Translated(lambda error: storage_error(what, path, error))


def _definitions(kind: int, numbered: int, names: Sequence[str]) -> list[bytes]:
    return [
        body
        for number, name in enumerate(names, numbered + 1)
        for body in definition(kind, number, as_name("A name", name))
    ]


class Lane:
    """Where one thread appends the points of an experiment.

    The methods are called by who holds it. Points that fit into the map do not come here at all:
    their thread stores them into ``segment`` itself, see ``_writer``.

    Attributes:
        options: How it writes.
        name: Of the lane, in all files.
        segment: The current one, None before the first point and after the last.
        finished: How many segments it has finished.
        retired: Whether it has been sealed for good.
    """

    def __init__(self, number: int, options: LaneOptions) -> None:
        self.options = options
        self._gate = Gate()
        self.name = f"{options.writer_id}-{number:04d}"
        self.segment: Segment | None = None
        self.finished = 0
        self.retired = False
        self._number = number
        self._index = 0
        self._maps = options.maps
        self._previous = -1
        self._first_size = FIRST_SIZE
        self._unsynced_name = False
        self._synced = 0
        self._forget_names()

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the lane; gives False where this thread is in the middle of holding it already."""
        gate = self._gate
        with gate.lock:
            if gate.in_use:
                yield False
                return
            gate.in_use = True
            try:
                yield True
            finally:
                gate.in_use = False

    def is_contended(self) -> bool:
        """Tell whether another thread holds the lane just now."""
        free = self._gate.lock.acquire(blocking=False)
        if free:
            self._gate.lock.release()
        return not free

    def _forget_names(self) -> None:
        self._tables: dict[str, dict[str, int]] = {}
        self._runs: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._numbered = [0, 0]

    # Appending

    def append(
        self, run_id: str, key: str, point: tuple[int, int, float], metadata: bytes = b""
    ) -> tuple[Segment, dict[str, int]]:
        """Append a point: its step, time and value.

        Returns:
            The segment and key table that the next point may use without coming here.
        """
        side = -(-len(metadata) // METADATA_PART)
        with self._alone():
            segment = self._declare(run_id, [key], side + 1)
            table = self._tables[run_id]
            bodies = metadata_bodies(segment.slots + side, metadata) if metadata else []
            segment.put([*bodies, pack_point(table[key], *point)])
            return segment, table

    def append_row(
        self, run_id: str, points: Sequence[tuple[str, float]], step: int, time: int
    ) -> tuple[Segment, dict[str, int]]:
        """Append one point of each of at most ``MAX_KEYS`` metrics, as :meth:`append` does."""
        with self._alone():
            segment = self._declare(run_id, [key for key, _ in points], len(points))
            table = self._tables[run_id]
            segment.put([pack_point(table[key], step, time, value) for key, value in points])
            return segment, table

    def append_block(self, run_id: str, block: Block) -> None:
        """Append columns of points."""
        scratch = np.empty(min(BLOCK, len(block.values)), SLOT)
        done = 0
        while done < len(block.values):
            with self._alone():
                segment = self._declare(run_id, block.keys, 1)
                table = self._tables[run_id]
                series = np.array([table[key] for key in block.keys], np.uint32)
                slots = scratch[: min(segment.room(), len(block.values) - done)]
                some = slice(done, done + len(slots))
                picked = series[block.codes[some]] if len(block.keys) > 1 else series[0]
                slots["run"], slots["key"] = picked & 0xFFFF, picked >> 16
                slots["step"], slots["time"] = block.steps[some], block.times[some]
                slots["value"] = block.values[some]
                segment.put_block(slots)
            done += len(slots)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep a signal handler that logs off the segment between the look for room and its use."""
        if self.segment is not None:
            self.segment.fence()
        try:
            yield
        finally:
            if self.segment is not None:
                disk = self.options.durability == "disk"
                self.segment.unfence(self._synced + self.options.buffer_size if disk else None)

    def _declare(self, run_id: str, keys: Sequence[str], more: int) -> Segment:
        """Return the segment, with the names written to it and room for ``more`` slots."""
        self._sync_when_due()
        while True:
            segment = self.segment or self._open()
            runs = [] if run_id in self._runs else [run_id]
            missing = [key for key in keys if key not in self._keys]
            run, key = self._numbered
            if run + len(runs) <= MAX_NUMBER and key + len(missing) <= MAX_NUMBER:
                bodies = _definitions(RUN, run, runs) + _definitions(KEY, key, missing)
                if not segment.failed and self._has_room(segment, len(bodies) + more):
                    break
            self._roll(segment)
        if bodies:
            # Numbers are used up first and names recorded last, so that an interrupt between
            # leaves neither a number that means two names nor a name that is not in the file.
            self._numbered = [run + len(runs), key + len(missing)]
            first = segment.slots
            segment.put(bodies)
            for number, name in enumerate(missing, key + 1):
                self._keys[name] = number
            for name in runs:
                self._runs[name], self._first[name] = run + 1, first
        table = self._tables.setdefault(run_id, {})
        for name in keys:
            table[name] = self._runs[run_id] | self._keys[name] << 16
        return segment

    @staticmethod
    def _has_room(segment: Segment, slots: int) -> bool:
        while segment.room() < slots:
            try:
                if not segment.grow():
                    return False
            except MapsUnsupportedError:
                return False
        return True

    # Segments

    def _open(self) -> Segment:
        header = Header(
            writer=self.options.writer_id,
            lane=self._number,
            index=self._index,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=start_of_this_process(),
            created_ns=now_ns(),
            salt=random.SystemRandom().getrandbits(32),
            previous=self._previous,
        )
        name = segment_name(header.writer, header.lane, header.index)
        path = os.path.join(self.options.folder, name)
        segment: Segment
        try:
            if not self._maps:
                raise MapsUnsupportedError
            segment = MappedSegment(path, header, self.options.capacity, self._gate)
            segment.create(self._first_size)
        except MapsUnsupportedError:
            self._maps = False
            segment = WrittenSegment(path, header, self.options.capacity, self._gate)
            segment.create(0)
        self._index += 1
        self._forget_names()
        self.segment = segment
        self._unsynced_name = True
        self._synced = 0
        return segment

    def _roll(self, full: Segment) -> None:
        """Go on in a new segment; the full one stays the current one where that fails."""
        if self.options.durability == "disk":
            self.segment = full = full.synced()
        self._previous = full.slots
        # A lane that filled one segment will fill the next: no need to grow into it.
        self._first_size = 1 << 62
        self._open()
        self._finish(full)

    def _finish(self, segment: Segment) -> None:
        """Seal a segment that is no longer the current one."""
        self.finished += 1
        try:
            # Unsealed, it loses nothing: it is read like one whose writer died.
            with suppress(OSError):
                segment.mark_sealed()
                segment.cut()
        finally:
            segment.close()

    # Durability

    def _sync_when_due(self) -> None:
        """Sync before a point, not after it: where that fails, the point was not accepted."""
        waiting = self.segment.slots - self._synced if self.segment is not None else 0
        if self.options.durability == "disk" and waiting >= self.options.buffer_size:
            self._sync()

    def sync(self) -> None:
        """Make every point of the lane survive power loss."""
        with self._alone():
            self._sync()

    def _sync(self) -> None:
        if self.segment is None or self.options.durability != "disk":
            return
        segment = self.segment.synced()
        if segment is not self.segment:
            self.segment, self._unsynced_name = segment, True
        if self._unsynced_name:
            folder = self.options.folder
            for _ in range(_NEW_FOLDERS):
                _fs.sync_dir(folder)
                folder = os.path.dirname(folder)
            self._unsynced_name = False
        self._synced = segment.slots

    def seal(self) -> None:
        """End the lane for good.

        Raises:
            OSError: The points may not survive power loss; they survive the process.
        """
        self.retired = True
        if self.segment is None:
            return
        self.segment.fence()
        try:
            self._sync()
        finally:
            segment, self.segment = self.segment, None
            segment.fence()
            self._finish(segment)
            self._forget_names()

    def release(self) -> None:
        """Let go without writing, in a child of the process that owns the lane."""
        segment, self.segment = self.segment, None
        if segment is not None:
            segment.close()

    # What the tracker asks

    def forget(self, run_id: str) -> None:
        """Drop the key table of a run that ended."""
        self._tables.pop(run_id, None)

    def recent(self, run_id: str, most: int) -> tuple[bytes, int, dict[int, str]] | None:
        """Return the slots of the current segment since a run began there, at most so many.

        Returns:
            The slots, the place of the first, and the run's keys by what a slot has of them; None
            where there are more, or where that is not known.
        """
        with self.held() as mine:
            segment, table = self.segment, self._tables.get(run_id)
            if not mine or segment is None:
                return None
            first = self._first.get(run_id)
            if first is None:
                return b"", 0, {}
            if table is None or segment.slots - first > most:
                return None
            return segment.tail(first), first, {series: key for key, series in table.items()}

    @property
    def idle(self) -> bool:
        """Tell whether all runs that the lane wrote have been closed."""
        return not self._tables
