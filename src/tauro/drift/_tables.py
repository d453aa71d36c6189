"""The sides of a comparison: tables to be read, or profiles of tables read before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

from tauro.drift._columns import Column, RawColumn
from tauro.drift._profile import ReferenceProfile
from tauro.drift._read import ColumnRules
from tauro.drift._samples import Side
from tauro.drift._sources import Source, open_source
from tauro.errors import DriftEmptyError


class Table(Protocol):
    """One side of a comparison."""

    @property
    def names(self) -> Sequence[str]:
        """The columns, in order."""

    @property
    def rows(self) -> int:
        """How many rows there are."""

    def column(self, name: str) -> Column:
        """Read a column."""


class RawTable:
    """A table whose rows are at hand."""

    def __init__(self, source: Source, side: Side, rules: ColumnRules) -> None:
        self.source = source
        self._side, self._rules = side, rules
        self.names = source.names
        self.rows = source.rows

    def column(self, name: str) -> Column:
        """Read a column."""
        return RawColumn(name, self.source.read(name), self._side, self._rules)


def open_table(data: Any, side: Side, rules: ColumnRules) -> Table:
    """Return one side of a comparison: a profile, its path, or what ``open_source`` takes.

    Raises:
        DriftInputError: It is neither.
        DriftEmptyError: It has no rows or no columns.
    """
    if isinstance(data, (str, os.PathLike)) and os.fspath(data).endswith(".json"):
        data = ReferenceProfile.load(os.fspath(data))
    if isinstance(data, ReferenceProfile):
        if not data.rows:
            raise DriftEmptyError(f"The profile of the {side} data has no rows.")
        return data
    return RawTable(open_source(data, side), side, rules)
