"""LIKE patterns as regular expressions."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=256)
def like_pattern(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    r"""Return the expression whose ``fullmatch`` is LIKE.

    ``%`` stands for any text, ``_`` for any one character, ``\%``, ``\_`` and ``\\`` for
    themselves; any other backslash is a backslash.
    """
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "%":
            parts.append(".*")
        elif character == "_":
            parts.append(".")
        elif character == "\\":
            following = next(characters, "")
            escaped = following in ("%", "_", "\\") and following != ""
            parts.append(re.escape(following if escaped else character + following))
        else:
            parts.append(re.escape(character))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))
