"""How values of records are read: one definition for rows, columns and order."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tauro._internal._floats import float_from_json

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def text_of(value: Any) -> str | None:
    """Return the text with which a parameter or tag is compared, None where there is no value.

    Texts are themselves, numbers and booleans as Python prints them (``3``, ``0.5``, ``True``),
    lists and mappings as compact JSON.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    return msgspec.json.encode(value).decode()


def number_of_text(text: str) -> float | None:
    """Return the number that a text spells, or None: ``nan``, ``0x1`` and ``1_000`` are texts."""
    return float(text) if _NUMBER.fullmatch(text) else None


def boolean_of_text(text: str) -> bool | None:
    """Return the truth value that a text spells (``True``, ``false``), or None."""
    return {"true": True, "false": False}.get(text.casefold())


def number_of(value: Any) -> float | None:
    """Return a metric's value, also where JSON had to hold it by name."""
    return None if value is None else float_from_json(value)


def microseconds_of(value: datetime | str | None) -> int | None:
    """Return a time as microseconds since the epoch; a time without a zone is UTC."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
