"""Keys for caches."""

from __future__ import annotations

import datetime as dt
import enum
from pathlib import PurePosixPath
from typing import Any

import pytest

from tauro.cache import CacheKeyBuilder
from tauro.errors import ValidationError


class Stage(enum.Enum):
    PRODUCTION = "Production"


def test_texts_stand_as_they_are() -> None:
    assert CacheKeyBuilder("model").build("credit", "v1") == "model:credit:v1"
    assert CacheKeyBuilder().build("churn-predictor/ü") == "churn-predictor/ü"


def test_named_values_are_sorted_and_numbers_are_not_texts() -> None:
    build = CacheKeyBuilder("model").build
    assert build("credit", version=1, stage="a") == "model:credit:stage=a:version=~1"
    assert build("credit", stage="a", version=1) == build("credit", version=1, stage="a")
    assert build(version="1") != build(version=1)


def test_a_child_begins_with_its_parents_parts() -> None:
    assert CacheKeyBuilder("a").child("b").build("c") == CacheKeyBuilder("a", "b").build("c")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a:b",), ("a", "b")),
        (("a=b",), ("a", "b")),
        (("a b",), ("a%20b",)),
        ((1,), ("1",)),
        ((1,), (1.0,)),
        ((1,), (True,)),
        ((None,), ("None",)),
        ((None,), ()),
        (("",), ()),
        (({"a": 1},), ([["a", 1]],)),
        (({1: 2},), ({"1": 2},)),
        (({1, 2},), ([1, 2],)),
        ((b"a",), ("a",)),
        ((Stage.PRODUCTION,), ("Production",)),
        ((PurePosixPath("a"),), ("a",)),
        ((dt.date(2024, 1, 1),), (dt.datetime(2024, 1, 1),)),  # noqa: DTZ001 - any will do
        ((("a", ("b",)),), (("a", "b"),)),
        (("~1",), (1,)),
    ],
)
def test_different_values_give_different_keys(one: Any, other: Any) -> None:
    build = CacheKeyBuilder("k").build
    assert build(*one) != build(*other)


def test_the_order_of_mappings_and_sets_does_not_matter() -> None:
    build = CacheKeyBuilder().build
    assert build({"a": 1, "b": {2, 3}}) == build({"b": {3, 2}, "a": 1})


def test_long_keys_are_cut_and_stay_different() -> None:
    build = CacheKeyBuilder("model").build
    keys = {build("a" * 500 + str(number)) for number in range(50)}
    assert len(keys) == 50
    assert all(len(key) == 200 and key.startswith("model:aaa") for key in keys)


def test_what_has_no_lasting_identity_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"builtins\.object"):
        CacheKeyBuilder().build(object())
    with pytest.raises(ValidationError, match=r"builtins\.object"):
        CacheKeyBuilder().build([{"a": object()}])
