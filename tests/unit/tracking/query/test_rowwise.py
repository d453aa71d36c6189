"""What a filter means for one record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tauro.tracking._query import EXPERIMENTS, matches, parse_filter, parse_order, sort_records
from tauro.tracking._query._rowwise import evaluate

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
RUN: dict[str, Any] = {
    "run_id": "r1",
    "name": "First try",
    "status": "COMPLETED",
    "start_time": NOON,
    "end_time": NOON + timedelta(seconds=90),
    "metrics": {"acc": 0.9, "nan": float("nan"), "inf": "Infinity"},
    "params": {"n": 3, "text": "3", "rate": 0.5, "flag": True, "list": [1, 2], "none": None},
    "tags": {"team": "ds-core", "empty": ""},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.acc > 0.5", True),
        ("metrics.acc = 0.9", True),
        ("metrics.other > 0.5", None),
        ("not metrics.other > 0.5", None),
        ("metrics.other is null", True),
        ("metrics.acc is not null", True),
        ("params.n = '3'", True),
        ("params.n = 3", True),
        ("params.n = 3.0", True),
        ("params.text = 3", True),
        ("params.text = '3'", True),
        ("params.n = '3.0'", False),
        ("params.rate = '0.5'", True),
        ("params.flag = true", True),
        ("params.flag = 'True'", True),
        ("params.flag = 1", None),
        ("params.n = true", None),
        ("params.list = '[1,2]'", True),
        ("params.none is null", True),
        ("params.n < '30'", True),
        ("params.n > 2 and params.n <= 3", True),
        ("tags.team like 'ds%'", True),
        ("tags.team like 'DS%'", False),
        ("tags.team ilike 'DS%'", True),
        ("tags.team like 'ds_core'", True),
        ("tags.team > 1", None),
        ("tags.empty = ''", True),
        ("tags.empty is null", False),
        ("tags.none like '%'", None),
        ("name in ('x', 'First try')", True),
        ("name not in ('x')", True),
        ("tags.none in ('x')", None),
        ("params.n in (1, 2, 3)", True),
        ("start_time = '2026-01-31T12:00:00'", True),
        ("start_time < '2026-02-01'", True),
        ("duration = 90", True),
        ("end_time is null", False),
        ("metrics.nan = nan", True),
        ("metrics.nan != nan", False),
        ("metrics.nan < 1", False),
        ("metrics.nan != 1", True),
        ("metrics.acc = nan", False),
        ("metrics.acc >= nan", False),
        ("metrics.acc != nan", True),
        ("metrics.inf = inf", True),
        ("metrics.inf > 1e308", True),
    ],
)
def test_conditions_are_true_false_or_unknown(text: str, expected: bool | None) -> None:
    expression = parse_filter(text)
    assert expression is not None
    assert evaluate(expression, RUN) is expected
    assert matches(expression, RUN) is (expected is True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name = 'x' and tags.none = 'y'", False),
        ("name = 'First try' and tags.none = 'y'", None),
        ("name = 'First try' or tags.none = 'y'", True),
        ("name = 'x' or tags.none = 'y'", None),
        ("not (name = 'x' and tags.none = 'y')", True),
    ],
)
def test_unknown_spreads_as_in_sql(text: str, expected: bool | None) -> None:
    expression = parse_filter(text)
    assert expression is not None
    assert evaluate(expression, RUN) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("100%", "100 percent", True),
        (r"100\%", "100%", True),
        (r"100\%", "100 percent", False),
        (r"a\_b", "axb", False),
        (r"a\\%", "a\\anything", True),
        (r"C:\x", r"C:\x", True),
        ("a.c", "abc", False),
        ("a%c", "a\n\nc", True),
        ("", "", True),
        ("_", "", False),
        ("%", "", True),
    ],
)
def test_like(pattern: str, text: str, fits: bool) -> None:
    expression = parse_filter(f"tags.t like '{pattern}'")
    assert matches(expression, {"tags": {"t": text}}) is fits


def test_no_filter_passes_all() -> None:
    assert matches(None, {})


def test_plain_rows_of_list_runs_are_records_too() -> None:
    row = {"parameters": {"p": 1}, "start_time": "2026-01-31T12:00:00+00:00"}
    assert matches(parse_filter("params.p = 1 and start_time > '2026-01-31'"), row)
    assert not matches(parse_filter("tags.a = 'b' or metrics.a > 1"), row)


def test_experiments_by_bare_tags() -> None:
    record = {"name": "x", "tags": {"model_type": "classification"}}
    assert matches(parse_filter("model_type='classification'", EXPERIMENTS), record)
    assert not matches(parse_filter("model_type='regression'", EXPERIMENTS), record)


def _sorted(order: list[str], records: list[dict[str, Any]]) -> list[str]:
    found = sort_records(records, parse_order(order), lambda each: each, lambda each: each["id"])
    return [each["id"] for each in found]


def test_nulls_come_last_in_both_directions_and_nan_before_them() -> None:
    values = {"a": 1.0, "b": float("nan"), "c": None, "d": 3.0, "e": float("inf")}
    records = [{"id": key, "metrics": {"m": value}} for key, value in values.items()]
    assert _sorted(["metrics.m"], records) == ["a", "d", "e", "b", "c"]
    assert _sorted(["metrics.m DESC"], records) == ["e", "d", "a", "b", "c"]


def test_parameters_order_by_number_before_text() -> None:
    values: dict[str, Any] = {"a": "10", "b": 9, "c": "auto", "d": 1e3, "e": "Zed"}
    records = [{"id": key, "params": {"p": value}} for key, value in values.items()]
    assert _sorted(["params.p"], records) == ["b", "a", "d", "e", "c"]
    assert _sorted(["params.p DESC"], records) == ["c", "e", "d", "a", "b"]


def test_ties_are_by_identity_whatever_the_direction() -> None:
    records = [{"id": key, "name": "same"} for key in ("c", "a", "b")]
    assert _sorted(["name DESC"], records) == ["a", "b", "c"]
    assert _sorted([], records) == ["a", "b", "c"]
