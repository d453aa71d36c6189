"""Keys: what a backend accepts as the name of a document, frame or artifact."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tauro.errors import PathNotAllowedError
from tauro.types import StrPath

_KEY = re.compile(r"(?!\.{1,2}(?:/|\Z))[^/\\\0]+(?:/(?!\.{1,2}(?:/|\Z))[^/\\\0]+)*\Z")
_LONGEST_PART = 255


def check_key(path: StrPath, *, allow_root: bool = False) -> str:
    """Return ``path`` as a key.

    Raises:
        PathNotAllowedError: It is absolute, empty, or has empty, ``.`` or ``..`` segments.
    """
    key = path if isinstance(path, str) else str(path)
    if _KEY.match(key):
        if len(key) > _LONGEST_PART and any(
            len(part.encode()) > _LONGEST_PART for part in key.split("/")
        ):
            raise PathNotAllowedError(
                f"A part of the storage key {key[:80]!r}… is longer than {_LONGEST_PART} bytes.",
                context={"path": key[:200]},
            )
        return key
    if allow_root and key == "":
        return key
    raise PathNotAllowedError(
        f"{key!r} is not a storage key; expected a relative path inside the store, "
        "with / between its parts and no '.' or '..' among them.",
        context={"path": key},
    )


def check_source(src: StrPath) -> Path:
    """Return a local file or folder that is to be copied into a store.

    Raises:
        PathNotAllowedError: The path has ``..`` segments.
        FileNotFoundError: Nothing is there.
    """
    path = Path(src)
    if ".." in path.parts:
        raise PathNotAllowedError(
            f"The path {str(src)!r} has a '..' segment; give it relative to the working directory "
            "without one, or absolute.",
            context={"path": str(src)},
        )
    if not path.exists():
        raise FileNotFoundError(f"{str(src)!r} does not exist (working directory: {os.getcwd()}).")
    return path
