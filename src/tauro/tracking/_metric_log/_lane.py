"""The chain of segments of one thread in one experiment."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tauro._internal import _fs
from tauro._internal._clock import now_ns
from tauro.errors import StorageError
from tauro.tracking._metric_log._checksum import BLOCK
from tauro.tracking._metric_log._format import (
    KEY,
    MAX_NUMBER,
    METADATA_PART,
    RUN,
    Header,
    Slots,
    definition,
    metadata_bodies,
    pack_point,
    segment_name,
)
from tauro.tracking._metric_log._liveness import start_of_this_process
from tauro.tracking._metric_log._segment import (
    FIRST_SIZE,
    MappedSegment,
    MapsUnsupportedError,
    Segment,
    WrittenSegment,
)
from tauro.tracking._metric_log._values import as_name

Durability = Literal["process", "disk"]
Codes = NDArray[np.intp]

LEAST_SLOTS: Final = 1 << 14
"""A segment holds at least so many slots, however small the buffer is; else files would abound.

Also, the longest metadata and names fit into one with room to spare."""

MAX_KEYS: Final = 64
"""Most keys of one block, so that their definitions fit into one segment."""


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


@contextmanager
def storage_errors(what: str, path: str) -> Iterator[None]:
    """Turn the file system's errors into ours."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"{what} failed at {error.filename or path}: {error.strerror or error}. "
            "No point that was accepted before is lost.",
            context={"path": path, "errno": error.errno},
            suggestions=["Free space or check the disk and the permissions, then try again."],
        ) from error


class Lane:
    """Where one thread appends the points of an experiment.

    The methods are called with ``lock`` held. Points that fit into the map do not come here at
    all: their thread stores them into ``segment`` itself, see ``_writer``.
    """

    def __init__(self, number: int, options: LaneOptions) -> None:
        self.options = options
        self.lock = threading.Lock()
        self.holder = 0
        self.name = f"{options.writer_id}-{number:04d}"
        self.segment: Segment | None = None
        self.finished = 0
        self._number = number
        self._index = 0
        self._maps = options.maps
        self._previous = -1
        self._first_size = FIRST_SIZE
        self._unsynced_name = False
        self._synced = 0
        self._forget_names()

    def _forget_names(self) -> None:
        self._tables: dict[str, dict[str, int]] = {}
        self._runs: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._first: dict[str, int] = {}

    # Appending

    def append(
        self, run_id: str, key: str, point: tuple[int, int, float], metadata: bytes = b""
    ) -> tuple[Segment, dict[str, int]]:
        """Append a point: its step, time and value.

        Returns:
            The segment and key table that the next point may use without coming here.
        """
        side = -(-len(metadata) // METADATA_PART)
        segment, bodies = self._announce(run_id, [key], side + 1)
        table = self._tables[run_id]
        if metadata:
            bodies += metadata_bodies(segment.slots + len(bodies) + side, metadata)
        bodies.append(pack_point(table[key], *point))
        self._put(segment, bodies)
        return segment, table

    def append_block(self, run_id: str, keys: Sequence[str], codes: Codes, slots: Slots) -> None:
        """Append an array of slots, whose steps, times and values are set.

        Args:
            run_id: The run of all of them.
            keys: The different keys, no more than ``MAX_KEYS``.
            codes: Of each slot, which of ``keys`` it has.
            slots: The array; it belongs to this method.
        """
        done = 0
        while done < len(slots):
            segment, bodies = self._announce(run_id, keys, 1)
            if bodies:
                self._put(segment, bodies)
            table = self._tables[run_id]
            series = np.array([table[key] for key in keys], np.uint32)
            some = slots[done : done + min(segment.room(), BLOCK)]
            picked = series[codes[done : done + len(some)]] if len(keys) > 1 else series[0]
            some["run"], some["key"] = picked & 0xFFFF, picked >> 16
            try:
                segment.put_block(some)
            except OSError:
                self._abandon()
                raise
            done += len(some)
            self._sync_when_due(segment)

    def _announce(self, run_id: str, keys: Sequence[str], more: int) -> tuple[Segment, list[bytes]]:
        """Find room; return the segment, and the definitions that must come before the points."""
        while True:
            segment = self.segment or self._open()
            run = self._runs.get(run_id) or len(self._runs) + 1
            missing = [key for key in keys if key not in self._keys]
            if run <= MAX_NUMBER and len(self._keys) + len(missing) <= MAX_NUMBER:
                bodies = (
                    [] if run_id in self._runs else definition(RUN, run, as_name("Run", run_id))
                )
                for number, key in enumerate(missing, len(self._keys) + 1):
                    bodies += definition(KEY, number, as_name("The key of a metric", key))
                if self._has_room(segment, len(bodies) + more):
                    break
            self._roll(segment)
        if run_id not in self._runs:
            self._runs[run_id], self._first[run_id] = run, segment.slots
        for key in missing:
            self._keys[key] = len(self._keys) + 1
        table = self._tables.setdefault(run_id, {})
        for key in keys:
            table[key] = run | self._keys[key] << 16
        return segment, bodies

    @staticmethod
    def _has_room(segment: Segment, slots: int) -> bool:
        while segment.room() < slots:
            try:
                if not segment.grow():
                    return False
            except MapsUnsupportedError:
                return False
        return True

    def _put(self, segment: Segment, bodies: list[bytes]) -> None:
        try:
            segment.put(bodies)
        except OSError:
            self._abandon()
            raise
        self._sync_when_due(segment)

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
            segment = MappedSegment(path, header, self.options.capacity, self._first_size)
        except MapsUnsupportedError:
            self._maps = False
            segment = WrittenSegment(path, header, self.options.capacity)
        self._index += 1
        self._forget_names()
        self.segment = segment
        self._unsynced_name = True
        self._synced = 0
        self._watch(segment)
        return segment

    def _roll(self, full: Segment) -> None:
        """Go on in a new segment; the full one stays the current one where that fails."""
        full.fence()
        self._previous = full.slots
        # A lane that filled one segment will fill the next: no need to grow into it.
        self._first_size = 1 << 62
        try:
            self._open()
        except BaseException:
            full.unfence()
            raise
        self._finish(full)

    def _finish(self, segment: Segment) -> None:
        """Seal a segment that is no longer the current one; unsealed, it loses nothing either."""
        self.finished += 1
        try:
            segment.mark_sealed()
            if self.options.durability == "disk":
                segment = segment.synced()
            segment.cut()
        finally:
            segment.close()

    def _abandon(self) -> None:
        """Leave a segment that failed half-way; readers ignore its torn end."""
        if self.segment is not None:
            self._previous = self.segment.slots
            self.segment.close()
            self.segment = None
            self._forget_names()

    # Durability

    def _sync_when_due(self, segment: Segment) -> None:
        if self.options.durability == "disk":
            if segment.slots - self._synced >= self.options.buffer_size:
                self.sync()
            else:
                self._watch(segment)

    def _watch(self, segment: Segment) -> None:
        """Send the first point that makes a sync due through :meth:`append`."""
        if self.options.durability == "disk":
            segment.limit_to(self._synced + self.options.buffer_size)

    def sync(self) -> None:
        """Make every point of the lane survive power loss."""
        segment = self.segment
        if segment is None or self.options.durability != "disk":
            return
        self.segment = segment = segment.synced()
        if self._unsynced_name:
            _fs.sync_dir(self.options.folder)
            self._unsynced_name = False
        self._synced = segment.slots
        self._watch(segment)

    def seal(self) -> None:
        """End the lane; a later append starts a new segment."""
        segment, self.segment = self.segment, None
        if segment is not None:
            segment.fence()
            self._previous = segment.slots
            self._forget_names()
            self._finish(segment)

    def release(self) -> None:
        """Let go without writing, in a child of the process that owns the lane."""
        segment, self.segment = self.segment, None
        if segment is not None:
            segment.close()

    # What the tracker asks

    def forget(self, run_id: str) -> None:
        """Drop the key table of a run that ended."""
        self._tables.pop(run_id, None)

    def since(self, run_id: str) -> int | None:
        """Return the slot from which on the current segment may hold a run, or None."""
        return self._first.get(run_id)
