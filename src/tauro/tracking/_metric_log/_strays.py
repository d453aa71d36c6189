"""Parts on disk that the newest manifest does not name.

Most are what a killed compaction left, and hold what other files hold, too. Where a manifest was
lost, they are the only copy of what it named.
"""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa

from tauro._internal import _fs
from tauro.tracking._metric_log._parts import decode_rows, is_part_file
from tauro.tracking._metric_log._rows import Rows
from tauro.tracking._metric_log._view import View

Stretch = tuple[str, int]
"""A lane and the number of one of its segments. A part holds whole ones, but for dropped runs."""


def stretches(rows: Rows) -> set[Stretch]:
    """Return the segments that rows are of."""
    pairs = np.unique(np.stack([rows.lane.codes.astype(np.int64), rows.seq >> 32]), axis=1)
    return {(rows.lane.texts[lane], index) for lane, index in pairs.T.tolist()}


def stray_names(view: View) -> list[str]:
    """Return the names of the files of parts that nobody names, points and summaries."""
    known = {name for part in view.manifest.parts for name in part.names}
    known.update(view.manifest.superseded)
    return [
        entry.name
        for entry in _fs.list_dir(view.folder)
        if is_part_file(entry.name) and entry.name not in known and not entry.is_dir()
    ]


def only_copies(view: View) -> list[str]:
    """Return the names of parts that nobody names and that hold what no other file does."""
    strays = [name for name in stray_names(view) if name.startswith("part-")]
    if not strays:
        return []
    held = {(ref.lane, ref.index) for ref in (*view.segments, *view.spent)}
    for part in view.manifest.parts:
        held |= _held_by(view.folder, part.points.name) or set()
    return [name for name in strays if (_held_by(view.folder, name) or set()) - held]


def _held_by(folder: str, name: str) -> set[Stretch] | None:
    """Return the segments that a part holds, None where it cannot be read."""
    try:
        return stretches(decode_rows(_fs.read_bytes(os.path.join(folder, name))))
    except (pa.ArrowException, OSError):
        return None
