"""A store's folder as one tar file, and back; what an archive may hold is little."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final, cast

from tauro._internal import _fs
from tauro._internal._paths import check_key
from tauro.errors import CorruptDataError, PathNotAllowedError, ValidationError
from tauro.storage._format import FORMAT_KEY

SUFFIXES: Final = (".tar", ".tar.gz", ".tgz")
_OTHERS: Final = (".zip", ".7z", ".rar", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".lz4")
_CHUNK: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_UNREADABLE: Final = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    FileExistsError,
    NotADirectoryError,
)


def is_archive(path: str) -> bool:
    """Tell whether a path is named as an archive.

    Raises:
        ValidationError: It is named as one of a kind that is not made here.
    """
    if path.lower().endswith(_OTHERS) and not _fs.is_dir(path):
        raise ValidationError(
            f"{path} is named as an archive of a kind that Tauro does not make or read.",
            suggestions=[f"Archives are {', '.join(SUFFIXES)}; any other name is a folder."],
        )
    return path.endswith(SUFFIXES)


def pack(folder: str, path: str) -> None:
    """Put the files of a folder into an archive, which appears whole or not at all.

    The store's mark goes last, so that an archive that was cut off holds no store.
    """
    start = len(folder) + 1
    names = sorted(file[start:].replace(os.sep, "/") for file in _fs.walk_files(folder))
    names.sort(key=lambda name: name == FORMAT_KEY)
    staged = _fs.temporary_name(os.path.dirname(path))
    try:
        with tarfile.open(staged, "w" if path.endswith(".tar") else "w:gz") as archive:
            for name in names:
                archive.add(os.path.join(folder, name), name, recursive=False)
        _fs.rename(staged, path)
    except BaseException:
        _fs.discard(staged)
        raise


def unpack(path: str, folder: str) -> None:
    """Put the files of an archive into an empty folder.

    Only regular files with names below the folder are taken. An archive that holds anything else
    is refused whole: no archive that Tauro made does.

    Raises:
        PathNotAllowedError: A name is absolute or has ``..``, or an entry is a link or a device.
        CorruptDataError: It is not an archive, was cut off, or names a file twice.
        FileNotFoundError: There is none.
    """
    try:
        with _opened(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                name = _checked_name(path, member)
                if name and not member.isdir():
                    _extract(archive, member, os.path.join(folder, name))
            while stream.read(_CHUNK):
                pass  # The checksum of what was compressed stands at its end.
    except _UNREADABLE as error:
        raise CorruptDataError(
            f"{path} is not an archive of a store, or was cut off: {error}.",
            context={"path": path},
            suggestions=["Make it again: tauro store export DEST.tar"],
        ) from error


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    with open(path, "rb") as file:
        start = file.read(len(_GZIP))
        file.seek(0)
        if start != _GZIP:
            yield file
            return
        with gzip.open(file) as stream:
            yield cast("IO[bytes]", stream)


def _checked_name(path: str, member: tarfile.TarInfo) -> str:
    if not (member.isdir() or member.isreg()) or member.issparse():
        raise PathNotAllowedError(
            f"{path} holds {member.name!r}, which is neither a plain file nor a folder.",
            context={"path": path, "name": member.name},
            suggestions=["Nothing was imported. Take archives only from whom you trust."],
        )
    name = member.name.removeprefix("./").rstrip("/")
    return check_key(name) if name not in ("", ".") else ""


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: str) -> None:
    source = archive.extractfile(member)
    assert source is not None
    fd = _fs.open_fd(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        missing = member.size
        while missing and (chunk := source.read(min(missing, _CHUNK))):
            _fs.write_all(fd, chunk, target)
            missing -= len(chunk)
    finally:
        _fs.close_fd(fd, target)
    if missing:
        raise EOFError(f"{member.name} lacks {missing} bytes")
