"""The locks of a local store: 64 files, each key's lock is one of them.

They are ``flock`` on a file of its own descriptor: the kernel gives them back when the process
ends, threads exclude each other as processes do, and taking a free one costs 3 microseconds where
``filelock`` takes 55 (measured beside each other; see ``docs/adr/0002-document-locks.md``). Where
there is no ``flock``, ``filelock`` does it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Final

from tauro._internal import _fs
from tauro.concurrency import FileLock
from tauro.errors import LockTimeoutError, StorageError

if sys.platform != "win32":
    import fcntl

STRIPES: Final = 64
_LONGEST_WAIT: Final = 0.01


def stripe_file(root: str, name: str) -> str:
    """Return the lock file of a name."""
    digest = hashlib.blake2b(name.encode(), digest_size=2).digest()
    number = int.from_bytes(digest, "big") % STRIPES
    return os.path.join(root, "_tauro", "locks", f"{number:02d}.lock")


def take(file: str, name: str, timeout: float) -> Callable[[], None]:
    """Take a lock file; return what gives it back.

    Raises:
        LockTimeoutError: It was not free in time.
        StorageError: The file system has no locks.
        OSError: The file cannot be opened.
    """
    if sys.platform == "win32":
        lock = FileLock(file, timeout=timeout)
        lock.acquire()
        return lock.release
    fd = _fs.open_fd(file, os.O_RDWR | os.O_CREAT)
    try:
        _wait_for(fd, file, name, timeout)
    except BaseException:
        _fs.close_fd(fd, file)
        raise

    def give_back() -> None:
        # The file holds nothing and the descriptor is closed whatever close says: what was done
        # under the lock is done, and an error here would say otherwise.
        with contextlib.suppress(OSError):
            # Said aloud, for a child forked meanwhile holds a copy of the descriptor.
            fcntl.flock(fd, fcntl.LOCK_UN)
            _fs.close_fd(fd, file)

    return give_back


def _wait_for(fd: int, file: str, name: str, timeout: float) -> None:
    wait, until = 0.0002, time.monotonic() + timeout
    while not _is_taken(fd, file):
        if time.monotonic() >= until:
            raise LockTimeoutError(
                f"The lock of {name!r} ({file}) was not free within {timeout:g} s; nothing was "
                "changed.",
                context={"lock": name, "file": file, "timeout": timeout},
                suggestions=["Try again; if it stays taken, look for a process that hangs."],
            )
        # Not in step with the others, or the same one would win for ever.
        time.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        wait = min(wait * 2, _LONGEST_WAIT)


def _is_taken(fd: int, file: str) -> bool:
    try:
        return _fs.try_lock_fd(fd, file, needed=True)
    except OSError as error:
        if error.errno not in _fs.NO_LOCKS:
            raise
        raise StorageError(
            f"The file system of {file} has no locks: {error.strerror}. Without them two processes "
            "could change one document at once; nothing was changed.",
            context={"file": file, "errno": error.errno},
            suggestions=[
                "Put the store on a local disk, or on a share that is mounted with locks."
            ],
        ) from error
