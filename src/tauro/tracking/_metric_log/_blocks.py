"""Files that a manifest vouches for: written whole, every block checked as it is read."""

from __future__ import annotations

import io
import os
import zlib
from typing import Final

from tauro._internal import _fs
from tauro.errors import CorruptDataError
from tauro.tracking._metric_log._manifest import FileRecord

BLOCK: Final = 1 << 16


def checksums(data: bytes) -> tuple[int, ...]:
    """Return the CRC-32 of each block."""
    view = memoryview(data)
    return tuple(zlib.crc32(view[start : start + BLOCK]) for start in range(0, len(data), BLOCK))


def stage(folder: str, name: str, data: bytes) -> tuple[str, FileRecord]:
    """Write a file that survives power loss under a temporary path.

    Returns:
        The path, and what a manifest says of the file once it has its name.
    """
    path = _fs.stage_file(folder, data, durable=True)
    return path, FileRecord(name=name, size=len(data), blocks=checksums(data))


def wrong_blocks(data: bytes, record: FileRecord) -> list[tuple[int, int]]:
    """Return the first byte and the end of each block that is not what was written."""
    found = []
    for number, crc in enumerate(record.blocks):
        start = number * BLOCK
        stop = min(start + BLOCK, record.size)
        if zlib.crc32(data[start:stop]) != crc:
            found.append((start, stop))
    return found


def is_intact(path: str, record: FileRecord) -> bool:
    """Tell whether a file is there and is what was written."""
    try:
        data = _fs.read_bytes(path)
    except (FileNotFoundError, IsADirectoryError):
        return False
    return len(data) == record.size and not wrong_blocks(data, record)


class CheckedFile(io.RawIOBase):
    """A file for reading, none of whose blocks is given out unless its checksum fits.

    Raises:
        CorruptDataError: On reading, the block is not what was written.
        FileNotFoundError: On opening, compaction has removed the file.
    """

    def __init__(self, folder: str, record: FileRecord) -> None:
        self.path = os.path.join(folder, record.name)
        self._record = record
        self._fd = -1  # the finalizer closes also what could not be opened
        self._fd = _fs.open_fd(self.path, os.O_RDONLY)
        self._at = 0
        self._held = -1
        self._block = b""

    def readable(self) -> bool:
        """Tell that this may be read."""
        return True

    def seekable(self) -> bool:
        """Tell that this may be read from any place."""
        return True

    def tell(self) -> int:
        """Return the place of the next read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the place of the next read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._record.size}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes."""
        rest = max(0, self._record.size - self._at)
        size = rest if size is None or size < 0 else min(size, rest)
        pieces = []
        while size > 0:
            number, start = divmod(self._at, BLOCK)
            piece = self._checked(number)[start : start + size]
            pieces.append(piece)
            self._at += len(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _checked(self, number: int) -> bytes:
        if number != self._held:
            wanted = min(BLOCK, self._record.size - number * BLOCK)
            data = self._read_at(number * BLOCK, wanted)
            if len(data) != wanted or zlib.crc32(data) != self._record.blocks[number]:
                start = number * BLOCK
                raise CorruptDataError(
                    f"{self.path} is damaged between bytes {start} and {start + wanted}: "
                    "the checksum in the manifest does not fit.",
                    context={"path": self.path, "offset": start},
                    suggestions=["Restore the file from a copy, or run `tauro store repair`."],
                )
            self._held, self._block = number, data
        return self._block

    def _read_at(self, start: int, size: int) -> bytes:
        try:
            return _fs.read_at(self._fd, size, start, self.path)
        except IsADirectoryError:  # put there by hand; nothing of what was written is left
            return b""

    def close(self) -> None:
        """Let go of the file."""
        fd, self._fd = self._fd, -1  # closed once, whatever happens in between
        if fd >= 0:
            _fs.close_fd(fd, self.path)
        super().close()
