"""Folders of this host for what must be local files of a place that is none."""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
import weakref
from pathlib import Path

from tauro._internal import _fs

_spools: list[weakref.finalize[..., object]] = []


def make_spool(owner: object) -> Path:
    """Return a new folder, which goes when its owner does or the interpreter ends."""
    folder = Path(tempfile.mkdtemp(prefix="tauro-"))
    gone = weakref.finalize(owner, _remove, str(folder), os.getpid())
    # At the interpreter's end those who use it are closed first; see _remove_all.
    gone.atexit = False
    _spools[:] = [each for each in _spools if each.alive] + [gone]
    return folder


def _remove(folder: str, owner: int) -> None:
    if os.getpid() != owner:  # a forked child, whose parent still uses it
        return
    with contextlib.suppress(OSError):
        _fs.remove_tree(folder)


@atexit.register
def _remove_all() -> None:
    """Remove the spools that are left; what is registered later, such as trackers, ends before."""
    for gone in _spools:
        # Called by itself it would do nothing any more: weakref has shut down by now.
        left = gone.detach()
        if left is not None:
            _, remove, arguments, _ = left
            remove(*arguments)
