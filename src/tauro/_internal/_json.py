"""Documents of JSON, from bytes that may be damaged."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def decode(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the document of JSON bytes.

    Raises:
        msgspec.DecodeError: They are not of that kind; also where a text in them is not UTF-8, as
            one flipped bit may make it, for which msgspec itself has another error.
    """
    try:
        return decoder.decode(data)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"a text in it is not UTF-8: {error}") from error
