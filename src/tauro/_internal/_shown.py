"""Values of users in messages."""

from __future__ import annotations


def short_repr(value: object, longest: int = 80) -> str:
    """Return what ``repr`` gives, cut; only ``…`` where it gives nothing.

    Python does not write whole numbers of thousands of digits, nor lists thousands deep.
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "…"
    return text if len(text) <= longest else f"{text[:longest]}…"
