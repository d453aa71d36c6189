"""Folders that are copied into a place: their files, their hash, and where they must not go."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tauro._internal import _fs
from tauro._internal._paths import check_key
from tauro.errors import PathNotAllowedError, ValidationError


def folder_digest(hashes: Mapping[str, str]) -> str:
    """Return the hash of a folder from those of its files, by their relative names."""
    digest = hashlib.sha256()
    # By the name that is hashed: a separator of the system may sort elsewhere.
    for name, each in sorted((name.replace(os.sep, "/"), each) for name, each in hashes.items()):
        digest.update(f"{name}\0{each}\n".encode())
    return digest.hexdigest()


def folder_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the relative name and the real path of every file below a folder.

    Raises:
        PathNotAllowedError: A link leads out of the folder, something is not a regular file, or a
            name is no key: one of unfinished writes, one with a backslash, one not in UTF-8.
    """
    for entry in find_temporaries(str(folder)):
        raise PathNotAllowedError(
            f"{os.path.relpath(entry.path, folder)!r} in the folder {str(folder)!r} has a name "
            f"that starts with {_fs.TMP_PREFIX!r}, which marks unfinished writes.",
            context={"path": entry.path},
            suggestions=["Rename it, or leave it out."],
        )
    for name, file in finished_files(folder):
        check_key(name.replace(os.sep, "/"))
        yield name, file


def find_temporaries(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield the outermost unfinished files and folders below a folder."""
    for entry in _fs.list_dir(folder):
        if _fs.is_temporary(entry.name):
            yield entry
        elif entry.is_dir(follow_symlinks=False):
            yield from find_temporaries(entry.path)


def remove_temporaries(folder: str, older_than: float) -> int:
    """Remove what writers that died left unfinished; return how many files and folders went.

    Args:
        folder: Where to look, at any depth.
        older_than: Seconds since anything in it was changed last; living writers must be faster.
    """
    gone, limit = 0, time.time() - older_than
    for entry in find_temporaries(folder):
        files = list(_fs.walk_files(entry.path)) if entry.is_dir(follow_symlinks=False) else []
        found = [_fs.stat(each) for each in (entry.path, *files)]
        if any(each is None or each.st_mtime > limit for each in found):
            continue
        if files or entry.is_dir(follow_symlinks=False):
            _fs.remove_tree(entry.path)
        else:
            _fs.discard(entry.path)
        gone += 1
    return gone


def finished_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what :func:`folder_files` does of a folder in which others may be writing.

    Raises:
        FileNotFoundError: It was moved meanwhile: what was yielded may not be all of it.
    """
    real = os.path.realpath(folder)
    for file in _fs.walk_files(str(folder)):
        name = os.path.relpath(file, folder)
        target = os.path.realpath(file)
        if target != file and not target.startswith(real + os.sep):
            raise PathNotAllowedError(
                f"{name!r} in the folder {str(folder)!r} is a link that leads out of it.",
                context={"path": name},
                suggestions=["Replace the link by the file, or leave it out."],
            )
        if not os.path.isfile(target):
            if not os.path.lexists(file):
                raise _moved(file)
            what = "a link to a folder" if os.path.isdir(target) else "not a regular file"
            raise PathNotAllowedError(
                f"{name!r} in the folder {str(folder)!r} is {what}.", context={"path": name}
            )
        yield name, target
    if not os.path.isdir(folder):
        raise _moved(str(folder))


def _moved(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def source_files(folder: Path) -> list[tuple[str, str]]:
    """Return the files of a folder that is to be copied into a place, all of them checked.

    Raises:
        PathNotAllowedError: As :func:`folder_files` does.
        ValidationError: There is none; a folder is there as long as a file is in it.
    """
    files = list(folder_files(folder))
    if not files:
        raise ValidationError(
            f"The folder {str(folder)!r} has no file in it.", context={"path": str(folder)}
        )
    return files


def check_outside(folder: Path, target: str) -> None:
    """Refuse to copy a folder to a place inside itself.

    Raises:
        PathNotAllowedError: The place is inside the folder.
    """
    real = os.path.join(os.path.realpath(folder), "")
    if os.path.join(os.path.realpath(target), "").startswith(real):
        raise PathNotAllowedError(
            f"The folder {str(folder)!r} contains the place that it would be copied to, {target}.",
            context={"path": str(folder), "target": target},
            suggestions=["Name the files or sub-folders, or keep the store outside of the folder."],
        )
