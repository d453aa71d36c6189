"""Merging segments whose writers are done, and small parts, into sorted Parquet parts.

The order of the steps makes it safe to be killed anywhere: write the parts under names that no
manifest holds; commit a manifest that only one compactor can create; only then remove what it
superseded. What a kill leaves behind the next compaction removes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tauro._internal import _fs
from tauro.errors import CorruptDataError
from tauro.tracking._metric_log._liveness import is_left
from tauro.tracking._metric_log._manifest import (
    KEPT,
    Manifest,
    PartRecord,
    commit_manifest,
    manifest_number,
)
from tauro.tracking._metric_log._parts import (
    StagedPart,
    damaged_files,
    read_rows,
    salvage_rows,
    stage_part,
)
from tauro.tracking._metric_log._rows import Rows
from tauro.tracking._metric_log._strays import only_copies, stray_names
from tauro.tracking._metric_log._view import SegmentRef, View, list_segments, open_view
from tauro.tracking._metric_log._whole import WholeSegment, read_whole

PART_ROWS: Final = 1 << 19
"""A part is closed at so many points: 4 to 20 MB, and 240 MB of memory to make it."""

SMALL: Final = PART_ROWS // 2
"""Parts below this are merged again."""

DUE: Final = 32
"""So many finished segments make a compaction worth its while."""

DAMAGED: Final = "damaged"
_LOCK: Final = ".compact.lock"
_OLD: Final = 3600.0


@dataclass(slots=True)
class Compaction:
    """What a compaction did.

    Attributes:
        segments: Segments merged into parts.
        points: Points in the parts that were written.
        parts: Parts there are now.
        skipped: Damaged segments that were left for ``repair``.
        put_aside: Damaged files whose good points were taken, where they are now.
        done: False where another process compacts at the same time; then nothing was changed.
    """

    segments: int = 0
    points: int = 0
    parts: int = 0
    skipped: list[str] = field(default_factory=list)
    put_aside: list[str] = field(default_factory=list)
    done: bool = True


@contextmanager
def compaction_lock(folder: str) -> Iterator[bool]:
    """Be the only compactor of an experiment; gives False where there is another."""
    path = os.path.join(folder, _LOCK)
    fd = _fs.open_fd(path, os.O_RDWR | os.O_CREAT)
    try:
        yield _fs.try_lock_fd(fd, path)
    finally:
        _fs.close_fd(fd, path)


def put_aside(folder: str, path: str) -> str:
    """Keep a damaged file under a second name, which nothing reads or removes; return that.

    A folder in the place of a file cannot have two, and goes there.
    """
    kept = os.path.join(folder, DAMAGED, os.path.basename(path))
    _fs.make_dirs(os.path.dirname(kept))
    if _fs.stat(kept) is not None:
        return kept
    if _fs.is_dir(path):
        _fs.rename(path, kept)
    else:
        _fs.link(path, kept)
    return kept


class Compactor:
    """One compaction of one experiment. Made with the lock held.

    Args:
        folder: The experiment's.
        own: Paths of segments that this process writes.
        drop: Runs whose points are left out.
        merge: Whether small parts are merged even where few.
        salvage: Whether the good points of damaged files are taken too. The files are kept under
            ``damaged/``.
    """

    def __init__(
        self,
        folder: str,
        own: Collection[str] = (),
        drop: Collection[str] = (),
        *,
        merge: bool = True,
        salvage: bool = False,
    ) -> None:
        self._folder = folder
        self._own = own
        self._drop = drop
        self._merge = merge
        self._salvage = salvage
        self._view: View = open_view(folder)
        self._result = Compaction()
        self._pending: list[Rows] = []
        self._staged: list[StagedPart] = []

    def run(self) -> Compaction:
        """Compact; return what was done."""
        remove_leftovers(self._view)
        try:
            taken = self._take_segments()
            merged = self._take_parts(bool(taken))
            self._write(1)
            if taken or merged:
                self._commit(taken, merged)
        except (FileExistsError, FileNotFoundError):
            # A compactor that does not see our lock, on another machine, was faster.
            discard_uncommitted(self._folder, self._staged)
            return Compaction(done=False)
        except BaseException:
            discard_uncommitted(self._folder, self._staged)
            raise
        self._result.parts = len(self._view.manifest.parts)
        return self._result

    def _take_segments(self) -> list[SegmentRef]:
        """Take each lane up to the first segment that is still written or is damaged."""
        taken: list[SegmentRef] = []
        stopped: set[str] = set()
        for ref in self._view.segments:
            if ref.lane in stopped:
                continue
            whole = self._finished(ref)
            if whole is None:
                stopped.add(ref.lane)
                continue
            taken.append(ref)
            self._add(whole.rows)
        self._result.segments = len(taken)
        return taken

    def _finished(self, ref: SegmentRef) -> WholeSegment | None:
        if ref.path in self._own or not is_left(ref.path):
            return None
        whole = read_whole(ref)
        if whole.is_damaged:
            if not self._salvage:
                self._result.skipped.append(ref.path)
                return None
            self._result.put_aside.append(put_aside(self._folder, ref.path))
        return whole

    def _take_parts(self, anything: bool) -> list[PartRecord]:
        """Take the parts worth merging: small ones, where many, and those of dropped runs."""
        parts = self._view.manifest.parts
        small = [part for part in parts if part.rows < SMALL]
        few = len(small) + anything < (2 if self._merge else 8)
        merged = []
        for part in parts:
            damaged = self._salvage and bool(damaged_files(self._folder, part))
            if damaged or (part in small and not few) or any(map(part.may_hold, self._drop)):
                merged.append(part)
                self._add(self._rows_of(part, damaged=damaged))
        return merged

    def _rows_of(self, part: PartRecord, *, damaged: bool) -> Rows:
        if not damaged:
            return read_rows(self._folder, part)
        for name in damaged_files(self._folder, part):
            path = os.path.join(self._folder, name)
            if _fs.stat(path) is not None:
                self._result.put_aside.append(put_aside(self._folder, path))
        return salvage_rows(self._folder, part)

    def _add(self, rows: Rows) -> None:
        rows = rows.without_runs(self._drop)
        if len(rows):
            self._pending.append(rows)
            self._write(PART_ROWS)

    def _write(self, at_least: int) -> None:
        """Write what is pending as a part, where there is enough of it."""
        count = sum(map(len, self._pending))
        if count >= at_least:
            self._staged.append(stage_part(self._folder, Rows.joined(self._pending)))
            self._result.points += count
            self._pending = []

    def _commit(self, taken: list[SegmentRef], merged: list[PartRecord]) -> None:
        old = self._view.manifest
        present = {ref.lane for ref in (*self._view.segments, *self._view.spent)}
        through = {lane: index for lane, index in old.through.items() if lane in present}
        for ref in taken:
            through[ref.lane] = ref.index
        kept = [part for part in old.parts if part not in merged]
        new = Manifest(
            number=old.number + 1,
            parts=(*kept, *(part.record for part in self._staged)),
            through=through,
            superseded=tuple(name for part in merged for name in part.names),
        )
        commit(self._folder, new, self._staged)
        self._view = open_view(self._folder)
        remove_leftovers(self._view)


def discard_uncommitted(folder: str, staged: Sequence[StagedPart]) -> None:
    """Remove new parts, unless they are committed although the commit failed in the end.

    Where that cannot be told they stay; what nobody committed goes with the next compaction.
    """
    try:
        committed = open_view(folder).manifest.parts
    except (OSError, CorruptDataError):
        return
    for part in staged:
        if part.record not in committed:
            part.discard()


def commit(folder: str, manifest: Manifest, staged: Sequence[StagedPart]) -> None:
    """Make a manifest and the new parts that it names the newest.

    Raises:
        FileExistsError: Somebody else was first.
    """
    for part in staged:
        part.publish()
    _fs.sync_dir(folder)
    commit_manifest(folder, manifest)


def remove_leftovers(view: View) -> None:
    """Remove what the newest manifest superseded, and what killed compactions left."""
    for ref in view.spent:
        _fs.discard(ref.path)
    for name in view.manifest.superseded:
        _fs.discard(os.path.join(view.folder, name))
    oldest = view.manifest.number - KEPT
    for entry in _fs.list_dir(view.folder):
        if entry.is_dir():
            continue  # none is ours but that of what was put aside
        number = manifest_number(entry.name)
        if number is not None and number <= oldest:
            _fs.discard(entry.path)
        if _fs.is_temporary(entry.name) and _is_old(entry.path):
            _fs.discard(entry.path)
    _remove_strays(view)


def _remove_strays(view: View) -> None:
    """Remove the parts of killed compactions; one that is the only copy is left for ``repair``."""
    old = [name for name in stray_names(view) if _is_old(os.path.join(view.folder, name))]
    kept = {name.removeprefix("part-") for name in only_copies(view)} if old else set()
    for name in old:
        if name.partition("-")[2] not in kept:  # A summary goes with its points.
            _fs.discard(os.path.join(view.folder, name))


def _is_old(path: str) -> bool:
    """Tell whether no compactor works on a file: one on another machine does not see our lock."""
    found = _fs.stat(path)
    return found is not None and time.time() - found.st_mtime > _OLD


def compact(
    folder: str,
    *,
    own: Collection[str] = (),
    drop: Collection[str] = (),
    merge: bool = True,
) -> Compaction:
    """Compact an experiment; see :class:`Compactor`.

    Raises:
        CorruptDataError: A part that was to be merged is damaged; nothing was changed.
        OSError: The disk refused; nothing was lost.
    """
    if not _fs.is_dir(folder):
        return Compaction()
    with compaction_lock(folder) as alone:
        if not alone:
            return Compaction(done=False)
        return Compactor(folder, own, drop, merge=merge).run()


def remove(folder: str) -> bool:
    """Remove an experiment's folder, unless somebody writes or compacts there; tell whether it is.

    Raises:
        OSError: The disk refused.
    """
    if not _fs.is_dir(folder):
        return True
    with compaction_lock(folder) as alone:
        try:
            idle = alone and all(is_left(ref.path) for ref in list_segments(folder)[0])
        except FileNotFoundError:  # A compactor on another machine was faster.
            idle = False
        if not idle:
            return False
        aside = _fs.temporary_name(os.path.dirname(folder))
        _fs.rename(folder, aside)
    _fs.remove_tree(aside)
    return True
