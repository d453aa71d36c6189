"""What has been compacted: numbered, create-only, each whole in itself."""

from __future__ import annotations

import os
import re
import zlib
from typing import Final

import msgspec

from tauro._internal import _fs
from tauro.errors import CorruptDataError, StoreFormatError

VERSION: Final = 1
KEPT: Final = 4
"""Old manifests are left for so many commits: a reader may have just listed them."""

_NAME: Final = re.compile(r"manifest-([1-9][0-9]*)\.json").fullmatch


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a manifest vouches for: its size, and the CRC-32 of each block of it."""

    name: str
    size: int
    blocks: tuple[int, ...]


class PartRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A Parquet file of points, and one of their summaries.

    Attributes:
        points: The points, sorted by run, key, step.
        summary: One row a run, key and lane.
        rows: Number of points.
        first_run: Least run id.
        last_run: Greatest run id.
    """

    points: FileRecord
    summary: FileRecord
    rows: int
    first_run: str
    last_run: str

    @property
    def names(self) -> tuple[str, str]:
        """The names of both files."""
        return self.points.name, self.summary.name

    def may_hold(self, run_id: str) -> bool:
        """Tell whether points of a run may be in it."""
        return self.first_run <= run_id <= self.last_run


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an experiment.

    Attributes:
        number: Rises by one with every commit; 0 where nothing was committed.
        parts: All parts. A part on disk that is not here was never committed or is superseded.
        through: Of a lane, the last segment whose points are in the parts. Lanes of which no file
            is left are not kept.
        superseded: Files that this commit made needless, which anybody may remove.
        version: Of this format.
    """

    number: int = 0
    parts: tuple[PartRecord, ...] = ()
    through: dict[str, int] = {}
    superseded: tuple[str, ...] = ()
    version: int = VERSION

    def covers(self, lane: str, index: int) -> bool:
        """Tell whether the points of a segment are in the parts."""
        return index <= self.through.get(lane, -1)


def manifest_name(number: int) -> str:
    """Return the file name of a manifest."""
    return f"manifest-{number}.json"


def manifest_number(name: str) -> int | None:
    """Return the number in a manifest's file name, or None."""
    found = _NAME(name)
    return int(found.group(1)) if found else None


def encode_manifest(manifest: Manifest) -> bytes:
    """Return a manifest as a document whose last member is the CRC-32 of what is before it."""
    body = msgspec.json.encode(manifest)[:-1]
    return body + b',"crc":%d}\n' % zlib.crc32(body)


def decode_manifest(data: bytes, path: str) -> Manifest:
    """Return the manifest of a document.

    Raises:
        CorruptDataError: The document is not what was written.
        StoreFormatError: A newer Tauro wrote it.
    """
    body, mark, crc = data.rpartition(b',"crc":')
    if not mark or crc != b"%d}\n" % zlib.crc32(body):
        raise CorruptDataError(
            f"The manifest {path} is damaged: its checksum does not fit.",
            context={"path": path},
            suggestions=["Run `tauro store verify`, then `tauro store repair`."],
        )
    version = msgspec.json.decode(body + b"}").get("version")
    if version != VERSION:
        raise StoreFormatError(
            f"The manifest {path} has version {version}; this Tauro reads {VERSION}.",
            context={"path": path, "version": version},
            suggestions=["Update Tauro to the version that wrote the store."],
        )
    return msgspec.json.decode(body + b"}", type=Manifest)


def read_manifest(folder: str, number: int) -> Manifest:
    """Read a manifest.

    Raises:
        FileNotFoundError: There is none of that number any more.
        CorruptDataError: It is damaged, or a folder is there.
        StoreFormatError: A newer Tauro wrote it.
    """
    if number == 0:
        return Manifest()
    path = os.path.join(folder, manifest_name(number))
    try:
        return decode_manifest(_fs.read_bytes(path), path)
    except IsADirectoryError as error:
        raise CorruptDataError(
            f"The manifest {path} is damaged: a folder is there.",
            context={"path": path},
            suggestions=["Run `tauro store repair`, which puts it aside."],
        ) from error


def commit_manifest(folder: str, manifest: Manifest) -> None:
    """Make a manifest the newest.

    Raises:
        FileExistsError: Somebody else has committed that number.
    """
    path = os.path.join(folder, manifest_name(manifest.number))
    _fs.create_file(path, encode_manifest(manifest), durable=True)
