"""Keys of a store and sources to copy into it."""

from __future__ import annotations

import errno
import os
import re
import stat
from functools import lru_cache
from pathlib import Path
from typing import Final

from tauro._internal._fs import TMP_PREFIX
from tauro.errors import PathNotAllowedError
from tauro.types import StrPath

# The hot path of every storage call: one match instead of a split and a loop.
_PART = r"(?!\.{1,2}(?:/|\Z)|\.tmp-)[^/\\\0\ud800-\udfff]+"
_KEY = re.compile(rf"{_PART}(?:/{_PART})*\Z")
_LONGEST_PART: Final = 255
_LONGEST_KEY: Final = 1024
"""What object stores take; file systems take four times as much, with the root before it."""
_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@lru_cache(maxsize=4096)  # one document's key is asked for again and again
def check_key(path: StrPath) -> str:
    """Return a storage key: relative, ``/`` between its parts, none of them empty, ``.``, ``..``.

    Names that start with ``.tmp-`` are those of unfinished writes: no key has them.

    Raises:
        PathNotAllowedError: It is no such key.
    """
    key = path if isinstance(path, str) else _as_text(path)
    if not _KEY.match(key):
        if any(part.startswith(TMP_PREFIX) for part in key.split("/")):
            raise PathNotAllowedError(
                f"{key[:200]!r} has a name that starts with {TMP_PREFIX!r}, which marks unfinished "
                "writes: it would never be listed.",
                context={"path": key[:200]},
                suggestions=["Choose another name."],
            )
        raise PathNotAllowedError(
            f"{key[:200]!r} is not a storage key; expected a relative path inside the store, "
            "in UTF-8, with / between its parts, no '.' or '..' among them and no backslash.",
            context={"path": key[:200]},
        )
    if len(key) > _LONGEST_PART and any(
        len(os.fsencode(part)) > _LONGEST_PART for part in key.split("/")
    ):
        raise PathNotAllowedError(
            f"A part of the storage key {key[:80]!r}… is longer than {_LONGEST_PART} bytes.",
            context={"path": key[:200]},
        )
    if len(key) > _LONGEST_PART and len(os.fsencode(key)) > _LONGEST_KEY:
        raise PathNotAllowedError(
            f"The storage key {key[:80]!r}… is longer than {_LONGEST_KEY} bytes.",
            context={"path": key[:200]},
            suggestions=["Use fewer folders, or shorter names."],
        )
    return key


def is_key(path: str) -> bool:
    """Tell whether a path is a storage key."""
    try:
        check_key(path)
    except PathNotAllowedError:
        return False
    return True


def _as_text(path: object) -> str:
    key = os.fspath(path) if isinstance(path, os.PathLike) else None
    if not isinstance(key, str):
        raise PathNotAllowedError(
            f"Got a {type(path).__name__} where a storage key is expected.",
            context={"type": type(path).__name__},
        )
    return key


def check_source(path: StrPath) -> Path:
    """Return a local file or folder that is to be copied into a store.

    Absolute paths are fine, and relative ones start at the working directory.

    Raises:
        PathNotAllowedError: It is no path, has ``..`` segments, or is neither a file nor a folder.
        FileNotFoundError: Nothing is there.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise PathNotAllowedError(
            f"Got a {type(path).__name__} where the path of a file or folder is expected.",
            context={"type": type(path).__name__},
        )
    if not os.fspath(path):
        raise PathNotAllowedError("The path of what is to be copied is empty.")
    source = Path(path)
    if ".." in source.parts:
        raise PathNotAllowedError(
            f"The path {str(path)!r} has a '..' segment.",
            context={"path": str(path)},
            suggestions=["Give it absolute, or relative to the working directory without '..'."],
        )
    try:
        mode = os.stat(source).st_mode
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in _ABSENT:
            raise
        raise FileNotFoundError(
            f"{str(path)!r} does not exist (working directory: {os.getcwd()})."
        ) from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        # Reading a pipe or a device may never end.
        raise PathNotAllowedError(
            f"{str(path)!r} is neither a file nor a folder.", context={"path": str(path)}
        )
    return source


def resolve_key(root: Path, path: StrPath) -> Path:
    """Return the file of a key below a root, which need not exist.

    Args:
        root: The folder, its own links resolved.
        path: The key.

    Raises:
        PathNotAllowedError: It is no key, or a symbolic link on the way leads out of the root.
    """
    key = check_key(path)
    found = root / key
    if not Path(os.path.realpath(found)).is_relative_to(root):
        raise PathNotAllowedError(
            f"The key {key!r} leads out of {str(root)!r} by a symbolic link.",
            context={"path": key},
            suggestions=["Copy the files into the folder instead of linking them."],
        )
    return found
