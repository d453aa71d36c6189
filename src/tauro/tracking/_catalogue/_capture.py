"""Runs of a page as they were when the query ran: rows of immutable tables, and documents."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from tauro.tracking._catalogue._arrow import positions as as_positions
from tauro.tracking._catalogue._index import Index
from tauro.tracking._catalogue._table import DOCUMENT, runs_table, stack
from tauro.tracking._models import RunRecord, decode_run


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one published index, and where each stands in the page."""

    index: Index
    rows: list[int]
    positions: list[int]


@dataclass(frozen=True, slots=True)
class Captured:
    """The runs of a page.

    Attributes:
        ids: Of the runs, in order.
        parts: Those that are as they were published.
        changed: Position and document of those that are newer.
    """

    ids: list[str]
    parts: list[Part]
    changed: list[tuple[int, bytes]]

    def records(self) -> list[RunRecord]:
        """Return the runs, in order."""
        found: dict[int, RunRecord] = {}
        for part in self.parts:
            documents = part.index.documents(part.rows)
            for position, document in zip(part.positions, documents, strict=True):
                found[position] = decode_run(document)
        for position, document in self.changed:
            found[position] = decode_run(document)
        return [found[position] for position in range(len(self.ids))]

    def table(self) -> pa.Table:
        """Return the runs as a table with every column, in order."""
        if any(part.index.cut for part in self.parts):
            return runs_table((record, b"") for record in self.records())
        positions = [position for position, _ in self.changed]
        tables = [runs_table((decode_run(document), b"") for _, document in self.changed)]
        for part in self.parts:
            tables.append(part.index.rows(part.rows, part.index.names - {DOCUMENT}))
            positions += part.positions
        places = [0] * len(self.ids)
        for place, position in enumerate(positions):
            places[position] = place
        return stack(tables).take(as_positions(places))
