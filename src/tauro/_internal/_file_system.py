"""What a file system tells of itself, and what it is told."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

from tauro._internal import _fs

if sys.platform != "win32":
    import fcntl

_MOUNTS: Final = "/proc/self/mountinfo"
# Requests of ioctl(2) on Linux.
_FLAGS_SIZE: Final = ctypes.sizeof(ctypes.c_long)
_GET_FLAGS: Final = 0x80006601 | _FLAGS_SIZE << 16
_SET_FLAGS: Final = 0x40006602 | _FLAGS_SIZE << 16
_TOP_OF_TREES: Final = 0x20000


def file_system_type(folder: str) -> str:
    """Return the kind of file system (``ext4``, ``nfs``) that a folder is or would be on.

    Empty where the platform does not tell.
    """
    try:
        lines = os.fsdecode(_fs.read_bytes(_MOUNTS)).splitlines()
    except OSError:
        return ""
    path = os.path.realpath(folder)
    best, found = "", ""
    for line in lines:
        before, _, after = line.partition(" - ")
        # The kernel writes a space in a path as \040.
        mount = before.split()[4].replace("\\040", " ")
        inside = path == mount or path.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, found = mount, after.split()[0]
    return found


def spread_subfolders(folder: str) -> None:
    """Make a folder whose subfolders have nothing to do with each other, where that can be said.

    A file system that is told (ext4: ``chattr +T``) puts each into a part of the disk of its own.
    Else all lie where their parent does, where a file is slow to come once many were removed. It is
    a wish: other file systems do not know it, and where it fails nothing is said.
    """
    try:
        _fs.make_dirs(folder)
        fd = _fs.open_fd(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        if sys.platform.startswith("linux"):
            _mark_top(fd)
    except OSError:
        return
    finally:
        os.close(fd)


def _mark_top(fd: int) -> None:
    flags = int.from_bytes(fcntl.ioctl(fd, _GET_FLAGS, bytes(_FLAGS_SIZE)), sys.byteorder)
    if not flags & _TOP_OF_TREES:
        new = (flags | _TOP_OF_TREES).to_bytes(_FLAGS_SIZE, sys.byteorder)
        fcntl.ioctl(fd, _SET_FLAGS, new)
