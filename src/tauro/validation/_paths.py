"""Paths: what may be copied into a store, and where it may go."""

from __future__ import annotations

import os
from pathlib import Path

from tauro._internal import _paths
from tauro.types import StrPath


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

        Absolute paths are fine, and relative ones start at the working directory.

        Raises:
            PathNotAllowedError: The path has ``..`` segments.
            FileNotFoundError: Nothing is there.
        """
        return _paths.check_source(path)

    def validate_key(self, path: StrPath) -> str:
        """Return a storage key: relative and without ``.`` and ``..`` segments.

        Raises:
            PathNotAllowedError: It is no such key.
        """
        return _paths.check_key(path)

    def resolve(self, path: StrPath) -> Path:
        """Return the file of a key below the root, which need not exist.

        Raises:
            PathNotAllowedError: It is no key, or a symbolic link on the way leads out of the root.
        """
        return _paths.resolve_key(self.root, path)
