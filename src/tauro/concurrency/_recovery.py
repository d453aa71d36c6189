"""Finishing the transactions of processes that died."""

from __future__ import annotations

import contextlib
import os

from tauro._internal import _fs
from tauro.concurrency import _journal
from tauro.concurrency._file_lock import FileLock
from tauro.errors import LockTimeoutError, MLOpsError


def owner_lock(folder: str) -> FileLock:
    """Return the lock that a transaction's process holds while it lives."""
    return FileLock(f"{folder}.lock", timeout=0)


def release_owner(lock: FileLock, folder: str) -> None:
    """Give the owner's lock back; its file goes too, unless the folder had to stay."""
    with contextlib.suppress(OSError):  # an empty file that stays behind does no harm
        if not _fs.is_dir(folder):
            _fs.discard(lock.path)
            _fs.discard(lock.holder_path)
    lock.release()


def recover(root: str) -> list[str]:
    """Finish or clear away what no living process owns; return the ids of what was finished.

    Raises:
        MLOpsError: One could not be finished; the others are.
    """
    finished, failed = [], []
    for entry in _fs.list_dir(os.path.join(root, _journal.FOLDER)):
        if not entry.is_dir(follow_symlinks=False):
            continue
        if _fs.is_temporary(entry.name):
            with contextlib.suppress(OSError):  # somebody else clears it away too
                _fs.remove_tree(entry.path)
            continue
        try:
            if _recover_one(root, entry.path):
                finished.append(entry.name)
        except MLOpsError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return finished


def _recover_one(root: str, folder: str) -> bool:
    owner = owner_lock(folder)
    try:
        owner.acquire()
    except LockTimeoutError:
        return False
    try:
        steps = _journal.committed_steps(folder)
        if steps is not None:
            _journal.apply(root, folder, steps, durable=True)
        _journal.discard(folder)
        return steps is not None
    finally:
        release_owner(owner, folder)
