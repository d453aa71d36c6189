"""A consistent look at the files of an experiment while others write and compact it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tauro._internal import _fs
from tauro.errors import StorageError
from tauro.tracking._metric_log._format import parse_name
from tauro.tracking._metric_log._manifest import (
    Manifest,
    manifest_name,
    manifest_number,
    read_manifest,
)

T = TypeVar("T")
_ATTEMPTS: Final = 50
_SETTLED: Final = 1.0


@dataclass(frozen=True, slots=True, order=True)
class SegmentRef:
    """A segment on disk: its lane, its place there, and its path."""

    lane: str
    index: int
    path: str


@dataclass(frozen=True, slots=True)
class View:
    """The files that together hold every point once.

    Attributes:
        folder: The experiment's folder.
        manifest: Its parts.
        segments: What the parts do not hold, by lane and index.
        spent: Segments that the parts do hold, which nobody has removed yet.
    """

    folder: str
    manifest: Manifest
    segments: tuple[SegmentRef, ...]
    spent: tuple[SegmentRef, ...]


def list_segments(folder: str) -> tuple[list[SegmentRef], int]:
    """Return the segments on disk, by lane and index, and the number of the newest manifest.

    A folder that somebody put in the place of a segment is none.
    """
    segments, newest = [], 0
    for entry in _fs.list_dir(folder):
        if _fs.is_temporary(entry.name):
            continue
        parsed = parse_name(entry.name)
        if parsed is not None and not entry.is_dir():
            segments.append(SegmentRef(*parsed, entry.path))
        elif parsed is None:
            newest = max(newest, manifest_number(entry.name) or 0)
    return sorted(segments), newest


def _has_gap(segments: list[SegmentRef], manifest: Manifest) -> bool:
    expected: dict[str, int] = {}
    for ref in segments:
        if ref.index != expected.get(ref.lane, manifest.through.get(ref.lane, -1) + 1):
            return True
        expected[ref.lane] = ref.index + 1
    return False


def open_view(folder: str) -> View:
    """List an experiment.

    The segments are listed before the newest manifest is looked for: a segment is removed only
    after the manifest that covers it was committed, so none is missed. Two segments of a lane that
    appear during the listing may show the second without the first; then it is listed again.

    Raises:
        FileNotFoundError: The manifest was superseded meanwhile; look again.
    """
    segments, number = list_segments(folder)
    manifest = _newest_manifest(folder, number)
    if _has_gap([ref for ref in segments if not manifest.covers(ref.lane, ref.index)], manifest):
        segments, number = list_segments(folder)
        manifest = _newest_manifest(folder, max(number, manifest.number))
    live = [ref for ref in segments if not manifest.covers(ref.lane, ref.index)]
    spent = [ref for ref in segments if manifest.covers(ref.lane, ref.index)]
    return View(folder, manifest, tuple(live), tuple(spent))


def _newest_manifest(folder: str, number: int) -> Manifest:
    while _fs.stat(os.path.join(folder, manifest_name(number + 1))) is not None:
        number += 1
    return read_manifest(folder, number)


@dataclass(slots=True)
class _Known:
    changed: int
    since: float
    view: View | None = None


class Views:
    """Views of folders, listed again only where a folder changed. Safe to use from any thread.

    A folder's time of change is trusted once it has stood still for a second: it may be as coarse
    as the clock's tick, and a second change within one tick does not show.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def _get(self, folder: str) -> View:
        status = _fs.stat(folder)
        if status is None:
            return View(folder, Manifest(), (), ())
        known, now = self._known.get(folder), time.monotonic()
        if known is None or known.changed != status.st_mtime_ns:
            self._known[folder] = _Known(status.st_mtime_ns, now)
            return open_view(folder)
        if known.view is None:
            view = open_view(folder)
            if now - known.since > _SETTLED:
                known.view = view
            return view
        return known.view

    def read(self, folder: str, read: Callable[[View], T]) -> T:
        """Return what ``read`` finds in a view, again where compaction removes a file meanwhile.

        Raises:
            StorageError: Files that should be there are gone.
        """
        missing: FileNotFoundError | None = None
        for _ in range(_ATTEMPTS):
            try:
                return read(self._get(folder))
            except FileNotFoundError as error:
                self._known.pop(folder, None)
                missing = error
        raise StorageError(
            f"The metric log {folder} names a file that is not there: {missing}.",
            context={"path": folder},
            suggestions=["Run `tauro store verify`; the file may have been removed by hand."],
        ) from missing
