"""Keys for caches."""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from os import PathLike, fspath
from typing import Any, Final

from tauro.errors import ValidationError

_LONGEST: Final = 200
_RESERVED = re.compile(r"[%:=~#\x00-\x20]")


class CacheKeyBuilder:
    """Makes texts of names and values, so that different ones never give the same text.

    ``CacheKeyBuilder("model").build("credit", version=1)`` is ``model:credit:version=~1``. A text
    stands as it is, with ``%`` before the code of characters that have a meaning here; other values
    stand as JSON after ``~``, so that ``1`` and ``"1"`` differ. Named values are sorted. A key of
    more than 200 characters keeps its beginning and ends in a hash of the whole.

    Args:
        *prefix: What all keys of this builder begin with.
    """

    def __init__(self, *prefix: Any) -> None:
        self._prefix = prefix

    def build(self, *parts: Any, **named: Any) -> str:
        """Return the key of these values.

        Raises:
            ValidationError: A value is neither a number, text, time, path, nor a collection of
                these.
        """
        texts = [_text(part) for part in (*self._prefix, *parts)]
        texts += [f"{_escape(name)}={_text(named[name])}" for name in sorted(named)]
        key = ":".join(texts)
        if len(key) <= _LONGEST:
            return key
        digest = hashlib.sha256(key.encode()).hexdigest()
        return f"{key[: _LONGEST - len(digest) - 1]}#{digest}"

    def child(self, *parts: Any) -> CacheKeyBuilder:
        """Return a builder whose keys begin with these parts too."""
        return CacheKeyBuilder(*self._prefix, *parts)


def _text(value: Any) -> str:
    if type(value) is str:
        return _escape(value)
    plain = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))
    return f"~{_escape(plain)}"


def _escape(text: str) -> str:
    return _RESERVED.sub(lambda found: f"%{ord(found[0]):02x}", text)


def _plain(value: Any) -> Any:
    """Return a value as JSON that tells its type where JSON would not."""
    if value is None or (
        isinstance(value, bool | int | float | str) and not isinstance(value, enum.Enum)
    ):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        items = [[_plain(key), _plain(item)] for key, item in value.items()]
        return {"map": sorted(items, key=lambda item: json.dumps(item, sort_keys=True))}
    if isinstance(value, set | frozenset):
        return {"set": sorted(map(_plain, value), key=json.dumps)}
    if isinstance(value, enum.Enum):
        return {"enum": f"{type(value).__qualname__}.{value.name}"}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, datetime | date | time):
        return {type(value).__name__: value.isoformat()}
    if isinstance(value, PathLike):
        return {"path": fspath(value)}
    raise ValidationError(
        f"A value of {type(value).__module__}.{type(value).__name__} cannot be part of a cache "
        "key.",
        suggestions=["Give what tells it apart: its name, id or version."],
    )
