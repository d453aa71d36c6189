"""Whether the writer of a segment is gone, so that nothing will be appended any more."""

from __future__ import annotations

import os
import socket
import time
from functools import cache
from typing import Final

import psutil

from tauro._internal import _fs
from tauro._internal._process import start_of
from tauro.tracking._metric_log._format import (
    HEADER_SIZE,
    SLOT_SIZE,
    Header,
    decode_header,
    is_seal,
)

_FOREIGN_AGE: Final = 24 * 3600.0
"""A segment of another machine counts as left only after so long: locks may not reach there."""


@cache
def _started(pid: int) -> float:
    return start_of(pid) or 0.0


def start_of_this_process() -> float:
    """Return when this process started, in seconds since the epoch."""
    return _started(os.getpid())


def _process_lives(header: Header) -> bool:
    try:
        started = start_of(header.pid)
    except psutil.AccessDenied:
        return True
    return started is not None and abs(started - header.started) < 1.0


def _is_sealed(fd: int, path: str, header: Header) -> bool:
    size = _fs.size_fd(fd, path)
    last = _fs.read_at(fd, SLOT_SIZE, max(size - SLOT_SIZE, HEADER_SIZE), path)
    return len(last) == SLOT_SIZE and is_seal(last, header.salt)


def is_left(path: str) -> bool:
    """Tell whether nobody will write to a segment any more.

    Its writer holds the file's lock while it lives. A lock that can be taken is enough for a
    sealed segment; else the process must also be gone, or be of another machine and silent for a
    day, for the file systems where locks do not work.

    Raises:
        FileNotFoundError: There is no such file.
    """
    fd = _fs.open_fd(path, os.O_RDONLY)
    try:
        # Without the second look, a file that took the name after we opened it could be lost.
        if not _fs.try_lock_fd(fd, path) or not _fs.is_same_file(fd, path):
            return False
        header, _ = decode_header(_fs.read_at(fd, HEADER_SIZE, 0, path))
        if header is None or _is_sealed(fd, path, header):
            return True
        if header.host == socket.gethostname():
            return header.pid == os.getpid() or not _process_lives(header)
        return time.time() - os.fstat(fd).st_mtime > _FOREIGN_AGE
    finally:
        _fs.close_fd(fd, path)
