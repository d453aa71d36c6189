"""One meaning of a filter: naive Python, record by record, and column by column."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.tracking.catalogue.support import make_run, seconds

from tauro._internal._floats import float_from_json, float_to_json
from tauro.errors import FilterSyntaxError
from tauro.tracking._catalogue import _select
from tauro.tracking._catalogue._build import build_index
from tauro.tracking._catalogue._fields import run_fields
from tauro.tracking._catalogue._select import Sorter, passing
from tauro.tracking._catalogue._table import runs_table
from tauro.tracking._catalogue._view import Change, View
from tauro.tracking._models import RunRecord, RunStatus, encode
from tauro.tracking._query import OrderKey, matches, parse_filter, parse_order, sort_records

relaxed = settings(deadline=None, max_examples=40)

Truth = bool | None
Condition = tuple[str, Callable[[RunRecord], Truth]]

NUMBERS = [0.0, 0.5, 1.0, -3.0, 3.0, 1e300, math.inf, -math.inf, math.nan]
PARAMS: list[Any] = [3, "3", "3.0", 0.5, True, False, None, "abc", "", "ds_x", "DS%", [1], "1e300"]
TEXTS = ["", "abc", "ds_x", "DS%", "3", "3.0", "0.5", "True", "it's", "a\nb"]
PATTERNS = ["%", "_", "ds%", "%X", "ds\\_x", "___", "", "a%b", "%\\%"]
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}

# Runs


def _mapping(names: list[str], values: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), st.sampled_from(values), max_size=len(names))


@st.composite
def run_sets(draw: st.DrawFn) -> list[RunRecord]:
    """Return runs with few names and few values, so that conditions hit."""
    runs = []
    for number in range(draw(st.integers(0, 12))):
        metrics = draw(_mapping(["a", "b b"], NUMBERS))
        runs.append(
            make_run(
                "exp",
                f"run{number:02}",
                name=draw(st.sampled_from(TEXTS)),
                status=draw(st.sampled_from(list(RunStatus))),
                start_time=seconds(draw(st.integers(0, 3))),
                end_time=draw(st.sampled_from([None, seconds(3), seconds(5.5)])),
                user=draw(st.sampled_from(["", "abc"])),
                metrics={key: float_to_json(value) for key, value in metrics.items()},
                parameters=draw(_mapping(["p", "q"], PARAMS)),
                tags=draw(_mapping(["t", "in"], TEXTS)),
            )
        )
    return runs


def _view(runs: list[RunRecord], published: int, changed: int) -> View:
    """Return a view in which some runs are published, some are newer than that, some are new."""

    def table(members: list[RunRecord]) -> Any:
        return runs_table((run, encode(run)) for run in members)

    older = [make_run("exp", run.run_id, name="older") for run in runs[:published]]
    stale = older[:changed] + runs[changed:published]
    for run in runs:
        run.rev = 2
    view = View({"exp": build_index(table(stale), serial=1)} if stale else {})
    view.numbers(parse_order(["metrics.a"])[0].field)  # One column is there before the changes.
    for run in [*runs[:changed], *runs[published:]]:
        view.put(Change("exp", run.run_id, run.rev, encode(run)))
    return view


# Conditions, each with what it means


def _text_of(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return "[1]" if value == [1] else str(value)


def _as_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if text.lower().strip("+-") not in ("nan", "inf", "infinity") else None


def _compare(sign: str, found: Any, value: Any) -> Truth:
    if found is None:
        return None
    if isinstance(value, float) and math.isnan(value):
        return math.isnan(found) if sign == "=" else not math.isnan(found) and sign == "!="
    return SIGNS[sign](found, value)


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _metric(name: str) -> Callable[[RunRecord], float | None]:
    def read(run: RunRecord) -> float | None:
        return float_from_json(run.metrics[name]) if name in run.metrics else None

    return read


def _text_field(field: str) -> Callable[[RunRecord], str | None]:
    space, _, name = field.partition(".")

    def read(run: RunRecord) -> str | None:
        match space:
            case "params":
                return _text_of(run.parameters.get(name))
            case "tags":
                return run.tags.get(name.strip("`"))
            case "user":
                return run.user or None
            case _:
                return str(getattr(run, space))

    return read


def _fits(text: str, pattern: str, *, ignore_case: bool) -> bool:
    """Match LIKE by trying every split: slow, and plainly right."""
    if ignore_case:
        text, pattern = text.casefold(), pattern.casefold()
    if not pattern:
        return not text
    if pattern[0] == "\\" and pattern[1:2] in ("%", "_", "\\"):
        return text[:1] == pattern[1] and _fits(text[1:], pattern[2:], ignore_case=False)
    if pattern[0] == "%":
        return any(
            _fits(text[start:], pattern[1:], ignore_case=False) for start in range(len(text) + 1)
        )
    same = bool(text) and pattern[0] in ("_", text[0])
    return same and _fits(text[1:], pattern[1:], ignore_case=False)


@st.composite
def metric_conditions(draw: st.DrawFn) -> Condition:
    name = draw(st.sampled_from(["a", "b b", "none"]))
    field, read = f"metrics.`{name}`", _metric(name)
    if draw(st.integers(0, 4)) == 0:
        return f"{field} is null", lambda run: read(run) is None
    if draw(st.integers(0, 4)) == 0:
        values = draw(st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3))
        listed = ", ".join(map(_literal, values))
        return f"{field} in ({listed})", lambda run: _among(read(run), values)
    sign, value = draw(st.sampled_from(list(SIGNS))), draw(st.sampled_from(NUMBERS))
    return f"{field} {sign} {_literal(value)}", lambda run: _compare(sign, read(run), value)


def _among(found: Any, values: list[Any]) -> Truth:
    return None if found is None else any(_compare("=", found, value) for value in values)


@st.composite
def text_conditions(draw: st.DrawFn) -> Condition:
    loose = ["params.p", "params.q", "params.none", "tags.t", "tags.`in`"]
    field = draw(st.sampled_from([*loose, "name", "user"]))
    read = _text_field(field)
    match draw(st.sampled_from(["null", "like", "in", "text", "number", "boolean"])):
        case "null":
            return f"{field} IS NULL", lambda run: read(run) is None
        case "like":
            pattern, fold = draw(st.sampled_from(PATTERNS)), draw(st.booleans())
            word = "ilike" if fold else "like"
            return (
                f"{field} {word} {_literal(pattern)}",
                lambda run: (
                    None if (text := read(run)) is None else _fits(text, pattern, ignore_case=fold)
                ),
            )
        case "in":
            values = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))
            listed = ", ".join(map(_literal, values))
            return f"{field} in ({listed})", lambda run: _among(read(run), values)
        case "number" if field in loose:
            sign = draw(st.sampled_from(list(SIGNS)))
            value = draw(st.sampled_from([each for each in NUMBERS if not math.isnan(each)]))
            return (
                f"{field} {sign} {_literal(value)}",
                lambda run: (
                    None if (text := read(run)) is None else _compare(sign, _as_number(text), value)
                ),
            )
        case "boolean" if field in loose:
            wanted = draw(st.booleans())
            return (
                f"{field} = {wanted}",
                lambda run: (
                    None if read(run) not in ("True", "False") else read(run) == str(wanted)
                ),
            )
        case _:
            sign, text = draw(st.sampled_from(list(SIGNS))), draw(st.sampled_from(TEXTS))
            return f"{field} {sign} {_literal(text)}", lambda run: _compare(sign, read(run), text)


@st.composite
def attribute_conditions(draw: st.DrawFn) -> Condition:
    sign = draw(st.sampled_from(list(SIGNS)))
    moment = seconds(draw(st.sampled_from([0, 1, 3, 5.5])))
    match draw(st.sampled_from(["status", "start_time", "end_time", "milliseconds", "duration"])):
        case "status":
            status = draw(st.sampled_from(list(RunStatus)))
            text = f"status {sign} '{status.value.lower()}'"
            return text, lambda run: SIGNS[sign](run.status.value, status.value)
        case "milliseconds":
            epoch = int(moment.timestamp() * 1000)
            return f"start_time {sign} {epoch}", lambda run: SIGNS[sign](run.start_time, moment)
        case "duration":
            length = draw(st.sampled_from([0.0, 2.0, 5.5]))
            return (
                f"duration {sign} {length}",
                lambda run: (
                    None
                    if run.end_time is None
                    else SIGNS[sign]((run.end_time - run.start_time).total_seconds(), length)
                ),
            )
        case field:

            def read(run: RunRecord) -> datetime | None:
                value: datetime | None = getattr(run, field)
                return value

            text = f"{field} {sign} '{moment.isoformat()}'"
            return text, lambda run: _compare(sign, read(run), moment)


def _negated(part: Condition) -> Condition:
    def mean(run: RunRecord) -> Truth:
        truth = part[1](run)
        return None if truth is None else not truth

    return f"not ({part[0]})", mean


def _joined(word: str, parts: list[Condition]) -> Condition:
    strong = word == "or"

    def mean(run: RunRecord) -> Truth:
        truths = [part[1](run) for part in parts]
        if strong in truths:
            return strong
        return None if None in truths else not strong

    return f" {word} ".join(f"({part[0]})" for part in parts), mean


filters = st.recursive(
    metric_conditions() | text_conditions() | attribute_conditions(),
    lambda inner: st.one_of(
        inner.map(_negated),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: _joined("and", parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: _joined("or", parts)),
    ),
    max_leaves=6,
)


@relaxed
@given(runs=run_sets(), condition=filters, published=st.integers(0, 12), changed=st.integers(0, 6))
def test_columns_rows_and_plain_python_agree(
    runs: list[RunRecord], condition: Condition, published: int, changed: int
) -> None:
    text, mean = condition
    expression = parse_filter(text)
    expected = [run.run_id for run in runs if mean(run) is True]
    assert [run.run_id for run in runs if matches(expression, run_fields(run))] == expected
    view = _view(runs, min(published, len(runs)), min(changed, published, len(runs)))
    rows = passing(view, expression, None, include_deleted=True)
    assert sorted(view.ids[row] for row in rows) == expected


# Order

ORDERS = ["metrics.a", "metrics.`b b`", "params.p", "tags.t", "status", "start_time", "end_time",
          "duration", "name", "user", "run_id"]  # fmt: skip
orders = st.lists(
    st.tuples(st.sampled_from(ORDERS), st.sampled_from(["", " ASC", " desc"])).map("".join),
    max_size=3,
)


def _expected_order(runs: list[RunRecord], order: tuple[OrderKey, ...]) -> list[str]:
    ordered = sort_records(runs, order, run_fields, lambda run: run.run_id)
    return [run.run_id for run in ordered]


def _next_page(
    view: View, order: tuple[OrderKey, ...], cursor: tuple[list[Any], str] | None, limit: int
) -> tuple[list[str], tuple[list[Any], str] | None]:
    sorter = Sorter(view, order)
    rows = passing(view, None, None, include_deleted=True)
    if cursor is not None:
        rows = sorter.after(rows, *cursor)
    chosen = sorter.first(rows, limit)
    ids = [view.ids[row] for row in chosen]
    return ids, (sorter.position(chosen[-1]), ids[-1]) if chosen else None


@relaxed
@given(runs=run_sets(), texts=orders, limit=st.integers(1, 5), all_rows=st.booleans())
def test_pages_follow_the_order_of_single_records(
    runs: list[RunRecord], texts: list[str], limit: int, all_rows: bool
) -> None:
    order = parse_order(texts)
    view = _view(runs, len(runs) // 2, len(runs) // 4)
    found: list[str] = []
    cursor = None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_select, "_SORT_ALL", 10**6 if all_rows else 0)
        while True:
            ids, cursor = _next_page(view, order, cursor, limit)
            found += ids
            if cursor is None:
                break
    assert found == _expected_order(runs, order)


@relaxed
@given(runs=run_sets(), later=run_sets(), texts=orders, limit=st.integers(1, 4))
def test_runs_that_come_between_pages_make_none_skipped_or_repeated(
    runs: list[RunRecord], later: list[RunRecord], texts: list[str], limit: int
) -> None:
    order = parse_order(texts)
    view = _view(runs, len(runs), 0)
    found: list[str] = []
    cursor = None
    while True:
        ids, cursor = _next_page(view, order, cursor, limit)
        found += ids
        if cursor is None:
            break
        if later:
            run = later.pop()
            run.run_id = f"late{len(later)}-{run.run_id}"
            view.put(Change("exp", run.run_id, 1, encode(run)))
    assert len(found) == len(set(found))
    assert [each for each in found if not each.startswith("late")] == _expected_order(runs, order)


# Any text

_PIECES = ["metrics.a", "params.`p q`", "tags.", "status", "stats", "and", "OR", "not", "(", ")",
           "=", "!=", "<", "like", "in", "is", "null", "'x'", "'", '"y"', "1", "-2.5e3", "nan",
           ",", "\n", "é", "#", "true"]  # fmt: skip


@relaxed
@given(
    st.one_of(st.text(max_size=40), st.lists(st.sampled_from(_PIECES), max_size=12).map(" ".join))
)
def test_any_text_parses_or_says_where_it_is_wrong(text: str) -> None:
    try:
        parse_filter(text)
    except FilterSyntaxError as error:
        column = error.context.details["column"]
        assert 1 <= column <= len(text) + 1
        caret = error.message.splitlines()[-1]
        assert caret.index("^") - 2 == column - 1
