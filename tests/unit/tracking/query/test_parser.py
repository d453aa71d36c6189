"""Filter and order texts to expressions."""

from __future__ import annotations

import math

import pytest

from tauro.errors import FilterSyntaxError
from tauro.tracking._query import EXPERIMENTS, Field, Kind, parse_field, parse_filter, parse_order
from tauro.tracking._query._ast import And, Compare, In, IsNull, Like, Not, Or, OrderKey

LOSS = Field("metrics", "loss", Kind.NUMBER)
P0 = Field("params", "p0", Kind.LOOSE)
TEAM = Field("tags", "team", Kind.LOOSE)
STATUS = Field("attributes", "status", Kind.TEXT)
START = Field("attributes", "start_time", Kind.TIME)


def test_blank_text_is_no_filter() -> None:
    assert parse_filter("") is None
    assert parse_filter(" \n\t") is None


def test_the_documented_example() -> None:
    found = parse_filter("metrics.m1 > 0.5 and (params.p0 = '3' or not tags.team like 'ds%')")
    assert found == And(
        (
            Compare(Field("metrics", "m1", Kind.NUMBER), ">", 0.5, Kind.NUMBER),
            Or((Compare(P0, "=", "3", Kind.TEXT), Not(Like(TEAM, "ds%", ignore_case=False)))),
        )
    )


def test_and_binds_tighter_than_or_and_not_tightest() -> None:
    one, two, three = (Compare(P0, "=", float(number), Kind.NUMBER) for number in (1, 2, 3))
    assert parse_filter("params.p0 = 1 or params.p0 = 2 and not params.p0 = 3") == Or(
        (one, And((two, Not(three))))
    )


@pytest.mark.parametrize(
    "text",
    ["metrics.loss <= 1", "METRICS.loss<=1", "metric.loss <= +1.0", "metrics.`loss` <= 1e0",
     'metrics."loss" <= 1.', "( ( metrics.loss <= 1 ) )"],
)  # fmt: skip
def test_spellings_of_one_condition(text: str) -> None:
    assert parse_filter(text) == Compare(LOSS, "<=", 1.0, Kind.NUMBER)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("metrics.val/loss = 1", "val/loss"),
        ("metrics.val-loss = 1", "val-loss"),
        ("metrics.a.b.c = 1", "a.b.c"),
        ("metrics.2nd = 1", "2nd"),
        ("metrics.größe = 1", "größe"),
        ("metrics.`val loss (%)` = 1", "val loss (%)"),
        ('metrics."it""s" = 1', 'it"s'),
        ("metrics.`a``b` = 1", "a`b"),
        ("metrics.and = 1", "and"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert parse_filter(text) == Compare(Field("metrics", name, Kind.NUMBER), "=", 1.0, Kind.NUMBER)


def test_literals_decide_how_a_parameter_is_read() -> None:
    assert parse_filter("params.p0 = '3'") == Compare(P0, "=", "3", Kind.TEXT)
    assert parse_filter('params.p0 = "3"') == Compare(P0, "=", "3", Kind.TEXT)
    assert parse_filter("params.p0 = 3") == Compare(P0, "=", 3.0, Kind.NUMBER)
    assert parse_filter("params.p0 != TRUE") == Compare(P0, "!=", True, Kind.BOOLEAN)
    assert parse_filter("params.p0 = 'it''s'") == Compare(P0, "=", "it's", Kind.TEXT)


def test_numbers_by_name() -> None:
    assert parse_filter("metrics.loss < -Infinity") == Compare(LOSS, "<", -math.inf, Kind.NUMBER)
    found = parse_filter("metrics.loss = nan")
    assert isinstance(found, Compare)
    assert math.isnan(float(found.value))


@pytest.mark.parametrize(
    ("literal", "microseconds"),
    [
        ("'1970-01-02'", 86_400_000_000),
        ("'1970-01-01T00:00:01Z'", 1_000_000),
        ("'1970-01-01T01:00:00.5+01:00'", 500_000),
        ("1500", 1_500_000),
        ("1.5", 1500),
    ],
)
def test_times_as_iso_text_or_milliseconds(literal: str, microseconds: int) -> None:
    found = parse_filter(f"start_time >= {literal}")
    assert found == Compare(START, ">=", microseconds, Kind.TIME)


def test_negated_forms() -> None:
    like = Like(TEAM, "A_", ignore_case=True)
    assert parse_filter("tags.team NOT ILIKE 'A_'") == Not(like)
    assert parse_filter("tags.team not in ('a', 'b')") == Not(In(TEAM, ("a", "b"), Kind.TEXT))
    assert parse_filter("tags.team is not null") == Not(IsNull(TEAM))
    assert parse_filter("end_time IS NULL") == IsNull(Field("attributes", "end_time", Kind.TIME))


def test_attributes_have_aliases_and_a_prefix() -> None:
    name = Field("attributes", "name", Kind.TEXT)
    for text in ("name = 'x'", "run_name = 'x'", "attributes.run_name = 'x'", "Name = 'x'"):
        assert parse_filter(text) == Compare(name, "=", "x", Kind.TEXT)


def test_choices_are_matched_without_case() -> None:
    assert parse_filter("status = 'running'") == Compare(STATUS, "=", "RUNNING", Kind.TEXT)
    found = parse_filter("status in ('Failed','COMPLETED')")
    assert found == In(STATUS, ("FAILED", "COMPLETED"), Kind.TEXT)


def test_bare_names_are_tags_of_experiments() -> None:
    kind = Field("tags", "model_type", Kind.LOOSE)
    expected = Compare(kind, "=", "classification", Kind.TEXT)
    assert parse_filter("model_type='classification'", EXPERIMENTS) == expected
    dotted = Field("tags", "a.b", Kind.LOOSE)
    assert parse_filter("a.b = 1", EXPERIMENTS) == Compare(dotted, "=", 1.0, Kind.NUMBER)
    name = Field("attributes", "name", Kind.TEXT)
    assert parse_filter("name = 'x'", EXPERIMENTS) == Compare(name, "=", "x", Kind.TEXT)


def test_orders() -> None:
    assert parse_order(["metrics.loss DESC", "start_time", "`name` asc"]) == (
        OrderKey(LOSS, descending=True),
        OrderKey(START),
        OrderKey(Field("attributes", "name", Kind.TEXT)),
    )
    assert parse_order([]) == ()


def test_a_single_field() -> None:
    assert parse_field("metrics.loss") == LOSS


@pytest.mark.parametrize(
    ("text", "column", "marked", "says"),
    [
        ("stats = 'RUNNING'", 1, "stats", "Did you mean status?"),
        ("metrix.a > 1", 1, "metrix", "metrics.a"),
        ("metrics.a > '3'", 13, "'3'", "without quotes"),
        ("metrics.a >", 12, "", "the text ends here"),
        ("metrics.a", 10, "", "Expected ="),
        ("metrics. > 1", 8, ".", "no meaning"),
        ("name = foo", 8, "foo", "Quote it: 'foo'"),
        ("params.p = NULL", 12, "NULL", "params.p IS NULL"),
        ("params.p == 1", 10, "==", "Write =."),
        ("params.p <> 1", 10, "<>", "Write !=."),
        ("name = 'a' && name = 'b'", 12, "&&", "Write AND."),
        ("status = 'COMPLETE'", 10, "'COMPLETE'", "'COMPLETED'"),
        ("(status = 'FAILED'", 19, "", "opened at column 1"),
        ("status = 'FAILED')", 18, ")", "AND, OR or the end"),
        ("status = 'FAILED' oder", 19, "oder", "AND, OR or the end"),
        ("name like 'abc", 11, "'abc", "never closed"),
        ("metrics.a like 'x'", 11, "like", "no text for LIKE"),
        ("name like abc", 11, "abc", "quoted pattern"),
        ("name not = 'a'", 10, "=", "LIKE, ILIKE or IN after NOT"),
        ("name in 'a'", 9, "'a'", "Expected ("),
        ("name in ()", 10, ")", "quoted text"),
        ("name in ('a' 'b')", 14, "'b'", "comma"),
        ("params.p in (1, 'a')", 17, "'a'", "all texts, all numbers"),
        ("params.p < true", 12, "true", "= and != only"),
        ("name is 'a'", 9, "'a'", "NULL or NOT NULL"),
        ("start_time > 'yesterday'", 14, "'yesterday'", "ISO text"),
        ("'a' = name", 1, "'a'", "stands left"),
        ("and", 1, "and", "quoted: `and`"),
        ("not", 4, "", "belongs"),
        ("metrics.a > 1 and", 18, "", "belongs"),
        ("metrics.a > 1 # comment", 15, "#", "no meaning"),
        ("metrics.a > 1x", 13, "1x", "no meaning"),
    ],
)
def test_a_wrong_text_points_at_the_column(text: str, column: int, marked: str, says: str) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(text)
    message = str(caught.value)
    problem, shown, caret = message.splitlines()[:3]
    assert f"(column {column})" in problem
    assert shown == f"  {text}"
    assert caret == "  " + " " * (column - 1) + "^" * max(1, len(marked))
    assert text[column - 1 :].startswith(marked)
    assert says in message
    assert caught.value.context.details["column"] == column


def test_the_window_follows_the_caret_in_a_long_text() -> None:
    text = " or ".join(["metrics.a > 1"] * 100) + " or stats = 'x'"
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(text)
    _, shown, caret = caught.value.message.splitlines()
    assert len(shown) < 130
    assert shown[caret.index("^") :].startswith("stats")


def test_newlines_do_not_move_the_caret() -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter("name = 'a'\nor\nstats = 'x'")
    _, shown, caret = caught.value.message.splitlines()
    assert shown[caret.index("^") :].startswith("stats")


def test_nesting_is_bounded_by_an_error_and_not_by_the_stack() -> None:
    with pytest.raises(FilterSyntaxError, match="Nested more than"):
        parse_filter("(" * 5000 + "metrics.a > 1" + ")" * 5000)
    assert parse_filter("(" * 50 + "metrics.a > 1" + ")" * 50) is not None


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ("metrics.loss DOWN", "ASC, DESC or the end"),
        ("metrics.loss DESC, start_time", "entries of the list"),
        ("los", "Unknown attribute"),
        ("", "field"),
    ],
)
def test_a_wrong_order(order: str, says: str) -> None:
    with pytest.raises(FilterSyntaxError, match=says):
        parse_order([order])
