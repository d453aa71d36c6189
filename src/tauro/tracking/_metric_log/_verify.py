"""What is wrong with the files of an experiment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tauro._internal import _fs
from tauro.errors import CorruptDataError, StoreFormatError
from tauro.tracking._metric_log._blocks import wrong_blocks
from tauro.tracking._metric_log._format import (
    HEADER_SIZE,
    SLOT_SIZE,
    decode_header,
    parse_name,
)
from tauro.tracking._metric_log._liveness import is_left
from tauro.tracking._metric_log._manifest import FileRecord, manifest_number, read_manifest
from tauro.tracking._metric_log._points import Ints
from tauro.tracking._metric_log._view import SegmentRef, View, Views, open_view
from tauro.tracking._metric_log._whole import read_whole


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a file that should not be there, or is missing.

    Attributes:
        path: The file.
        problem: What is wrong and where.
        harmless: True where nothing that was acknowledged is affected: the end of a write that a
            killed process began.
    """

    path: str
    problem: str
    harmless: bool = False


def verify(folder: str) -> list[Finding]:
    """Return what is wrong in an experiment. Segments being written are checked as far as they are.

    Raises:
        StorageError: Files that should be there are gone.
    """
    try:
        return Views().read(folder, lambda view: [*_manifests(folder), *_view(folder, view)])
    except (CorruptDataError, StoreFormatError):
        return list(_manifests(folder))


def _view(folder: str, view: View) -> Iterator[Finding]:
    for part in view.manifest.parts:
        yield from _file(folder, part.points)
        yield from _file(folder, part.summary)
    for ref, following in zip(view.segments, (*view.segments, None)[1:], strict=True):
        is_next = following is not None and (following.lane, following.index - 1) == (
            ref.lane,
            ref.index,
        )
        yield from _segment(ref, following if is_next else None)


def _manifests(folder: str) -> Iterator[Finding]:
    """Yield what is wrong with the manifests, and the folders that stand where files should."""
    for entry in _fs.list_dir(folder):
        number = manifest_number(entry.name)
        if number is not None:
            try:
                read_manifest(folder, number)
            except (CorruptDataError, StoreFormatError) as error:
                yield Finding(entry.path, error.message)
        elif parse_name(entry.name) is not None and entry.is_dir():
            yield Finding(entry.path, "a folder is in the place of a file of points")


def _file(folder: str, record: FileRecord) -> Iterator[Finding]:
    path = os.path.join(folder, record.name)
    try:
        data = _fs.read_bytes(path)
    except FileNotFoundError:
        if _fs.stat(path) is None and record.name in _named(folder):
            yield Finding(path, "the file is missing; the newest manifest names it")
            return
        raise
    except IsADirectoryError:
        yield Finding(path, "a folder is in the place of the file")
        return
    if len(data) != record.size:
        yield Finding(path, f"it has {len(data)} bytes; {record.size} were written")
    for start, stop in wrong_blocks(data, record):
        yield Finding(path, f"bytes {start} to {stop} are not what was written")


def _named(folder: str) -> set[str]:
    parts = open_view(folder).manifest.parts
    return {record.name for part in parts for record in (part.points, part.summary)}


def _segment(ref: SegmentRef, successor: SegmentRef | None) -> Iterator[Finding]:
    left = is_left(ref.path)
    whole = read_whole(ref)
    for copy in whole.broken_headers:
        yield Finding(ref.path, f"copy {copy + 1} of 2 of the header is damaged")
    if whole.header is None:
        return
    damaged, holes, nameless = whole.damaged, whole.holes, whole.nameless
    if not left:
        # A slot that is written while it is read may look damaged once, but not twice.
        again = read_whole(ref)
        damaged = np.intersect1d(damaged, again.damaged)
        holes = np.intersect1d(holes, again.holes)
        nameless = np.intersect1d(nameless, again.nameless)
    yield from _slots(ref.path, damaged, "the checksum does not fit")
    yield from _slots(ref.path, holes, "empty, before the end of what was written")
    yield from _slots(ref.path, nameless, "the name of its run or metric is damaged")
    if left:
        yield from _slots(ref.path, whole.unfinished, "the write was cut off", harmless=True)
        if whole.torn:
            yield Finding(ref.path, f"the last {whole.torn} bytes are not a whole slot", True)
    expected = _count_told_by(successor)
    if whole.used < expected:
        yield Finding(ref.path, f"it holds {whole.used} slots; {expected} were written")


def _count_told_by(successor: SegmentRef | None) -> int:
    """Return how many slots a segment has, as the next one of its lane says."""
    if successor is None:
        return 0
    header, _ = decode_header(_fs.read_bytes(successor.path)[:HEADER_SIZE])
    return header.previous if header is not None else 0


def _slots(path: str, places: Ints, what: str, *, harmless: bool = False) -> Iterator[Finding]:
    """Yield one finding for each run of neighbouring slots."""
    if not len(places):
        return
    for stretch in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
        first, last = int(stretch[0]), int(stretch[-1])
        start = HEADER_SIZE + first * SLOT_SIZE
        named = f"slot {first}" if first == last else f"slots {first} to {last}"
        yield Finding(path, f"{named} (from byte {start}): {what}", harmless)
