"""The statistical tests by name: Tauro's own, and those that packages or programs add."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final, Literal

from tauro._internal._optional import load
from tauro.drift._samples import CategoricalTest, NumericTest
from tauro.errors import DriftOptionError

ENTRY_POINTS: Final = {
    "numeric": "tauro.drift.numeric_tests",
    "categorical": "tauro.drift.categorical_tests",
}
"""Entry point groups in which a package offers tests."""

_OWN: Final[Mapping[str, Mapping[str, str]]] = {
    "numeric": {
        "ks": "tauro.drift._numeric:kolmogorov_smirnov",
        "cramer_von_mises": "tauro.drift._numeric:cramer_von_mises",
        "anderson_darling": "tauro.drift._numeric:anderson_darling",
        "wasserstein": "tauro.drift._numeric:wasserstein",
        "psi": "tauro.drift._binned:psi",
        "jensen_shannon": "tauro.drift._binned:jensen_shannon",
        "hellinger": "tauro.drift._binned:hellinger",
    },
    "categorical": {
        "chi_square": "tauro.drift._categorical:chi_square",
        "total_variation": "tauro.drift._binned:total_variation",
        "psi": "tauro.drift._binned:categorical_psi",
        "jensen_shannon": "tauro.drift._binned:categorical_jensen_shannon",
        "hellinger": "tauro.drift._binned:categorical_hellinger",
    },
}
_added: Final[dict[str, dict[str, Callable[..., Any]]]] = {"numeric": {}, "categorical": {}}


def register_test(
    name: str, test: Callable[..., Any], *, kind: Literal["numeric", "categorical"]
) -> None:
    """Add a test under a name, for every detector of this process.

    Args:
        name: What ``numeric_test=`` or ``categorical_test=`` then say.
        test: Called with the two samples and a random generator; returns a ``TestOutcome``.
        kind: What it compares.

    Raises:
        DriftOptionError: The name is one of Tauro's own tests.
    """
    if name in _OWN[kind]:
        raise DriftOptionError(
            f"{name!r} is a test of Tauro's own and cannot be replaced.",
            suggestions=["Register it under another name."],
        )
    _added[kind][name] = test


def numeric_tests() -> list[str]:
    """Return the names of the tests of numbers."""
    return _names("numeric")


def categorical_tests() -> list[str]:
    """Return the names of the tests of categories."""
    return _names("categorical")


def numeric_test(name: str) -> NumericTest:
    """Return a test of numbers by name."""
    test: NumericTest = _find("numeric", name)
    return test


def categorical_test(name: str) -> CategoricalTest:
    """Return a test of categories by name."""
    test: CategoricalTest = _find("categorical", name)
    return test


def _names(kind: str) -> list[str]:
    offered = [point.name for point in entry_points(group=ENTRY_POINTS[kind])]
    return sorted({*_OWN[kind], *_added[kind], *offered})


def _find(kind: str, name: str) -> Any:
    if name in _OWN[kind]:
        return load(_OWN[kind][name])
    if name in _added[kind]:
        return _added[kind][name]
    (point, *_) = entry_points(group=ENTRY_POINTS[kind], name=name)
    return point.load()
