"""CRC-32 of many slots at once.

A CRC is linear: that of a record is the XOR of what each of its 16-bit words contributes at its
place, and of the CRC of a record of zeros. So 14 tables of 65,536 entries and as many gathers give
the same numbers as :func:`zlib.crc32` record by record: 70 million a second here, against 7.
"""

from __future__ import annotations

import zlib
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tauro.tracking._metric_log._format import BODY_SIZE, SLOT_SIZE, Slots

_WORDS: Final = BODY_SIZE // 2
BLOCK: Final = 1 << 14
"""Slots worked on at a time, so that they stay in the processor's cache: 70 against 30 M/s."""

_FEW: Final = 48
"""Below so many slots the loop over zlib's own function is faster."""


@cache
def _tables() -> NDArray[np.uint32]:
    zeros = zlib.crc32(bytes(BODY_SIZE))
    by_byte = np.empty((BODY_SIZE, 256), np.uint32)
    for place in range(BODY_SIZE):
        record = bytearray(BODY_SIZE)
        for byte in range(256):
            record[place] = byte
            by_byte[place, byte] = zlib.crc32(record) ^ zeros
    low, high = by_byte[0::2], by_byte[1::2]
    return (high[:, :, None] ^ low[:, None, :]).reshape(_WORDS, 1 << 16)


def _block(words: NDArray[np.uint16], salt: int) -> NDArray[np.uint32]:
    crc = np.full(len(words), zlib.crc32(bytes(BODY_SIZE), salt), np.uint32)
    for table, column in zip(_tables(), words.T, strict=False):
        # Most words of a block are the same in every slot: the run, the key, high bits.
        if (column == column[0]).all():
            crc ^= table[column[0]]
        else:
            crc ^= table.take(column)
    return crc


def checksums(slots: Slots, salt: int) -> NDArray[np.uint32]:
    """Return the checksum that each slot of a contiguous array should carry."""
    count = len(slots)
    if count < _FEW:
        data = slots.tobytes()
        starts = range(0, count * SLOT_SIZE, SLOT_SIZE)
        return np.fromiter(
            (zlib.crc32(data[start : start + BODY_SIZE], salt) for start in starts),
            np.uint32,
            count,
        )
    words = slots.view(np.uint16).reshape(count, SLOT_SIZE // 2)
    result = np.empty(count, np.uint32)
    for start in range(0, count, BLOCK):
        result[start : start + BLOCK] = _block(words[start : start + BLOCK], salt)
    return result
