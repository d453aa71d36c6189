"""Which kind of file system a folder is on."""

from __future__ import annotations

import os
from typing import Final

from tauro._internal import _fs

_MOUNTS: Final = "/proc/self/mountinfo"


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
