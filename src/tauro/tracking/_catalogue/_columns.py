"""Columns in memory: arrays that grow by rows and are overwritten in place."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tauro.tracking._query._ast import Kind
from tauro.tracking._query._order import loose_key
from tauro.tracking._query._rowwise import read_text

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

NULL: Final = -1


def _grown(array: npt.NDArray[Any], size: int, fill: Any) -> npt.NDArray[Any]:
    larger = np.full(max(size, 2 * len(array), 64), fill, dtype=array.dtype)
    larger[: len(array)] = array
    return larger


class NumberColumn:
    """Floats, or integers for times, with a mask of which rows have a value."""

    def __init__(self, values: npt.NDArray[Any], valid: Mask) -> None:
        self._values = values
        self._valid = valid

    def put(self, row: int, value: Any) -> None:
        """Set a row's value."""
        if row >= len(self._values):
            self._values = _grown(self._values, row + 1, 0)
            self._valid = _grown(self._valid, row + 1, fill=False)
        self._valid[row] = value is not None
        self._values[row] = 0 if value is None else value

    def head(self, size: int) -> tuple[npt.NDArray[Any], Mask]:
        """Return values and mask of the first rows."""
        return self._values[:size], self._valid[:size]


class TextColumn:
    """Texts as codes into a list of distinct texts; :data:`NULL` where a row has none."""

    def __init__(self, codes: Codes, texts: list[str]) -> None:
        self._codes = codes
        self.texts = texts
        self._index = {text: code for code, text in enumerate(texts)}
        self._readings: dict[Kind, tuple[list[Any], int]] = {}
        self._ranks: dict[bool, tuple[int, Integers, list[Any]]] = {}

    def put(self, row: int, text: Any) -> None:
        """Set a row's text."""
        if row >= len(self._codes):
            self._codes = _grown(self._codes, row + 1, NULL)
        self._codes[row] = NULL if text is None else self._code(text)

    def _code(self, text: str) -> int:
        code = self._index.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def head(self, size: int) -> Codes:
        """Return the codes of the first rows."""
        return self._codes[:size]

    def code_of(self, text: str) -> int:
        """Return the code of a text, one that no row has where the text is not known."""
        return self._index.get(text, len(self.texts))

    def readings(self, reading: Kind) -> list[Any]:
        """Return what each distinct text says in a reading, None where nothing."""
        known, done = self._readings.get(reading, ([], 0))
        known += [read_text(text, reading) for text in self.texts[done:]]
        self._readings[reading] = (known, len(self.texts))
        return known

    def ranks(self, *, loose: bool) -> tuple[Integers, list[Any]]:
        """Return the rank of each distinct text and the sorted keys; equal keys have one rank."""
        done, ranks, keys = self._ranks.get(loose, (-1, np.empty(0, np.int64), []))
        if done != len(self.texts):
            own: list[Any] = [loose_key(text) for text in self.texts] if loose else self.texts
            keys = sorted(set(own))
            position = {key: rank for rank, key in enumerate(keys)}
            ranks = np.fromiter((position[key] for key in own), np.int64, len(own))
            self._ranks[loose] = (len(self.texts), ranks, keys)
        return ranks, keys

    def rank_of(self, text: str, *, loose: bool) -> float:
        """Return where a text would stand among the ranks; between two where it is not there."""
        _, keys = self.ranks(loose=loose)
        key = loose_key(text) if loose else text
        found = bisect_left(keys, key)
        return float(found) if found < len(keys) and keys[found] == key else found - 0.5


Column = NumberColumn | TextColumn
