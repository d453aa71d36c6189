"""The list of what is done names tests that are there, and its page is current."""

from __future__ import annotations

import re

import pytest
from tools import coverage

ITEMS = {item.number: item for item in coverage.items()}


@pytest.mark.parametrize("number", ITEMS)
def test_what_shows_an_item_exists(number: str) -> None:
    item = ITEMS[number]
    assert re.fullmatch(r"00[0-4]\.[1-9]\d?|rule [1-9]\d?", number)
    assert item.title
    assert item.tests
    assert len(set(item.tests)) == len(item.tests)
    for test in item.tests:
        assert not coverage.missing(test), f"{test}: {coverage.missing(test)}"


def test_the_page_is_current() -> None:
    """`make docs`, or `python -m tools.coverage`, writes it anew."""
    assert coverage.PAGE.read_text(encoding="utf-8") == coverage.page()


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("unit/nowhere/test_nothing.py::test_it", "no file"),
        ("meta/test_coverage.py::test_not_here", "has no test_not_here"),
        ("meta/test_coverage.py", "no test"),
        ("contract/test_registry.py::TestLocal::test_not_here", "has no test_not_here"),
        ("contract/test_registry.py::TestNobody::test_versions_count_from_one", "has no"),
        ("seed 009/01", "no document"),
        ("seed 000/32", "waits for"),
        ("contract/test_registry.py::TestLocal::test_versions_count_from_one", ""),
        ("meta/test_coverage.py::test_the_page_is_current", ""),
        ("seed 000/05", ""),
    ],
)
def test_a_test_that_is_not_there_is_noticed(test: str, problem: str) -> None:
    found = coverage.missing(test)
    assert problem in found
    assert bool(found) == bool(problem)
