"""Copying an experiment's points while others log and compact, and taking points from a copy."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from typing import Final

import numpy as np

from tauro._internal import _fs
from tauro.errors import LockTimeoutError
from tauro.tracking._metric_log._compact import (
    DAMAGED,
    PART_ROWS,
    commit,
    compaction_lock,
    discard_uncommitted,
)
from tauro.tracking._metric_log._format import HEADER_SIZE, SLOT, SLOT_SIZE, decode_header
from tauro.tracking._metric_log._liveness import is_left
from tauro.tracking._metric_log._manifest import Manifest, manifest_name
from tauro.tracking._metric_log._parts import StagedPart, read_rows, stage_part
from tauro.tracking._metric_log._rows import Rows
from tauro.tracking._metric_log._scan import check
from tauro.tracking._metric_log._view import View, Views, open_view
from tauro.tracking._metric_log._whole import read_whole

_WAIT: Final = 60.0
_PAUSE: Final = 0.02


def copy_points(folder: str, target: str) -> int:
    """Copy an experiment's files as of one moment; return how many.

    The copy holds every point that was logged before the call, and of each writer a prefix.

    Args:
        folder: The experiment's folder; its writers and compactors are not disturbed.
        target: A folder that only the caller uses.

    Raises:
        StorageError: Files that should be there are gone.
    """

    def copy(view: View) -> int:
        if _fs.is_dir(target):
            _fs.remove_tree(target)  # A compaction came between: begin again.
        return _copy_view(view, target)

    return Views().read(folder, copy)


def _copy_view(view: View, target: str) -> int:
    names = [record for part in view.manifest.parts for record in part.names]
    if view.manifest.number:
        names.append(manifest_name(view.manifest.number))
    for ref in view.segments:
        path = os.path.join(target, os.path.basename(ref.path))
        _fs.replace_file(path, _settled_bytes(ref.path))
    aside = os.path.join(view.folder, DAMAGED)
    names += [f"{DAMAGED}/{name}" for name in _fs.list_names(aside)]
    for name in names:
        path = os.path.join(target, name)
        _fs.make_dirs(os.path.dirname(path))
        _fs.copy_file(os.path.join(view.folder, name), path)
    return len(names) + len(view.segments)


def _settled_bytes(path: str) -> bytes:
    """Return the bytes of a segment up to the last slot that was written when this was called.

    One reading of a file that grows may hold a late slot and not the one before it, or half of
    one. What the first reading saw written is whole, with all before it, in the second.
    """
    left = is_left(path)
    data = _fs.read_bytes(path)
    header, _ = decode_header(data[:HEADER_SIZE])
    if left or header is None:
        return data
    slots = np.frombuffer(data, SLOT, (len(data) - HEADER_SIZE) // SLOT_SIZE, HEADER_SIZE)
    found = check(slots, header.salt)
    ended = np.flatnonzero(found.good | found.damaged)
    used = int(ended[-1]) + 1 if len(ended) else 0
    return _fs.read_bytes(path)[: HEADER_SIZE + used * SLOT_SIZE]


def take_points(source: str, folder: str, run_ids: Collection[str]) -> int:
    """Add the points of some runs of a copied experiment to another; return how many.

    They become parts of the other, committed in one step: after a kill all are there or none.

    Args:
        source: The copy's folder; nobody writes to it.
        folder: The folder of the experiment that gets them; others may write and compact there.
        run_ids: Runs of which the other has no points.

    Raises:
        CorruptDataError: A part of the copy is damaged; nothing was added.
        LockTimeoutError: Another process compacted the experiment for a minute.
    """
    staged: list[StagedPart] = []
    _fs.make_dirs(folder)
    try:
        # One by one, for each that was staged is discarded if a later one fails.
        batches = _batches(source, frozenset(run_ids))
        staged.extend(stage_part(folder, rows) for rows in batches)
        if staged:
            _commit(folder, staged)
    except BaseException:
        discard_uncommitted(folder, staged)
        raise
    return sum(part.record.rows for part in staged)


def _batches(source: str, run_ids: frozenset[str]) -> Iterator[Rows]:
    """Yield the points of the runs, about as many at a time as a part holds."""
    pending: list[Rows] = []
    for rows in _all_rows(open_view(source)):
        rest = [text for text in rows.run.texts if text not in run_ids]
        wanted = rows.without_runs(rest)
        if len(wanted):
            pending.append(wanted)
        if sum(map(len, pending)) >= PART_ROWS:
            yield Rows.joined(pending)
            pending = []
    if pending:
        yield Rows.joined(pending)


def _all_rows(view: View) -> Iterator[Rows]:
    for part in view.manifest.parts:
        yield read_rows(view.folder, part)
    for ref in view.segments:
        yield read_whole(ref).rows


def _commit(folder: str, staged: list[StagedPart]) -> None:
    until = time.monotonic() + _WAIT
    while time.monotonic() < until:
        with compaction_lock(folder) as alone:
            if alone:
                old = open_view(folder).manifest
                parts = (*old.parts, *(part.record for part in staged))
                manifest = Manifest(number=old.number + 1, parts=parts, through=old.through)
                commit(folder, manifest, staged)
                return
        time.sleep(_PAUSE)
    raise LockTimeoutError(
        f"Another process has been compacting {folder} for more than {_WAIT:g} s.",
        context={"path": folder},
        suggestions=["Try again when `tauro store compact` has ended."],
    )


def runs_in_parts(folder: str) -> set[str]:
    """Return the runs of which the parts of an experiment hold points.

    Raises:
        CorruptDataError: A part is damaged.
        StorageError: Files that should be there are gone.
    """
    return Views().read(
        folder,
        lambda view: {
            run_id for part in view.manifest.parts for run_id in read_rows(folder, part).run.texts
        },
    )
