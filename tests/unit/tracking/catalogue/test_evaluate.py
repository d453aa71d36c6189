"""Conditions over columns are true, false or unknown where they are so for one record."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from tests.unit.tracking.catalogue.support import Store, make_run, seconds

from tauro.tracking._catalogue._build import build_index
from tauro.tracking._catalogue._columns import NumberColumn, TextColumn
from tauro.tracking._catalogue._evaluate import evaluate
from tauro.tracking._catalogue._table import runs_table
from tauro.tracking._catalogue._view import Change, View
from tauro.tracking._models import RunRecord, RunStatus, encode
from tauro.tracking._query import Kind, parse_filter

FULL = make_run(
    run_id="full",
    name="First try",
    status=RunStatus.COMPLETED,
    start_time=seconds(0),
    end_time=seconds(90),
    user="me",
    metrics={"acc": 0.9, "nan": "NaN", "inf": "Infinity"},
    parameters={"n": 3, "text": "3", "flag": True, "list": [1, 2]},
    tags={"team": "ds-core", "empty": ""},
)
BARE = make_run(run_id="bare", name="")
T, F, U = True, False, None


@pytest.mark.parametrize(
    ("text", "full", "bare"),
    [
        ("metrics.acc > 0.5", T, U),
        ("metrics.acc > 0.95", F, U),
        ("metrics.acc != 0.5", T, U),
        ("metrics.nan = nan", T, U),
        ("metrics.nan < 1", F, U),
        ("metrics.acc != nan", T, U),
        ("metrics.acc >= nan", F, U),
        ("metrics.inf > 1e308", T, U),
        ("metrics.acc in (0.1, 0.9)", T, U),
        ("metrics.acc is null", F, T),
        ("params.n = '3'", T, U),
        ("params.n != '3'", F, U),
        ("params.n = 'unseen'", F, U),
        ("params.n != 'unseen'", T, U),
        ("params.n > 2", T, U),
        ("params.text = 3", T, U),
        ("params.flag = 1", U, U),
        ("params.flag = true", T, U),
        ("params.flag != true", F, U),
        ("params.n = true", U, U),
        ("params.list = '[1,2]'", T, U),
        ("params.n in ('3', 'x')", T, U),
        ("params.n < '30'", T, U),
        ("params.n is not null", T, F),
        ("tags.team like 'ds%'", T, U),
        ("tags.team ilike 'DS_CORE'", T, U),
        ("tags.team > 1", U, U),
        ("tags.empty is null", F, T),
        ("tags.nowhere = 'x'", U, U),
        ("name = ''", F, T),
        ("status = 'completed'", T, F),
        ("user = 'me'", T, U),
        ("user is null", F, T),
        ("duration = 90", T, U),
        ("end_time < '2026-01-02'", T, U),
        ("start_time >= '2026-01-01'", T, T),
        ("name = 'x' and tags.team = 'x'", F, F),
        ("status = 'running' and tags.team = 'x'", F, U),
        ("status = 'running' or tags.team = 'x'", F, T),
        ("name = 'x' or tags.team = 'x'", F, U),
    ],
)
@pytest.mark.parametrize("published", [0, 1, 2])
def test_conditions(text: str, full: bool | None, bare: bool | None, published: int) -> None:
    runs = [FULL, BARE]
    table = runs_table((run, encode(run)) for run in runs[:published])
    view = View({"exp": build_index(table, serial=1)} if published else {})
    for run in runs[published:]:
        view.put(Change("exp", run.run_id, run.rev, encode(run)))
    expression = parse_filter(text)
    negated = parse_filter(f"not ({text})")
    assert expression is not None
    assert negated is not None
    true, false = evaluate(expression, view)
    assert [_truth(true[row], false[row]) for row in range(2)] == [full, bare]
    assert [bool(each) for each in evaluate(negated, view)[0]] == [full is F, bare is F]


def _truth(true: Any, false: Any) -> bool | None:
    assert not (true and false)
    return True if true else False if false else None


def test_a_changed_run_is_judged_by_what_it_is_now(store: Store) -> None:
    run = make_run(run_id="a", metrics={"m": 1.0}, parameters={"p": "old"}, tags={"t": "x"})
    store.put(run, make_run(run_id="b"))
    store.catalogue.publish()
    for text in ("metrics.m = 1", "params.p = 'old'", "tags.t is not null"):
        assert store.ids(filter=text) == ["a"]
    store.change(run, metrics={}, parameters={"p": 7}, tags={})
    for text in ("metrics.m = 1", "params.p = 'old'", "tags.t is not null"):
        assert store.ids(filter=text) == []
    assert store.ids(filter="params.p > 6") == ["a"]


def test_a_page_goes_on_after_its_last_run_has_changed(store: Store) -> None:
    runs: list[RunRecord] = [make_run(run_id=each, name=f"n{each}") for each in "dbc"]
    store.put(make_run(run_id="z", name="na"), *runs)
    first = store.catalogue.query(order_by=["name"], limit=1)
    assert first.run_ids == ["z"]
    store.change(first.records[0], name="renamed")
    store.catalogue.publish()
    fresh = store.fresh().catalogue
    rest = fresh.query(order_by=["name"], page_token=first.next_page_token)
    assert rest.run_ids == ["b", "c", "d", "z"]


def test_columns_grow_by_rows_and_read_each_text_once() -> None:
    column = TextColumn(np.array([0, -1], np.int32), ["10"])
    for row, text in ((5, "2"), (1, "auto"), (0, None), (900, "10")):
        column.put(row, text)
    assert column.head(6).tolist() == [-1, 2, -1, -1, -1, 1]
    assert column.head(901)[900] == column.code_of("10") == 0
    assert column.code_of("unseen") == 3
    assert column.readings(Kind.NUMBER) == [10.0, 2.0, None]
    ranks, _ = column.ranks(loose=True)
    assert ranks.tolist() == [1, 0, 2]
    column.put(2, "5")
    assert column.readings(Kind.NUMBER) == [10.0, 2.0, None, 5.0]
    assert column.ranks(loose=True)[0].tolist() == [2, 0, 3, 1]
    assert [column.rank_of(text, loose=True) for text in ("2", "3", "zz")] == [0, 0.5, 3.5]
    numbers = NumberColumn(np.array([1.5]), np.array([True]))
    numbers.put(3, 2.5)
    numbers.put(0, None)
    values, valid = numbers.head(4)
    assert (values.tolist(), valid.tolist()) == ([0, 0, 0, 2.5], [False, False, False, True])


def test_documents_are_kept_whole() -> None:
    """What no column holds comes back too."""
    record = msgspec.structs.replace(FULL, note="n", source={"git": {"dirty": True}})
    view = View({"exp": build_index(runs_table([(record, encode(record))]), serial=1)})
    assert view.capture([0]).records() == [record]
