"""Rows that pass, in order, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tauro.tracking._catalogue._columns import Mask
from tauro.tracking._catalogue._evaluate import evaluate
from tauro.tracking._query._ast import Expression, Field, Kind, OrderKey
from tauro.tracking._query._order import ABSENT, NOT_A_NUMBER, VALUE, class_of

if TYPE_CHECKING:
    from tauro.tracking._catalogue._view import View

Rows = npt.NDArray[np.int64]
_EXPERIMENT: Field = Field("attributes", "experiment_id", Kind.TEXT)
_LIFECYCLE: Field = Field("attributes", "lifecycle", Kind.TEXT)
_SORT_ALL = 4096


def passing(
    view: View,
    expression: Expression | None,
    experiment_ids: Sequence[str] | None,
    *,
    include_deleted: bool,
    hidden: Collection[str] = (),
) -> Rows:
    """Return the rows of the runs that pass, in no order.

    Args:
        view: The runs.
        expression: What they are to satisfy.
        experiment_ids: Only those of these experiments.
        include_deleted: Deleted runs too, and those of hidden experiments.
        hidden: Experiments whose runs count as deleted.
    """
    mask = view.present()
    if not include_deleted:
        lifecycles = view.texts(_LIFECYCLE)
        mask &= lifecycles.head(len(view)) == lifecycles.code_of("active")
        if hidden:
            mask &= ~_of_experiments(view, hidden)
    if experiment_ids is not None:
        mask &= _of_experiments(view, experiment_ids)
    if expression is not None:
        mask &= evaluate(expression, view)[0]
    return np.flatnonzero(mask)


def _of_experiments(view: View, experiment_ids: Collection[str]) -> Mask:
    """Return which rows are runs of some experiments."""
    experiments = view.texts(_EXPERIMENT)
    codes = [experiments.code_of(each) for each in dict.fromkeys(experiment_ids)]
    return np.isin(experiments.head(len(view)), codes)


class Sorter:
    """An order over the rows of a view: a class and an ascending key for each part."""

    def __init__(self, view: View, order: tuple[OrderKey, ...]) -> None:
        self._view = view
        self._order = order
        self._keys = [_keys(view, part) for part in order]

    def first(self, rows: Rows, count: int) -> list[int]:
        """Return the first rows in order, ties by run id."""
        if len(rows) > max(_SORT_ALL, 4 * count) and self._keys and count:
            rows = self._candidates(rows, count)
        return self._sorted(rows)[:count]

    def _candidates(self, rows: Rows, count: int) -> Rows:
        """Return rows that hold the first ``count``, few where the first key has few ties."""
        classes, keys = self._keys[0]
        kept: list[Rows] = []
        for rank in (VALUE, NOT_A_NUMBER, ABSENT):
            members = rows[classes[rows] == rank]
            if rank == VALUE and len(members) > count:
                own = keys[members]
                members = members[own <= np.partition(own, count - 1)[count - 1]]
            kept.append(members)
            count -= len(members)
            if count <= 0:
                break
        return np.concatenate(kept)

    def _sorted(self, rows: Rows) -> list[int]:
        ids = self._view.ids
        by_id = sorted(rows.tolist(), key=ids.__getitem__)
        if not self._keys:
            return by_id
        ordered = np.array(by_id, np.int64)
        columns: list[Any] = []
        for classes, keys in reversed(self._keys):
            columns += [keys[ordered], classes[ordered]]
        result: list[int] = ordered[np.lexsort(columns)].tolist()
        return result

    def position(self, row: int) -> list[Any]:
        """Return the values that say where a row stands, as JSON can hold them."""
        return [_value(self._view, part.field, row) for part in self._order]

    def after(self, rows: Rows, values: Sequence[Any], run_id: str) -> Rows:
        """Return the rows that stand after a position."""
        later = np.zeros(len(rows), np.bool_)
        level = np.ones(len(rows), np.bool_)
        for part, (classes, keys), value in zip(self._order, self._keys, values, strict=True):
            rank, key = _cursor(self._view, part, value)
            own_class, own_key = classes[rows], keys[rows]
            same_class = own_class == rank
            later |= level & ((own_class > rank) | (same_class & (own_key > key)))
            level &= same_class & (own_key == key)
        ids = self._view.ids
        tied = [place for place in np.flatnonzero(level).tolist() if ids[rows[place]] > run_id]
        later[tied] = True
        return rows[later]


def _keys(view: View, part: OrderKey) -> tuple[npt.NDArray[np.int8], npt.NDArray[Any]]:
    sign = -1 if part.descending else 1
    if part.field.kind in (Kind.NUMBER, Kind.TIME):
        values, valid = view.numbers(part.field).head(len(view))
        classes = np.where(valid, VALUE, ABSENT).astype(np.int8)
        if part.field.kind is Kind.NUMBER:
            nan = np.isnan(values)
            classes[nan & valid] = NOT_A_NUMBER
            values = np.where(nan, 0.0, values)
        return classes, sign * values
    column = view.texts(part.field)
    codes = column.head(len(view))
    ranks, _ = column.ranks(loose=part.field.kind is Kind.LOOSE)
    classes = np.where(codes >= 0, VALUE, ABSENT).astype(np.int8)
    return classes, sign * np.append(ranks, 0)[codes]


def _value(view: View, field: Field, row: int) -> Any:
    if field.kind in (Kind.NUMBER, Kind.TIME):
        values, valid = view.numbers(field).head(len(view))
        return values[row].item() if valid[row] else None
    column = view.texts(field)
    code = int(column.head(len(view))[row])
    return column.texts[code] if code >= 0 else None


def _cursor(view: View, part: OrderKey, value: Any) -> tuple[int, float]:
    rank = class_of(value)
    if rank != VALUE:
        return rank, 0
    sign = -1 if part.descending else 1
    if part.field.kind in (Kind.NUMBER, Kind.TIME):
        return rank, sign * value
    column = view.texts(part.field)
    return rank, sign * column.rank_of(value, loose=part.field.kind is Kind.LOOSE)
