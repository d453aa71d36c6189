"""Paths: what may be copied into a store, and where it may go."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from tauro.errors import PathNotAllowedError
from tauro.types import StrPath

# The hot path of every storage call: one match instead of a split and a loop.
_KEY = re.compile(r"(?!\.{1,2}(?:/|\Z))[^/\\\0]+(?:/(?!\.{1,2}(?:/|\Z))[^/\\\0]+)*\Z")
_LONGEST_PART: Final = 255


def validate_key(path: StrPath) -> str:
    """Return a storage key: relative, ``/`` between its parts, none of them empty, ``.``, ``..``.

    Raises:
        PathNotAllowedError: It is no such key.
    """
    key = path if isinstance(path, str) else os.fspath(path)
    if not _KEY.match(key):
        raise PathNotAllowedError(
            f"{key[:200]!r} is not a storage key; expected a relative path inside the store, "
            "with / between its parts and no '.' or '..' among them.",
            context={"path": key[:200]},
        )
    if len(key) > _LONGEST_PART and any(
        len(os.fsencode(part)) > _LONGEST_PART for part in key.split("/")
    ):
        raise PathNotAllowedError(
            f"A part of the storage key {key[:80]!r}… is longer than {_LONGEST_PART} bytes.",
            context={"path": key[:200]},
        )
    return key


def validate_source(path: StrPath) -> Path:
    """Return a local file or folder that is to be copied into a store.

    Absolute paths are fine, and relative ones start at the working directory.

    Raises:
        PathNotAllowedError: The path has ``..`` segments.
        FileNotFoundError: Nothing is there.
    """
    source = Path(path)
    if ".." in source.parts:
        raise PathNotAllowedError(
            f"The path {str(path)!r} has a '..' segment.",
            context={"path": str(path)},
            suggestions=["Give it absolute, or relative to the working directory without '..'."],
        )
    if not source.exists():
        raise FileNotFoundError(f"{str(path)!r} does not exist (working directory: {os.getcwd()}).")
    return source


class PathValidator:
    """Checks the paths that users give.

    Args:
        root: The folder that :meth:`resolve` keeps keys inside of; the working directory by
            default.
    """

    def __init__(self, root: StrPath = ".") -> None:
        self.root = Path(os.path.realpath(root))

    def validate_source(self, path: StrPath) -> Path:
        """Return a local file or folder that is to be copied into a store.

        Raises:
            PathNotAllowedError: The path has ``..`` segments.
            FileNotFoundError: Nothing is there.
        """
        return validate_source(path)

    def validate_key(self, path: StrPath) -> str:
        """Return a storage key: relative and without ``.`` and ``..`` segments.

        Raises:
            PathNotAllowedError: It is no such key.
        """
        return validate_key(path)

    def resolve(self, path: StrPath) -> Path:
        """Return the file of a key below the root, which need not exist.

        Raises:
            PathNotAllowedError: It is no key, or a symbolic link on the way leads out of the root.
        """
        key = validate_key(path)
        found = self.root / key
        real = Path(os.path.realpath(found))
        if not real.is_relative_to(self.root):
            raise PathNotAllowedError(
                f"The key {key!r} leads out of {str(self.root)!r} by a symbolic link.",
                context={"path": key},
                suggestions=["Copy the files into the folder instead of linking them."],
            )
        return found
