"""A segment read from end to end, for compaction and verification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tauro._internal import _fs
from tauro.tracking._metric_log._format import (
    HEADER_SIZE,
    SLOT,
    SLOT_SIZE,
    Header,
    Slots,
    bodies_of,
    decode_header,
)
from tauro.tracking._metric_log._format import Names as Definitions
from tauro.tracking._metric_log._points import Ints, seq_of
from tauro.tracking._metric_log._rows import Names, Rows
from tauro.tracking._metric_log._scan import check
from tauro.tracking._metric_log._view import SegmentRef


@dataclass(frozen=True, slots=True)
class WholeSegment:
    """Everything in a segment.

    Attributes:
        ref: Which one.
        header: Who wrote it, None where neither copy is readable.
        broken_headers: Which copies of the header are damaged.
        definitions: Names, metadata and the seal.
        rows: Its good points.
        damaged: Slots whose checksum does not fit.
        unfinished: Slots whose write was cut off; nobody was told that they were logged.
        holes: Empty slots before the last one in use.
        nameless: Good points whose run or key is not defined in what can be read.
        torn: Bytes after the last whole slot.
        used: Slots up to the last one in use.
    """

    ref: SegmentRef
    header: Header | None
    broken_headers: list[int]
    definitions: Definitions
    rows: Rows
    damaged: Ints
    unfinished: Ints
    holes: Ints
    nameless: Ints
    torn: int
    used: int

    @property
    def is_damaged(self) -> bool:
        """Tell whether anything that was acknowledged may be missing from the rows."""
        return bool(
            self.broken_headers or len(self.damaged) or len(self.holes) or len(self.nameless)
        )


def _rows(ref: SegmentRef, definitions: Definitions, slots: Slots, places: Ints) -> Rows:
    def names(texts: dict[int, str], field: str) -> Names:
        numbers = np.zeros(max(texts, default=0) + 1, np.int32)
        numbers[list(texts)] = np.arange(len(texts))
        return Names(list(texts.values()), numbers[slots[field]])

    return Rows(
        run=names(definitions.runs, "run"),
        key=names(definitions.keys, "key"),
        lane=Names([ref.lane], np.zeros(len(slots), np.int32)),
        seq=seq_of(ref.index, places),
        step=slots["step"].astype(np.int64),
        time=slots["time"].astype(np.int64),
        value=slots["value"].astype(np.float64),
        metadata={
            (ref.lane, (ref.index << 32) + place): text
            for place, text in definitions.metadata.items()
        },
    )


def read_whole(ref: SegmentRef) -> WholeSegment:
    """Read a segment to which nobody appends.

    Raises:
        FileNotFoundError: There is no such file.
    """
    data = _fs.read_bytes(ref.path)
    header, broken = decode_header(data[:HEADER_SIZE])
    count = max(0, len(data) - HEADER_SIZE) // SLOT_SIZE
    if header is None:
        count = 0
    slots = np.frombuffer(data, SLOT, count, HEADER_SIZE) if count else np.empty(0, SLOT)
    found = check(slots, header.salt if header is not None else 0)
    definitions = Definitions()
    special = np.flatnonzero(found.good & (slots["key"] == 0))
    for place, body in zip(special.tolist(), bodies_of(slots[special]), strict=True):
        definitions.add(place, body)
    points = np.flatnonzero(found.good & (slots["key"] != 0))
    named = np.isin(slots["run"][points], list(definitions.runs))
    named &= np.isin(slots["key"][points], list(definitions.keys))
    used = found.good | found.damaged | found.unfinished
    ended = np.flatnonzero(found.good | found.damaged)
    last = int(ended[-1]) if len(ended) else -1
    return WholeSegment(
        ref=ref,
        header=header,
        broken_headers=broken,
        definitions=definitions,
        rows=_rows(ref, definitions, slots[points[named]], points[named]),
        damaged=np.flatnonzero(found.damaged),
        unfinished=np.flatnonzero(found.unfinished),
        holes=np.flatnonzero(~used[: last + 1]),
        nameless=points[~named],
        torn=max(0, len(data) - HEADER_SIZE) % SLOT_SIZE,
        used=last + 1,
    )
