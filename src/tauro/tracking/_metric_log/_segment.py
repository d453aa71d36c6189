"""One segment as its only writer holds it: slots in a memory map, or written one by one.

The file gets its name when it is locked and has its header, so no reader sees it without either,
and a lock that can be taken means that the writer is gone.
"""

from __future__ import annotations

import errno
import mmap
import os
import threading
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

import numpy as np

from tauro._internal import _fs
from tauro.tracking._metric_log._checksum import checksums
from tauro.tracking._metric_log._format import (
    HEADER_SIZE,
    SLOT,
    SLOT_SIZE,
    VOID_BODY,
    Header,
    Slots,
    encode_header,
    pack_body_into,
    seal_body,
)

FIRST_SIZE: Final = 1 << 16
"""Bytes that a new segment reserves; it doubles up to its capacity."""

_NO_MAPS: Final = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV}


class MapsUnsupportedError(Exception):
    """The file system cannot reserve blocks or share maps."""


class Gate:
    """Who may change a lane and its segments just now.

    A signal handler may come here at any point of its thread's own append. That is why the lock
    lets its owner in again, and a flag behind it tells whether the lane is in use.
    """

    __slots__ = ("in_use", "lock")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.in_use = False


class Segment(ABC):
    """What both kinds of segment share.

    Attributes:
        offset: Where the next slot goes, in bytes.
        limit: A point goes straight into ``buffer`` while ``offset`` is below this; 0 sends every
            point through :meth:`put`.
        buffer: The map, where there is one; else ``limit`` stays 0.
        salt: Seed of the checksums.
        failed: A write failed; the lane goes on in another file.
    """

    __slots__ = (
        "_capacity",
        "_fd",
        "_gate",
        "_sync_failed",
        "buffer",
        "failed",
        "header",
        "limit",
        "offset",
        "path",
        "salt",
    )

    buffer: mmap.mmap

    def __init__(self, path: str, header: Header, capacity: int, gate: Gate) -> None:
        self.path = path
        self.header = header
        self.failed = False
        self._gate = gate
        self.salt = header.salt
        self.offset = HEADER_SIZE
        self.limit = 0
        self._capacity = HEADER_SIZE + capacity * SLOT_SIZE
        self._fd = -1
        self._sync_failed = False

    def create(self, size: int) -> None:
        """Make the file, with room for ``size`` bytes where that is reserved.

        Raises:
            MapsUnsupportedError: This kind of segment cannot be where it should.
            OSError: The disk refused; nothing is left behind.
        """
        self._make(min(size, self._capacity), encode_header(self.header), durable=False)

    def _make(self, size: int, content: bytes, *, durable: bool) -> None:
        """Make the file: locked and with its content, then named."""
        temporary = _fs.temporary_name(os.path.dirname(self.path))
        self._fd = _fs.open_fd(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            if not _fs.try_lock_fd(self._fd, temporary):
                raise OSError(errno.EBUSY, "another process has locked the new file", temporary)
            self._reserve(0, size)
            self._store(content, 0)
            if durable:
                self.sync()
            _fs.rename(temporary, self.path)
        except BaseException:
            self.close()
            _fs.discard(temporary)
            raise

    @property
    def slots(self) -> int:
        """How many slots are in use."""
        return (self.offset - HEADER_SIZE) // SLOT_SIZE

    @abstractmethod
    def room(self) -> int:
        """Return how many more slots fit without growing; one is kept for the seal."""

    @abstractmethod
    def put(self, bodies: Sequence[bytes]) -> None:
        """Append slots, of which there is room; they get their checksums here.

        Raises:
            OSError: The disk refused; the first of the slots may have been appended.
        """

    @abstractmethod
    def put_block(self, slots: Slots) -> None:
        """Append an array of slots as :meth:`put` does."""

    @abstractmethod
    def grow(self) -> bool:
        """Reserve more; tell whether there was more to have."""

    @abstractmethod
    def sync(self) -> None:
        """Make all slots in use survive power loss."""

    @abstractmethod
    def _reserve(self, start: int, size: int) -> None:
        """Make the file's first ``size`` bytes, of which it has ``start``, ready to be stored."""

    @abstractmethod
    def _store(self, data: bytes, offset: int) -> None:
        """Put bytes at a place."""

    @abstractmethod
    def append_point(self, body: bytes, crc: int) -> bool:
        """Append a point outside the map; False where the lane must see to something first.

        Raises:
            OSError: The disk refused.
        """

    def fence(self) -> None:
        """Send every point through :meth:`put`, so that the holder of the lane is alone."""
        self.limit = 0

    @abstractmethod
    def unfence(self, slots: int | None) -> None:
        """Let points into the map again, at most to so many slots in all."""

    def mark_sealed(self) -> None:
        """Append the record that ends the segment."""
        body = seal_body(self.slots)
        self._store(body + zlib.crc32(body, self.salt).to_bytes(4, "little"), self.offset)
        self.offset += SLOT_SIZE

    def synced(self) -> Segment:
        """Make all slots survive power loss; return the segment that does, this or a copy.

        To be called with the fence up.

        After a failed fsync the kernel counts the lost pages as clean, so a second try on the same
        file would succeed without having written them. The slots go to a new file under the same
        name instead.

        Raises:
            OSError: The disk refused that too. The next call tries it again.
        """
        if not self._sync_failed:
            try:
                self.sync()
            except OSError:
                self._sync_failed = True
        return self._rewritten() if self._sync_failed else self

    @abstractmethod
    def _content(self, start: int) -> bytes:
        """Return what is in use from a place in the file on."""

    def tail(self, first: int) -> bytes:
        """Return the slots in use from ``first`` on."""
        return self._content(HEADER_SIZE + first * SLOT_SIZE)

    def _rewritten(self) -> Segment:
        copy = type(self)(self.path, self.header, 0, self._gate)
        copy.offset, copy._capacity = self.offset, self._capacity
        copy._make(self._size(), self._content(0), durable=True)
        self.close()
        return copy

    @abstractmethod
    def _size(self) -> int:
        """Return the bytes reserved."""

    def cut(self) -> None:
        """Cut the file to the slots in use; the map is gone afterwards."""
        self._unmap()
        _fs.truncate_fd(self._fd, self.offset, self.path)

    @abstractmethod
    def _unmap(self) -> None:
        """Let go of the memory map."""

    def close(self) -> None:
        """Let go of the file as it is; readers take it for one whose writer died."""
        self.fence()
        self._unmap()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class MappedSegment(Segment):
    """Slots in a shared memory map: a store into memory is in the kernel's hands at once.

    Between reading ``offset`` and the end of ``pack_into`` there is no call but ``pack_into``
    itself, so CPython switches threads and runs signal handlers only before or after the whole.
    """

    __slots__ = ("_top",)

    def _reserve(self, start: int, size: int) -> None:
        try:
            _fs.allocate(self._fd, size, self.path, start=start)
            mapped = _fs.map_shared(self._fd, size, self.path)
        except OSError as error:
            if error.errno in _NO_MAPS:
                raise MapsUnsupportedError from error
            raise
        old = getattr(self, "buffer", None)
        # In this order, a signal handler that logs meanwhile finds an open map.
        self.buffer = mapped
        self._top = size - SLOT_SIZE
        if old is not None:
            old.close()

    def _unmap(self) -> None:
        if hasattr(self, "buffer"):
            self.buffer.close()

    def _store(self, data: bytes, offset: int) -> None:
        self.buffer[offset : offset + len(data)] = data

    def append_point(self, body: bytes, crc: int) -> bool:
        return False

    def unfence(self, slots: int | None) -> None:
        end = self._top if slots is None else HEADER_SIZE + slots * SLOT_SIZE
        self.limit = min(self._top, end)

    def _size(self) -> int:
        return len(self.buffer)

    def _content(self, start: int) -> bytes:
        return self.buffer[start : self.offset]

    def room(self) -> int:
        return max(0, self._top - self.offset) // SLOT_SIZE

    def grow(self) -> bool:
        size = len(self.buffer)
        if size >= self._capacity:
            return False
        self._reserve(size, min(2 * size, self._capacity))
        return True

    def put(self, bodies: Sequence[bytes]) -> None:
        at = self.offset
        self.offset = end = at + len(bodies) * SLOT_SIZE
        try:
            for body in bodies:
                pack_body_into(self.buffer, at, body, zlib.crc32(body, self.salt))
                at += SLOT_SIZE
        except BaseException:  # a KeyboardInterrupt between two slots
            self._void(at, end)
            raise

    def put_block(self, slots: Slots) -> None:
        crc = checksums(slots, self.salt)
        slots["crc"] = 0
        at = self.offset
        end = at + len(slots) * SLOT_SIZE
        target = None
        try:
            target = np.frombuffer(self.buffer, SLOT, len(slots), at)
            self.offset = end
            target[:] = slots
            # A kill on the way leaves slots without a checksum, which readers know as unfinished.
            target["crc"] = crc
        except BaseException:
            if self.offset == end:
                self._void(at, end)
            raise
        finally:
            del target  # a traceback that kept it would keep the map from being closed

    def _void(self, start: int, end: int) -> None:
        """Mark slots that will not be written, so that they do not look like lost ones."""
        for at in range(start, end, SLOT_SIZE):
            pack_body_into(self.buffer, at, VOID_BODY, zlib.crc32(VOID_BODY, self.salt))

    def sync(self) -> None:
        _fs.flush_map(self.buffer, self.path)


class WrittenSegment(Segment):
    """One write a record, for file systems where maps misbehave."""

    __slots__ = ("_direct",)

    def __init__(self, path: str, header: Header, capacity: int, gate: Gate) -> None:
        super().__init__(path, header, capacity, gate)
        self._direct = 0

    def append_point(self, body: bytes, crc: int) -> bool:
        gate = self._gate
        with gate.lock:
            if gate.in_use or self.offset >= self._direct:
                return False
            gate.in_use = True
            try:
                self._append(body + crc.to_bytes(4, "little"))
            finally:
                gate.in_use = False
        return True

    def fence(self) -> None:
        self._direct = 0

    def _reserve(self, start: int, size: int) -> None:
        """Nothing: every write asks for its own blocks."""

    def _unmap(self) -> None:
        """Nothing: there is no map."""

    def unfence(self, slots: int | None) -> None:
        end = self._capacity if slots is None else HEADER_SIZE + slots * SLOT_SIZE
        self._direct = min(self._capacity - SLOT_SIZE, end)

    def _size(self) -> int:
        return self.offset

    def _content(self, start: int) -> bytes:
        return _fs.read_at(self._fd, self.offset - start, start, self.path)

    def _store(self, data: bytes, offset: int) -> None:
        _fs.write_at(self._fd, data, offset, self.path)

    def room(self) -> int:
        return (self._capacity - SLOT_SIZE - self.offset) // SLOT_SIZE

    def grow(self) -> bool:
        return False

    def put(self, bodies: Sequence[bytes]) -> None:
        self._append(
            b"".join(body + zlib.crc32(body, self.salt).to_bytes(4, "little") for body in bodies)
        )

    def put_block(self, slots: Slots) -> None:
        slots["crc"] = checksums(slots, self.salt)
        self._append(slots.tobytes())

    def _append(self, data: bytes) -> None:
        try:
            self._store(data, self.offset)
        except OSError:
            self.failed = True
            self._direct = 0
            # Readers may have seen the slots that did arrive, so their places are taken.
            size = os.fstat(self._fd).st_size
            self.offset = max(self.offset, size - (size - HEADER_SIZE) % SLOT_SIZE)
            raise
        self.offset += len(data)

    def sync(self) -> None:
        _fs.sync_fd(self._fd, self.path)
