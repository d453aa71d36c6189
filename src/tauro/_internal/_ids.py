"""Identifiers: 26 characters, sortable by creation time, safe as file names (ULID)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from tauro._internal._clock import now_ns
from tauro._internal._fork import call_after_fork

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_source: Callable[[], str] | None = None
_lock = threading.Lock()
_last: tuple[int, int] = (0, 0)


def set_source(source: Callable[[], str] | None) -> None:
    """Replace the generator; None restores the real one."""
    global _source  # noqa: PLW0603 - the one seam through which tests make ids predictable
    _source = source


def new_id() -> str:
    """Return a new identifier; those of one process rise even within a millisecond."""
    global _last  # noqa: PLW0603 - monotonic within the process
    if _source is not None:
        return _source()
    millis = now_ns() // 1_000_000
    with _lock:
        last_millis, last_random = _last
        random = int.from_bytes(os.urandom(10), "big")
        if millis <= last_millis:
            millis, random = last_millis, last_random + 1 + (random >> 56)
        _last = (millis, random)
    number = ((millis & ((1 << 48) - 1)) << 80) | (random & ((1 << 80) - 1))
    return "".join(_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10))


def created_at(identifier: str) -> datetime:
    """Return when an identifier was made, UTC."""
    millis = 0
    for letter in identifier[:10]:
        millis = millis * 32 + max(_ALPHABET.find(letter), 0)
    return datetime.fromtimestamp((millis & ((1 << 48) - 1)) / 1000, UTC)


def start_anew() -> None:
    """Forget the last identifier: in a child process, or where a test had moved the clock."""
    global _last, _lock
    _last, _lock = (0, 0), threading.Lock()


call_after_fork(start_anew)
