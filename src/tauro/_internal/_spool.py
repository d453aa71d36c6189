"""Folders of this host for what must be files while a process needs them."""

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
    folder = tempfile.mkdtemp(prefix="tauro-")
    remove_with(owner, folder)
    return Path(folder)


def remove_with(owner: object, folder: str) -> None:
    """Have a folder removed when its owner goes or the interpreter ends, in this process only."""
    gone = weakref.finalize(owner, _remove, folder, os.getpid())
    # At the interpreter's end those who use it are closed first; see _remove_all.
    gone.atexit = False
    _spools[:] = [each for each in _spools if each.alive] + [gone]


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
