"""Making a damaged experiment whole: every good point is kept, every damaged file put aside."""

from __future__ import annotations

import os
from collections.abc import Collection

import numpy as np
import pyarrow as pa

from tauro._internal import _fs
from tauro.errors import CorruptDataError
from tauro.tracking._metric_log._compact import (
    Compaction,
    Compactor,
    commit,
    compaction_lock,
    put_aside,
)
from tauro.tracking._metric_log._manifest import (
    Manifest,
    manifest_name,
    manifest_number,
    read_manifest,
)
from tauro.tracking._metric_log._parts import StagedPart, decode_rows, is_part_file, stage_part
from tauro.tracking._metric_log._rows import Rows
from tauro.tracking._metric_log._strays import Stretch, only_copies, stretches
from tauro.tracking._metric_log._view import list_segments, open_view


def repair(folder: str, *, own: Collection[str] = ()) -> Compaction:
    """Repair an experiment; segments that are being written are left alone.

    The good points of damaged segments and parts go to new parts. A lost manifest is made again
    from the parts that are there.

    Raises:
        OSError: The disk refused; nothing was lost.
    """
    if not _fs.is_dir(folder):
        return Compaction()
    with compaction_lock(folder) as alone:
        if not alone:
            return Compaction(done=False)
        _repair_manifests(folder)
        return Compactor(folder, own, salvage=True).run()


def _repair_manifests(folder: str) -> None:
    numbers = [manifest_number(entry.name) for entry in _fs.list_dir(folder)]
    newest = max((number for number in numbers if number is not None), default=0)
    for number in sorted(filter(None, numbers), reverse=True):
        try:
            read_manifest(folder, number)
        except CorruptDataError:
            if number == newest:
                _rebuild(folder, newest + 1)
            path = os.path.join(folder, manifest_name(number))
            if _fs.is_dir(path):
                put_aside(folder, path)
            else:
                _fs.discard(path)
    view = open_view(folder)
    if only_copies(view):  # The manifest that named them is gone.
        _rebuild(folder, view.manifest.number + 1)


def _rebuild(folder: str, number: int) -> None:
    """Commit a manifest of the parts on disk.

    A part holds whole segments, so two parts that hold the same segment are an old one and the one
    it was merged into; the larger is taken.
    """
    staged: list[StagedPart] = []
    held: set[Stretch] = set()
    names = [entry.name for entry in _fs.list_dir(folder) if is_part_file(entry.name)]
    for rows in sorted(_readable_parts(folder), key=len, reverse=True):
        fresh = _without(rows, held)
        if len(fresh):
            staged.append(stage_part(folder, fresh))
            held |= stretches(fresh)
    present = {ref.lane for ref in list_segments(folder)[0]}
    through: dict[str, int] = {}
    for lane, index in held:
        if lane in present:
            through[lane] = max(through.get(lane, -1), index)
    new = Manifest(
        number=number,
        parts=tuple(part.record for part in staged),
        through=through,
        superseded=tuple(names),
    )
    commit(folder, new, staged)


def _readable_parts(folder: str) -> list[Rows]:
    found = []
    for entry in _fs.list_dir(folder):
        if is_part_file(entry.name) and entry.name.startswith("part-"):
            try:
                found.append(decode_rows(_fs.read_bytes(entry.path)))
            except (pa.ArrowException, OSError):  # also where it is a folder
                put_aside(folder, entry.path)
    return found


def _without(rows: Rows, held: set[Stretch]) -> Rows:
    unwanted = stretches(rows) & held
    if not unwanted:
        return rows
    keep = np.ones(len(rows), bool)
    for lane, index in unwanted:
        keep &= (rows.lane.codes != rows.lane.texts.index(lane)) | (rows.seq >> 32 != index)
    return rows.pick(np.flatnonzero(keep))
