"""What an acknowledged write survives."""

from __future__ import annotations

from typing import Final

from tauro._internal._close import did_you_mean
from tauro.errors import ValidationError
from tauro.types import Durability

_KINDS: Final[tuple[Durability, ...]] = ("process", "disk")


def check_durability(
    durability: Durability, *, error: type[ValidationError] = ValidationError
) -> Durability:
    """Return what an acknowledged write is to survive.

    Raises:
        ValidationError: It is neither ``process`` nor ``disk``; as ``error``.
    """
    if durability not in _KINDS:
        raise error(
            f"durability is {durability!r}; expected 'process' or 'disk'.",
            suggestions=did_you_mean(str(durability), _KINDS),
        )
    return durability
