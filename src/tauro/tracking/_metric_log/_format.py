"""The bytes of a segment: a header, twice, and slots of 32 bytes.

A slot is a point or a special record. Its checksum is its last field, is written last, and is
seeded with the segment's own salt, so that a slot is never mistaken for one of another file and
an empty slot (all zeros) is never valid.

=========  ==  ====================================================================
run        u2  number of the run within the segment, from 1; of a special record its kind
key        u2  number of the key within the segment, from 1; 0 marks a special record
step       i8  as logged; of a special record 24 bytes of payload begin here
time       i8  nanoseconds since the epoch
value      f8  as logged
crc        u4  CRC-32 of the 28 bytes before it, seeded with the salt
=========  ==  ====================================================================

All numbers are little-endian. Run ids, keys and metadata are special records in a row, ``PART``
bytes of text in each. A definition is written twice, so that one damaged byte does not orphan the
points that refer to it.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tauro.errors import StoreFormatError

SUFFIX: Final = ".seg"
SLOT_SIZE: Final = 32
BODY_SIZE: Final = 28
HEADER_SIZE: Final = 2048
_COPY_SIZE: Final = HEADER_SIZE // 2
_MAGIC: Final = b"TAUROML1"

SLOT: Final = np.dtype(
    [
        ("run", "<u2"),
        ("key", "<u2"),
        ("step", "<i8"),
        ("time", "<i8"),
        ("value", "<f8"),
        ("crc", "<u4"),
    ]
)
Slots = NDArray[np.void]

MAX_NUMBER: Final = 0xFFFF
"""Most runs, and most keys, that one segment can number."""

RUN: Final = 1
KEY: Final = 2
METADATA: Final = 3
SEAL: Final = 4
VOID: Final = 5
VOID_BODY: Final = VOID.to_bytes(BODY_SIZE, "little")
"""A slot whose write was interrupted by an exception: nothing is missing here."""

PART: Final = 20
METADATA_PART: Final = 16
MAX_NAME_BYTES: Final = PART * 51
MAX_METADATA_BYTES: Final = 1 << 16

pack_point = struct.Struct("<Iqqd").pack
"""Body of a point: run | key << 16, step, time, value."""
pack_slot_into = struct.Struct("<IqqdI").pack_into
"""A whole point, checksum last. CPython stores each field in order, the last in one move."""
unpack_points = struct.Struct("<HHqqdI").iter_unpack
"""Run, key, step, time, value, checksum of each of many points."""
pack_body_into = struct.Struct("<28sI").pack_into
_definition = struct.Struct("<HHHBB20s")
_metadata = struct.Struct("<HHIHH16s")
_seal = struct.Struct("<HHQ16x")


@dataclass(frozen=True, slots=True)
class Header:
    """Who writes a segment.

    Attributes:
        writer: Id of the writer; no two processes share one.
        lane: Number of the writer's thread.
        index: Place of the segment in its lane, from 0.
        host: Name of the machine.
        pid: Process on that machine.
        started: When that process started, seconds since the epoch.
        created_ns: When the segment was made.
        salt: Seed of its checksums.
        previous: Slots in use in the segment before it in the lane, -1 where there is none.
    """

    writer: str
    lane: int
    index: int
    host: str
    pid: int
    started: float
    created_ns: int
    salt: int
    previous: int = -1


def encode_header(header: Header) -> bytes:
    """Return the first ``HEADER_SIZE`` bytes of a segment."""
    text = json.dumps(asdict(header), separators=(",", ":")).encode()
    body = _MAGIC + struct.pack("<I", len(text)) + text
    copy = body.ljust(_COPY_SIZE - 4, b"\0")
    return (copy + struct.pack("<I", zlib.crc32(copy))) * 2


def decode_header(data: bytes) -> tuple[Header | None, list[int]]:
    """Return what either copy of the header says, and which copies (0, 1) are damaged.

    Raises:
        StoreFormatError: A newer Tauro wrote it.
    """
    found: Header | None = None
    damaged = []
    for number in (0, 1):
        copy = data[number * _COPY_SIZE : (number + 1) * _COPY_SIZE]
        body, crc = copy[:-4], copy[-4:]
        if len(copy) != _COPY_SIZE or crc != struct.pack("<I", zlib.crc32(body)):
            damaged.append(number)
        elif not body.startswith(_MAGIC):
            raise StoreFormatError(
                f"A segment of metrics begins with {body[: len(_MAGIC)]!r}; this Tauro reads "
                f"{_MAGIC!r}.",
                suggestions=["Update Tauro to the version that wrote the store."],
            )
        elif found is None:
            (length,) = struct.unpack_from("<I", body, len(_MAGIC))
            start = len(_MAGIC) + 4
            found = Header(**json.loads(body[start : start + length]))
    return found, damaged


def segment_name(writer: str, lane: int, index: int) -> str:
    """Return the file name of a segment."""
    return f"{writer}-{lane:04d}-{index:06d}{SUFFIX}"


def parse_name(name: str) -> tuple[str, int] | None:
    """Return lane name (writer and lane) and index of a segment's file name, or None."""
    if not name.endswith(SUFFIX):
        return None
    lane, _, index = name[: -len(SUFFIX)].rpartition("-")
    return (lane, int(index)) if lane and index.isdecimal() else None


def definition(kind: int, number: int, text: bytes) -> list[bytes]:
    """Return the bodies that define the run or key ``number``, both copies."""
    parts = [text[start : start + PART] for start in range(0, len(text), PART)]
    last = len(parts) - 1
    bodies = [
        _definition.pack(kind, 0, number, part, last - part, chunk)
        for part, chunk in enumerate(parts)
    ]
    return bodies * 2


def metadata_bodies(point: int, text: bytes) -> list[bytes]:
    """Return the bodies that hold the metadata of the point in slot ``point``."""
    parts = [text[start : start + METADATA_PART] for start in range(0, len(text), METADATA_PART)]
    last = len(parts) - 1
    return [
        _metadata.pack(METADATA, 0, point, part, last - part, chunk)
        for part, chunk in enumerate(parts)
    ]


def seal_body(slots: int) -> bytes:
    """Return the body of the record that ends a segment of ``slots`` slots before it."""
    return _seal.pack(SEAL, 0, slots)


def is_seal(slot: bytes, salt: int) -> bool:
    """Tell whether a slot is a good record that ends a segment."""
    body, crc = slot[:BODY_SIZE], int.from_bytes(slot[BODY_SIZE:], "little")
    kind, key, _ = _seal.unpack(body)
    return kind == SEAL and key == 0 and crc == zlib.crc32(body, salt)


def _text(parts: dict[int, bytes], last: int) -> str | None:
    if set(parts) != set(range(last + 1)):
        return None
    return b"".join(parts[part] for part in range(last + 1)).rstrip(b"\0").decode()


class Names:
    """Collects definitions, metadata and the seal from special records, in any number of calls.

    Attributes:
        runs: Number of a run to its id.
        keys: Number of a key to its name.
        numbers: Id of a run to its number.
        first: Number of a run to the slot of its first definition.
        metadata: Slot of a point to its metadata as JSON text.
        sealed: Slots before the seal, None while there is none.
    """

    def __init__(self) -> None:
        self.runs: dict[int, str] = {}
        self.keys: dict[int, str] = {}
        self.numbers: dict[str, int] = {}
        self.first: dict[int, int] = {}
        self.metadata: dict[int, str] = {}
        self.sealed: int | None = None
        self._parts: dict[tuple[int, int], dict[int, bytes]] = {}

    def add(self, slot: int, body: bytes) -> None:
        """Take in one valid special record."""
        kind = body[0] | body[1] << 8
        if kind in (RUN, KEY):
            _, _, number, part, rest, chunk = _definition.unpack(body)
            names = self.runs if kind == RUN else self.keys
            if number in names:
                return
            if kind == RUN:
                self.first.setdefault(number, slot)
            text = self._collect((kind, number), part, part + rest, chunk)
            if text is not None:
                names[number] = text
                if kind == RUN:
                    self.numbers[text] = number
        elif kind == METADATA:
            _, _, point, part, rest, chunk = _metadata.unpack(body)
            text = self._collect((kind, point), part, part + rest, chunk)
            if text is not None:
                self.metadata[point] = text
        elif kind == SEAL:
            self.sealed = _seal.unpack(body)[2]

    def _collect(self, of: tuple[int, int], part: int, last: int, chunk: bytes) -> str | None:
        parts = self._parts.setdefault(of, {})
        parts[part] = chunk
        text = _text(parts, last)
        if text is not None:
            del self._parts[of]
        return text


def metadata_json(metadata: dict[str, Any]) -> bytes:
    """Return metadata as the text of its side records."""
    return json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode()


def bodies_of(slots: Slots) -> Iterator[bytes]:
    """Yield the 28 bytes before the checksum of each slot."""
    data = slots.tobytes()
    for start in range(0, len(data), SLOT_SIZE):
        yield data[start : start + BODY_SIZE]
