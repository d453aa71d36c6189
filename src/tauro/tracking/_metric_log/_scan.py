"""Reading one segment, finished or not, from any process."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tauro._internal import _fs
from tauro.tracking._metric_log._checksum import checksums
from tauro.tracking._metric_log._format import (
    HEADER_SIZE,
    SLOT,
    SLOT_SIZE,
    Header,
    Names,
    Slots,
    bodies_of,
    decode_header,
)


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment holds.

    Attributes:
        header: Who wrote it, None where it cannot be read.
        names: Its definitions and metadata.
        slots: Its points.
        places: The slot of each point.
        damaged: Slots whose checksum does not fit.
        unfinished: Slots whose write was cut off, which nobody was told to have been logged.
        broken_headers: Which copies of the header are damaged.
    """

    header: Header | None
    names: Names
    slots: Slots
    places: NDArray[np.int64]
    damaged: NDArray[np.int64]
    unfinished: NDArray[np.int64]
    broken_headers: list[int]


def split(slots: Slots, salt: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which slots are good, and which hold anything at all."""
    words = slots.view(np.uint64).reshape(len(slots), SLOT_SIZE // 8)
    used: NDArray[np.bool_] = np.bitwise_or.reduce(words, axis=1) != 0
    good: NDArray[np.bool_] = checksums(slots, salt) == slots["crc"]
    return good & used, used


def read_segment(path: str) -> Segment:
    """Read a whole segment.

    Raises:
        FileNotFoundError: It was compacted away.
    """
    data = _fs.read_bytes(path)
    header, broken = decode_header(data[:HEADER_SIZE])
    names = Names()
    count = max(0, len(data) - HEADER_SIZE) // SLOT_SIZE
    nothing = np.empty(0, np.int64)
    if header is None:
        return Segment(None, names, np.empty(0, SLOT), nothing, nothing, nothing, broken)
    slots = np.frombuffer(data, SLOT, count, HEADER_SIZE) if count else np.empty(0, SLOT)
    good, used = split(slots, header.salt)
    unfinished = used & ~good & (slots["crc"] == 0)
    damaged = used & ~good & ~unfinished
    special = np.flatnonzero(good & (slots["key"] == 0))
    for place, body in zip(special.tolist(), bodies_of(slots[special]), strict=True):
        names.add(place, body)
    points = np.flatnonzero(good & (slots["key"] != 0))
    return Segment(
        header,
        names,
        slots[points],
        points,
        np.flatnonzero(damaged),
        np.flatnonzero(unfinished),
        broken,
    )


def segment_files(folder: str) -> list[str]:
    """Return the paths of the segments of an experiment."""
    return [
        os.path.join(folder, entry.name)
        for entry in _fs.list_dir(folder)
        if entry.name.endswith(".seg") and not _fs.is_temporary(entry.name)
    ]
