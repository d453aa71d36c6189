"""How a detector decides, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tauro.drift._checks import at_least, one_of, positive, zero_or_more
from tauro.drift._decide import CORRECTIONS, DEFAULT_EFFECTS, Correction
from tauro.drift._read import KINDS, ColumnRules
from tauro.drift._registry import categorical_tests, numeric_tests
from tauro.drift._samples import Kind
from tauro.errors import DriftOptionError

_ALIASES: Final = {"bh": "benjamini-hochberg", "fdr_bh": "benjamini-hochberg"}


@dataclass(frozen=True, slots=True)
class DriftOptions:
    """The settings of a detector.

    Attributes:
        numeric_test: Test of numbers, dates and text lengths.
        categorical_test: Test of categories and booleans.
        correction: How p-values are corrected for their number.
        min_effects: Test to the smallest change that counts; what is left out keeps its default.
        kinds: The kind of a column, where it is not to be inferred.
        infinite: ``error`` refuses infinite values, ``missing`` counts them as missing.
        min_rows: With fewer rows on a side and nothing found, the verdict is "too few rows".
        seed: Of the permutations, so that a check repeated gives the same report.
        workers: Threads; None takes one a core.
    """

    numeric_test: str = "ks"
    categorical_test: str = "chi_square"
    correction: Correction = "benjamini-hochberg"
    min_effects: Mapping[str, float] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    infinite: Literal["error", "missing"] = "error"
    min_rows: int = 30
    seed: int = 0
    workers: int | None = None

    @property
    def rules(self) -> ColumnRules:
        """How columns are read."""
        return ColumnRules(self.kinds, self.infinite)

    def min_effect(self, test: str) -> float:
        """Return the gate of a test; one that is not known has none unless it was given."""
        return self.min_effects.get(test, DEFAULT_EFFECTS.get(test, 0.0))


def make_options(min_effect: float | Mapping[str, float] | None, **given: Any) -> DriftOptions:
    """Return checked options.

    Args:
        min_effect: One gate for the tests of distributions, or a mapping of tests to gates.
        **given: The other attributes of :class:`DriftOptions`.

    Raises:
        DriftOptionError: One is unknown or out of its range.
    """
    if isinstance(given["correction"], str):
        given["correction"] = _ALIASES.get(given["correction"], given["correction"])
    one_of("numeric_test", given["numeric_test"], numeric_tests())
    one_of("categorical_test", given["categorical_test"], categorical_tests())
    one_of("correction", given["correction"], CORRECTIONS)
    rules = check_rules(given["kinds"], given["infinite"])
    given["kinds"] = rules.kinds
    given["min_rows"] = at_least("min_rows", given["min_rows"], 1)
    given["seed"] = at_least("seed", given["seed"], 0)
    if given["workers"] is not None:
        given["workers"] = at_least("workers", given["workers"], 1)
    effects = min_effect if isinstance(min_effect, Mapping) else {}
    if min_effect is not None and not isinstance(min_effect, Mapping):
        effects = {given["numeric_test"]: min_effect, given["categorical_test"]: min_effect}
    known = {*DEFAULT_EFFECTS, *numeric_tests(), *categorical_tests()}
    for test, effect in effects.items():
        one_of("min_effect", test, known)
        zero_or_more(f"min_effect of {test!r}", effect)
    return DriftOptions(min_effects=dict(effects), **given)


def check_rules(kinds: Any, infinite: Any) -> ColumnRules:
    """Return how columns are read.

    Raises:
        DriftOptionError: ``kinds`` is no mapping to kinds, or ``infinite`` is unknown.
    """
    if not isinstance(kinds, Mapping):
        raise DriftOptionError(
            f"kinds is {kinds!r}; a mapping of columns to kinds is needed.",
            suggestions=["For example kinds={'zip': 'categorical'}."],
        )
    for column, kind in kinds.items():
        one_of(f"kinds[{column!r}]", kind, KINDS)
    one_of("infinite", infinite, ("error", "missing"))
    return ColumnRules({str(column): kind for column, kind in kinds.items()}, infinite)


def check_threshold(value: Any, *, name: str = "threshold", upper: float = 1.0) -> float:
    """Return a threshold as a float.

    Raises:
        DriftOptionError: It is not a number above 0 and below ``upper``.
    """
    hint = "0.05 lets one report in twenty raise a false alarm where nothing drifts."
    return positive(name, value, below=upper, suggestions=[hint] if upper == 1.0 else ())
