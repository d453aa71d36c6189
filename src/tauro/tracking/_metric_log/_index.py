"""What one segment holds, known well enough to read a run from it without reading it all."""

from __future__ import annotations

import logging
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

import numpy as np

from tauro.tracking._metric_log._format import (
    BODY_SIZE,
    SLOT_SIZE,
    Names,
    Slots,
    bodies_of,
    decode_header,
    unpack_points,
)
from tauro.tracking._metric_log._points import Ints, Points, seq_of
from tauro.tracking._metric_log._scan import FIRST, MOST, SlotReader, check
from tauro.tracking._metric_log._view import SegmentRef

_logger = logging.getLogger(__name__)
_CACHED: Final = 128
_FEW: Final = 64


class SegmentIndex:
    """Names of a segment, and between which slots each of its runs is; grows as the segment does.

    Attributes:
        names: Definitions and metadata.
        scanned: Slots taken in so far.
    """

    def __init__(self, ref: SegmentRef) -> None:
        self.ref = ref
        self.names = Names()
        self.scanned = 0
        self._salt: int | None = None
        self._last = np.zeros(64, np.int64)
        self._lock = threading.Lock()
        self._warned = False

    def refresh(self, reader: SlotReader) -> None:
        """Take in what was appended since last time."""
        with self._lock:
            if self._salt is None:
                header, _ = decode_header(reader.header())
                if header is None:
                    self._warn("The header is damaged, so nothing is read from")
                    return
                self._salt = header.salt
            if self.names.sealed is not None:
                return
            # All slots before the end were finished before that one, so they may be read now.
            end = self._end(reader, self._salt)
            while self.scanned < end:
                slots = reader.slots(self.scanned, min(MOST, end - self.scanned))
                self._take(slots, self._salt)

    def _end(self, reader: SlotReader, salt: int) -> int:
        """Return where the finished slots end.

        The first time the whole file is looked through: where a disk lost data, a hole may be
        followed by good slots. Later only until there is nothing.
        """
        deep = self.scanned == 0
        at, count, end = self.scanned, FIRST, self.scanned
        while True:
            slots = reader.slots(at, count)
            finished = slots["crc"] != 0
            if not finished.all():
                # A checksum may happen to be zero.
                maybe = np.flatnonzero(~finished & (slots["key"] != 0))
                finished[maybe] = check(slots[maybe], salt).good
            hits = np.flatnonzero(finished)
            if len(hits):
                end = at + int(hits[-1]) + 1
            if len(slots) < count or not (deep or finished[-1]):
                return end
            at += count
            count = min(count * 8, MOST)

    def _take(self, slots: Slots, salt: int) -> None:
        special = np.flatnonzero(slots["key"] == 0)
        if len(special):
            special = special[check(slots[special], salt).good]
            for place, body in zip(special.tolist(), bodies_of(slots[special]), strict=True):
                self.names.add(self.scanned + place, body)
        run = slots["run"]
        most = int(run.max())
        if most >= len(self._last):
            self._last = np.append(self._last, np.zeros(2 * most - len(self._last), np.int64))
        self._last[run] = np.arange(self.scanned, self.scanned + len(slots))
        self.scanned += len(slots)

    def holds(self, run_id: str) -> bool:
        """Tell whether there is a run in what was taken in."""
        return run_id in self.names.numbers

    def points(
        self, reader: SlotReader, run_id: str, *, key: str | None = None, after: int = -1
    ) -> dict[str, Points]:
        """Return the points of a run, by key, of the slots after ``after``."""
        with self._lock:
            number = self.names.numbers.get(run_id)
            if number is None or self._salt is None:
                return {}
            start = max(self.names.first[number], after + 1)
            stop = int(self._last[number]) + 1
            found: dict[str, list[Points]] = {}
            for at in range(start, stop, MOST):
                slots = reader.slots(at, min(MOST, stop - at))
                split = self._split if len(slots) > _FEW else self._split_few
                for name, points in split(slots, at, number, key):
                    found.setdefault(name, []).append(points)
        return {name: Points.joined(parts) for name, parts in found.items()}

    def _split_few(
        self, slots: Slots, at: int, run: int, key: str | None
    ) -> Iterator[tuple[str, Points]]:
        """Do what :meth:`_split` does, ten times faster for a handful: a run that just ended."""
        salt, data = self._salt or 0, slots.tobytes()
        columns: dict[str, tuple[list[int], list[int], list[int], list[float]]] = {}
        for place, (of, code, step, when, value, crc) in enumerate(unpack_points(data)):
            name = self.names.keys.get(code) if of == run else None
            if name is None or key not in (None, name):
                continue
            start = place * SLOT_SIZE
            if zlib.crc32(data[start : start + BODY_SIZE], salt) != crc:
                self._warn("Damaged points are left out of what is read from")
                continue
            places, steps, times, values = columns.setdefault(name, ([], [], [], []))
            places.append(at + place)
            steps.append(step)
            times.append(when)
            values.append(value)
        for name, (places, steps, times, values) in columns.items():
            yield (
                name,
                Points(
                    seq=seq_of(self.ref.index, np.array(places, np.int64)),
                    step=np.array(steps, np.int64),
                    time=np.array(times, np.int64),
                    value=np.array(values, np.float64),
                    metadata=self._metadata(places),
                ),
            )

    def _split(
        self, slots: Slots, at: int, run: int, key: str | None
    ) -> Iterator[tuple[str, Points]]:
        """Yield the good points of a run among slots that begin at ``at``, by key."""
        mine = np.flatnonzero((slots["run"] == run) & (slots["key"] != 0))
        codes = slots["key"][mine]
        for code in np.flatnonzero(np.bincount(codes, minlength=1)).tolist():
            name = self.names.keys.get(code)
            if name is None or key not in (None, name):
                continue
            alone = len(mine) == len(slots) and bool((codes == code).all())
            places = mine if alone else mine[codes == code]
            picked = slots if alone else slots[places]
            good = check(picked, self._salt or 0).good
            if not good.all():
                self._warn("Damaged points are left out of what is read from")
                places, picked = places[good], picked[good]
            if len(places):
                yield name, self._columns(at + places, picked)

    def _columns(self, places: Ints, picked: Slots) -> Points:
        return Points(
            seq=seq_of(self.ref.index, places),
            step=picked["step"].astype(np.int64),
            time=picked["time"].astype(np.int64),
            value=picked["value"].astype(np.float64),
            metadata=self._metadata(places.tolist()) if self.names.metadata else {},
        )

    def _metadata(self, places: list[int]) -> dict[int, str]:
        metadata = self.names.metadata
        return {
            (self.ref.index << 32) + place: metadata[place]
            for place in sorted(metadata.keys() & set(places))
        }

    def _warn(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            _logger.warning("%s %s; `tauro store verify` tells more.", what, self.ref.path)


class IndexCache:
    """The indexes of the segments read last, of one log. Safe to use from any thread."""

    def __init__(self) -> None:
        self._indexes: OrderedDict[str, SegmentIndex] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, ref: SegmentRef) -> SegmentIndex:
        """Return the index of a segment."""
        with self._lock:
            index = self._indexes.get(ref.path)
            if index is None:
                index = self._indexes[ref.path] = SegmentIndex(ref)
                if len(self._indexes) > _CACHED:
                    self._indexes.popitem(last=False)
            self._indexes.move_to_end(ref.path)
            return index
