"""The runs of a store in memory: what was published, and what changed since."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa

from tauro.tracking._catalogue._arrow import codes_of, number_array, numbers_of, text_array
from tauro.tracking._catalogue._capture import Captured, Part
from tauro.tracking._catalogue._columns import Column, Mask, NumberColumn, TextColumn
from tauro.tracking._catalogue._fields import RUN_TIMES, run_fields
from tauro.tracking._catalogue._index import Index
from tauro.tracking._catalogue._table import DOCUMENT
from tauro.tracking._models import RunStatus, decode_run, encode
from tauro.tracking._query._ast import Field, Kind
from tauro.tracking._query._rowwise import read


@dataclass(slots=True)
class Change:
    """A run as it is now, where that is newer than what was published."""

    experiment_id: str
    run_id: str
    rev: int
    document: bytes


class View:
    """Rows in a fixed order, columns made on first use and kept up to date row by row.

    Not safe for threads; its owner holds a lock.

    Args:
        indices: The published view of each experiment.
    """

    def __init__(self, indices: Mapping[str, Index]) -> None:
        self.indices = dict(indices)
        self.changes: dict[int, Change] = {}
        self.ids: list[str] = []
        self._experiments = list(self.indices)
        self._starts: list[int] = []
        revs: list[np.ndarray[Any, Any]] = []
        for index in self.indices.values():
            self._starts.append(len(self.ids))
            table = index.table(["run_id", "rev"])
            self.ids += table.column("run_id").to_pylist()
            revs.append(numbers_of(table.column("rev"))[0])
        self._published = len(self.ids)
        self._row_of = {run_id: row for row, run_id in enumerate(self.ids)}
        self.revs: list[int] = np.concatenate(revs).tolist() if revs else []
        self.gone: dict[str, int] = {}
        self._columns: dict[Field, Column] = {}

    def __len__(self) -> int:
        return len(self.ids)

    # Changes

    def rev_of(self, run_id: str) -> int:
        """Return the revision that is known of a run, 0 where it is not known."""
        row = self._row_of.get(run_id)
        return max(self.gone.get(run_id, 0), 0 if row is None else self.revs[row])

    def put(self, change: Change) -> None:
        """Take a run's new state, unless a newer one, or its removal, is known."""
        if change.rev <= self.gone.get(change.run_id, 0):
            return
        row = self._row_of.get(change.run_id)
        if row is None:
            row = len(self.ids)
            self.ids.append(change.run_id)
            self.revs.append(0)
            self._row_of[change.run_id] = row
        if change.rev <= self.revs[row]:
            return
        self.revs[row] = change.rev
        self.changes[row] = change
        if self._columns:
            fields = run_fields(decode_run(change.document))
            for field, column in self._columns.items():
                _put(column, row, field, fields)

    def show_metrics(self, run_id: str, values: Mapping[str, float | str]) -> None:
        """Show values that a run's document does not have yet; a newer document replaces them.

        One that has ended meanwhile keeps its own, which were read later than these.
        """
        row = self.row_of(run_id)
        if row is None:
            return
        record = self.capture([row]).records()[0]
        metrics = {**record.metrics, **values}
        if record.status is not RunStatus.RUNNING or record.metrics == metrics:
            return
        record.metrics = metrics
        self.changes[row] = Change(record.experiment_id, run_id, self.revs[row], encode(record))
        fields = run_fields(record)
        for field, column in self._columns.items():
            _put(column, row, field, fields)

    def remove(self, run_id: str, rev: int) -> None:
        """Forget a run whose document is gone."""
        self.gone[run_id] = max(rev, self.gone.get(run_id, 0))

    def take_over(self, before: View) -> None:
        """Take what an earlier view knew and this one does not."""
        for change in before.changes.values():
            self.put(change)
        for run_id, rev in before.gone.items():
            self.remove(run_id, rev)

    # Rows

    def row_of(self, run_id: str) -> int | None:
        """Return the row of a run, or None."""
        row = self._row_of.get(run_id)
        return None if row is None or self._is_gone(run_id, row) else row

    def _is_gone(self, run_id: str, row: int) -> bool:
        return run_id in self.gone and self.gone[run_id] >= self.revs[row]

    def experiment_of(self, row: int) -> str:
        """Return whose run a row is."""
        change = self.changes.get(row)
        if change is not None:
            return change.experiment_id
        return self._experiments[bisect_right(self._starts, row) - 1]

    def losses(self) -> set[str]:
        """Return the experiments whose published index holds runs that are gone."""
        rows = [self._row_of.get(run_id) for run_id in self.gone]
        return {
            self.experiment_of(row)
            for row in rows
            if row is not None and row < self._published and self._is_gone(self.ids[row], row)
        }

    def runs_by_experiment(self) -> dict[str, set[str]]:
        """Return the ids of the runs of each experiment."""
        found: dict[str, set[str]] = {}
        ends = [*self._starts[1:], self._published]
        for experiment_id, start, end in zip(self._experiments, self._starts, ends, strict=False):
            found[experiment_id] = set(self.ids[start:end])
        for change in self.changes.values():
            found.setdefault(change.experiment_id, set()).add(change.run_id)
        for run_id in self.removed():
            for run_ids in found.values():
                run_ids.discard(run_id)
        return found

    def unpublished(self) -> list[Change]:
        """Return the changes of runs that stand in no published index."""
        return [change for row, change in self.changes.items() if row >= self._published]

    def removed(self) -> dict[str, int]:
        """Return the runs that are gone, with the revision that was removed."""
        return {
            run_id: rev
            for run_id, rev in self.gone.items()
            if (row := self._row_of.get(run_id)) is None or self._is_gone(run_id, row)
        }

    def present(self) -> Mask:
        """Return which rows are runs that exist."""
        mask = np.ones(len(self.ids), np.bool_)
        for run_id in self.gone:
            row = self._row_of.get(run_id)
            if row is not None and self._is_gone(run_id, row):
                mask[row] = False
        return mask

    def capture(self, rows: Sequence[int]) -> Captured:
        """Return the runs of rows as they are now, whatever changes afterwards."""
        changed: list[tuple[int, bytes]] = []
        published: dict[int, tuple[list[int], list[int]]] = {}
        for position, row in enumerate(rows):
            change = self.changes.get(row)
            if change is not None:
                changed.append((position, change.document))
                continue
            number = bisect_right(self._starts, row) - 1
            positions, members = published.setdefault(number, ([], []))
            positions.append(position)
            members.append(row - self._starts[number])
        indices = list(self.indices.values())
        parts = [
            Part(indices[number], members, positions)
            for number, (positions, members) in published.items()
        ]
        return Captured([self.ids[row] for row in rows], parts, changed)

    # Columns

    def numbers(self, field: Field) -> NumberColumn:
        """Return a field's numbers, or its times as microseconds."""
        return cast("NumberColumn", self._column(field))

    def texts(self, field: Field) -> TextColumn:
        """Return a field's texts."""
        return cast("TextColumn", self._column(field))

    def _column(self, field: Field) -> Column:
        column = self._columns.get(field)
        if column is None:
            column = self._columns[field] = self._load(field)
            for row, change in self.changes.items():
                _put(column, row, field, run_fields(decode_run(change.document)))
        return column

    def _load(self, field: Field) -> Column:
        if field.space == "attributes" and field.name == "duration":
            return self._durations()
        kind = _stored_kind(field)
        merged = pa.chunked_array(
            [
                chunk
                for index in self.indices.values()
                for chunk in _stored(index, field, kind).chunks
            ],
            kind,
        )
        if kind == pa.string():
            return TextColumn(*codes_of(merged))
        return NumberColumn(*numbers_of(merged))

    def _durations(self) -> NumberColumn:
        start, end = (
            self.numbers(Field("attributes", name, Kind.TIME)).head(self._published)
            for name in RUN_TIMES
        )
        valid = start[1] & end[1]
        return NumberColumn(np.where(valid, (end[0] - start[0]) / 1e6, 0.0), valid)


def _stored(index: Index, field: Field, kind: pa.DataType) -> pa.ChunkedArray:
    """Return a field's column of an index, made from the documents where it has none."""
    name = str(field)
    if name in index.names:
        return index.column(name).cast(kind)
    if not index.cut:
        return pa.chunked_array([pa.nulls(len(index), kind)])
    documents = index.column(DOCUMENT).to_pylist()
    reading = Kind.TEXT if field.kind is Kind.LOOSE else field.kind
    values = [read(run_fields(decode_run(each)), field, reading) for each in documents]
    made = text_array(values) if kind == pa.string() else number_array(values, kind)
    return pa.chunked_array([made])


def _stored_kind(field: Field) -> pa.DataType:
    match field.kind:
        case Kind.NUMBER:
            return pa.float64()
        case Kind.TIME:
            return pa.int64()
        case _:
            return pa.string()


def _put(column: Column, row: int, field: Field, fields: Mapping[str, Any]) -> None:
    reading = Kind.TEXT if field.kind is Kind.LOOSE else field.kind
    column.put(row, read(fields, field, reading))
