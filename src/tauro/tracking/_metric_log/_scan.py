"""Slots of a segment's file, checked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tauro._internal import _fs
from tauro.tracking._metric_log._checksum import checksums
from tauro.tracking._metric_log._format import HEADER_SIZE, SLOT, SLOT_SIZE, Slots

Mask = NDArray[np.bool_]
FIRST: Final = 1 << 6
MOST: Final = 1 << 15
"""Slots of the first and of the largest read: a poll costs 2 kB, a scan works in 1 MB pieces."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Slots and what their checksums say.

    Attributes:
        slots: As they are in the file.
        good: The checksum fits.
        damaged: It does not, though a write ended there.
        unfinished: No write ended there, though one began: nobody was told that it had.
    """

    slots: Slots
    good: Mask
    damaged: Mask
    unfinished: Mask


def check(slots: Slots, salt: int) -> Checked:
    """Check the slots of a contiguous array."""
    good: Mask = checksums(slots, salt) == slots["crc"]
    ended = slots["crc"] != 0
    bad = ~good
    begun = bad & ~ended
    if begun.any():
        words = slots.view(np.uint64).reshape(len(slots), SLOT_SIZE // 8)
        begun &= np.bitwise_or.reduce(words, axis=1) != 0
    return Checked(slots, good, bad & ended, begun)


class SlotReader:
    """Reads slots of one file, also while its owner appends to it. Close it after use.

    Raises:
        FileNotFoundError: Compaction has removed the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = _fs.open_fd(path, os.O_RDONLY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _fs.close_fd(self._fd, self.path)

    def header(self) -> bytes:
        """Return the bytes of the header."""
        return _fs.read_at(self._fd, HEADER_SIZE, 0, self.path)

    def slots(self, start: int, count: int) -> Slots:
        """Return up to ``count`` slots from ``start`` on; fewer only at the end of the file."""
        data = _fs.read_at(self._fd, count * SLOT_SIZE, HEADER_SIZE + start * SLOT_SIZE, self.path)
        return np.frombuffer(data, SLOT, len(data) // SLOT_SIZE)
