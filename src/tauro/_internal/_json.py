"""Documents of JSON, from bytes that may be damaged."""

from __future__ import annotations

import re
import zlib
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")
_object_decoder: Final = msgspec.json.Decoder(dict[str, Any])
_CHECKSUM: Final = re.compile(rb',\s*"checksum"\s*:\s*"([0-9a-f]{8})"\s*\}\s*\Z')
_LONGEST: Final = 80
"""How far from the end a checksum may begin, with room for another layout of the same text."""


def decode(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the document of JSON bytes.

    Raises:
        msgspec.DecodeError: They are not of that kind; also where a text in them is not UTF-8, as
            one flipped bit may make it, or they are nested too deeply, for which msgspec itself has
            other errors.
    """
    try:
        return decoder.decode(data)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"a text in it is not UTF-8: {error}") from error
    except RecursionError as error:
        raise msgspec.DecodeError("it is nested too deeply") from error


def with_checksum(document: bytes) -> bytes:
    """Return a JSON object with the checksum of its own text as its last field.

    Whoever does not know of it reads it as one field more.
    """
    text = document[:-1].rstrip()
    space = b"\n  " if b"\n" in document else b""
    end = b"\n}" if space else b"}"
    return b'%b,%b"checksum":%b"%08x"%b' % (text, space, space[-1:], zlib.crc32(text), end)


def checksum_holds(data: bytes) -> bool | None:
    """Tell whether a document is what was written, None where it has no checksum."""
    found = _CHECKSUM.search(data, max(0, len(data) - _LONGEST))
    if found is None:
        return None
    return int(found[1], 16) == zlib.crc32(data[: found.start()])


def decode_checked(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the document of JSON bytes whose checksum, where they have one, holds.

    Raises:
        msgspec.DecodeError: They are not of that kind, or not what was written.
    """
    if checksum_holds(data) is False:
        raise msgspec.DecodeError("it was changed after it was written; its checksum does not hold")
    return decode(data, decoder)


def strange_fields(data: bytes, fields: tuple[str, ...]) -> list[str]:
    """Return the fields of a JSON object without a checksum that its kind does not have.

    One flipped bit in the name of a field, be it the checksum's, hides that field.

    Raises:
        msgspec.DecodeError: The name of a field is not UTF-8.
    """
    if checksum_holds(data):
        return []
    document: dict[str, Any] = decode(data, _object_decoder)
    return sorted(document.keys() - set(fields))
