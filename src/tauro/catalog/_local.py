"""Files on this machine: found, measured, and replaced in one step."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tauro._internal import _fs
from tauro._internal._close import close_matches

_WHOLE: Final = 64 << 20
_ENDS: Final = 1 << 20


class LocalFiles:
    """The file system, as datasets use it. Paths are absolute."""

    is_remote = False

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is there."""
        return os.path.exists(path)

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""
        return os.path.isdir(path)

    def glob(self, pattern: str) -> list[str]:
        """Return the files that a pattern matches, sorted; ``**`` goes down any depth."""
        return sorted(p for p in glob.iglob(pattern, recursive=True) if os.path.isfile(p))

    def walk(self, folder: str) -> list[str]:
        """Return every finished file below a folder, sorted; hidden ones are left out."""
        files = _fs.walk_files(folder)
        return [path for path in files if not _is_hidden(os.path.relpath(path, folder))]

    def children(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted, hidden ones left out."""
        return [
            entry.name for entry in _fs.list_dir(folder) if not entry.name.startswith((".", "_"))
        ]

    def read_bytes(self, path: str) -> bytes:
        """Return a file's bytes."""
        return _fs.read_bytes(path)

    def source(self, path: str) -> str:
        """Return what a reader of frames is given."""
        return path

    @contextmanager
    def appending(self, path: str) -> Iterator[None]:
        """Let nobody else on this machine add to a file of this folder until it is left."""
        folder = os.path.dirname(os.path.realpath(path))
        _fs.make_dirs(folder)
        with _fs.locked_folder(folder):
            yield

    @contextmanager
    def staged(self, path: str, *, exclusive: bool = False) -> Iterator[str]:
        """Give a name to write to; on leaving, what was written there takes the place of ``path``.

        The name ends as ``path`` does, since writers choose the compression by it. Where a link is
        at ``path``, what it leads to is replaced, and the link stays.

        Raises:
            FileExistsError: ``exclusive`` and something is there already.
        """
        name = os.path.basename(path)
        path = os.path.realpath(path)
        folder = os.path.dirname(path)
        _fs.make_dirs(folder)
        temporary = f"{_fs.temporary_name(folder)}-{name}"
        try:
            yield temporary
            old = _fs.stat(path)
            if old is not None:  # what few could read stays so
                os.chmod(temporary, stat.S_IMODE(old.st_mode))
            if exclusive:
                _fs.link(temporary, path)
            elif os.path.isdir(temporary):
                self._swap_folder(temporary, path)
            else:
                _fs.rename(temporary, path)
        finally:
            _discard(temporary)

    def _swap_folder(self, temporary: str, path: str) -> None:
        if not os.path.lexists(path):
            _fs.rename(temporary, path)
            return
        if _fs.exchange(temporary, path):
            return
        # Where the system cannot swap names, the name is free for a moment between two renames.
        old = f"{_fs.temporary_name(os.path.dirname(path))}-old"
        _fs.rename(path, old)
        try:
            _fs.rename(temporary, path)
        except OSError:
            _fs.rename(old, path)
            raise
        _discard(old)

    def fingerprint(self, path: str) -> str:
        """Return a hash of a file: of all of it up to 64 MB, else of its ends, size and time."""
        status = os.stat(path)
        digest = hashlib.blake2b(digest_size=16)
        with open(path, "rb", buffering=0) as file:
            if status.st_size <= _WHOLE:
                while chunk := file.read(_ENDS):
                    digest.update(chunk)
                return f"blake2b:{digest.hexdigest()}"
            digest.update(f"{status.st_size}:{status.st_mtime_ns}".encode())
            digest.update(file.read(_ENDS))
            file.seek(-_ENDS, os.SEEK_END)
            digest.update(file.read(_ENDS))
        return f"ends:{digest.hexdigest()}"

    def status(self, path: str) -> tuple[int, float]:
        """Return a file's size and the time of its last change."""
        status = os.stat(path)
        return status.st_size, status.st_mtime

    def near(self, path: str) -> list[str]:
        """Return files of the same folder with a like name, for an error's hints."""
        folder, name = os.path.split(path)
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return [f"The folder {folder} is not there."]
        found = close_matches(name, names)
        if found:
            return [f"Did you mean {' or '.join(repr(os.path.join(folder, n)) for n in found)}?"]
        return []


def _is_hidden(path: str) -> bool:
    return any(part.startswith((".", "_")) for part in path.split(os.sep))


def _discard(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        _fs.remove_tree(path)
    elif os.path.lexists(path):
        _fs.discard(path)
