"""Text on a terminal: how wide it is, and what of it a terminal would obey instead of showing."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# All of C0 and C1 but the line end and the tab, what turns the direction of writing, and what
# UTF-8 cannot hold: a name or value that somebody logged must not move the cursor of who reads it.
_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_NO_WIDTH: Final = ("Mn", "Me", "Cf")


def harmless(text: str) -> str:
    """Return a text with what a terminal obeys written out by its number, as Python does."""
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)


def cell_width(text: str) -> int:
    """Return how many columns of a terminal a text takes: ideographs two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Return a text filled up with spaces to a width in columns."""
    return text + " " * (width - cell_width(text))
