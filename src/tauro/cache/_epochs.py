"""Noticing that a key was changed while its value was on its way."""

from __future__ import annotations

from typing import Final

_STRIPES: Final = 256


class Epochs:
    """A number for each key that changes with the key.

    Keys share 256 numbers; that another key changes it costs a value not kept, no more. The owner
    calls :meth:`change` under its lock, and compares under its lock before it keeps a value.
    """

    def __init__(self) -> None:
        self._numbers = [0] * _STRIPES

    def of(self, key: str) -> int:
        """Return the number of a key."""
        return self._numbers[hash(key) % _STRIPES]

    def change(self, key: str) -> None:
        """Give a key another number."""
        self._numbers[hash(key) % _STRIPES] += 1

    def change_all(self) -> None:
        """Give every key another number."""
        self._numbers = [number + 1 for number in self._numbers]
