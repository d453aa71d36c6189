"""Parameters and tags."""

from __future__ import annotations

import collections
import datetime as dt
import enum
import json
import math
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest

from tauro.errors import ValidationError
from tauro.validation import validate_parameter, validate_tag


class Solver(enum.Enum):
    SAGA = "saga"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (0.1, 0.1),
        ("rbf", "rbf"),
        (True, True),
        (None, None),
        ([1, [2, "a"]], [1, [2, "a"]]),
        ((1, 2), [1, 2]),
        ({"b", "a"}, ["a", "b"]),
        (range(3), [0, 1, 2]),
        ({"a": {"b": 1}, 2: None}, {"a": {"b": 1}, "2": None}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (math.nan, "NaN"),
        ([math.inf, -math.inf], ["Infinity", "-Infinity"]),
        (Solver.SAGA, "saga"),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        (PurePosixPath("a/b"), "a/b"),
        (dt.date(2024, 1, 15), "2024-01-15"),
        (dt.timedelta(hours=1), "1:00:00"),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
    ],
)
def test_values_become_plain_json(value: object, expected: object) -> None:
    key, result = validate_parameter("p", value)
    assert key == "p"
    assert result == expected
    assert type(result) is type(expected)
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (object(), r"builtins.object"),
        ([object()], r"builtins.object"),
        (b"bytes", r"builtins.bytes"),
        (int, r"builtins.type"),
        (2**64, "65 bits"),
        ({(1, 2): 3}, r"key \(1, 2\)"),
        ({1: "a", "1": "b"}, "two keys that JSON writes as '1'"),
        pytest.param({10**5000: 1}, "key …", id="a key too long to write"),
        ("\ud800", "UTF-8"),
        ("a" * 65_535, "65537 bytes"),
        (list(range(20_000)), "bytes as JSON"),
    ],
)
def test_what_json_cannot_hold_is_refused(wrong: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        validate_parameter("p", wrong)
    assert "'p'" in caught.value.message
    assert caught.value.suggestions


def test_the_longest_value_is_kept() -> None:
    assert validate_parameter("p", "a" * 65_534)[1] == "a" * 65_534


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValidationError, match="holds itself"):
        validate_parameter("p", loop)


def test_the_result_is_the_validators_own() -> None:
    given = {"a": [1]}
    result: Any = validate_parameter("p", given)[1]
    result["a"].append(2)
    assert given == {"a": [1]}


@pytest.mark.parametrize(("value", "text"), [("ds", "ds"), (3, "3"), (0.5, "0.5"), (True, "True")])
def test_tags_are_texts(value: object, text: str) -> None:
    assert validate_tag("team", value) == ("team", text)


TOO_LONG = pytest.param(10**5000, id="too long to write")


@pytest.mark.parametrize("wrong", [None, ["a"], {"a": 1}, b"a", "a" * 8001, "\ud800", TOO_LONG])
def test_what_is_no_tag_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError, match="'team'"):
        validate_tag("team", wrong)


def test_nesting_ends_at_its_limit() -> None:
    def nested(depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        return value

    assert validate_parameter("p", nested(32)) == ("p", nested(32))
    with pytest.raises(ValidationError, match="more than 32 deep"):
        validate_parameter("p", nested(33))
