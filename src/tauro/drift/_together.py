"""The multivariate part of a report: which tests, their correction, their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from tauro.drift import _words
from tauro.drift._checks import one_of
from tauro.drift._decide import correct
from tauro.drift._matrix import encode
from tauro.drift._models import MultivariateDrift
from tauro.drift._multivariate import MIN_EFFECTS, TESTS, run
from tauro.drift._options import DriftOptions
from tauro.drift._samples import TestOutcome
from tauro.drift._tables import RawTable, Table
from tauro.errors import DriftInputError

MOST_ROWS: Final = 2_000
"""Rows of each side that the tests look at, drawn at random."""
_FEWEST_ROWS: Final = 20


def chosen_tests(multivariate: bool | str | Sequence[str]) -> tuple[str, ...]:
    """Return the tests asked for.

    Raises:
        DriftOptionError: One is unknown.
    """
    if isinstance(multivariate, bool):
        return TESTS if multivariate else ()
    chosen: tuple[Any, ...] = (multivariate,)
    if isinstance(multivariate, (list, tuple, set)):
        chosen = tuple(multivariate)
    for test in chosen:
        one_of("multivariate", test, TESTS)
    return chosen


def compare_together(
    reference: Table,
    current: Table,
    names: list[str],
    tests: Sequence[str],
    *,
    alpha: float,
    families: int,
    options: DriftOptions,
) -> tuple[MultivariateDrift, ...]:
    """Run the tests on all columns together.

    Args:
        reference: A table; a profile will not do, because rows are needed.
        current: The same.
        names: The columns.
        tests: Names of tests.
        alpha: Of the decision.
        families: How many families of tests share alpha.
        options: The detector's.

    Raises:
        DriftInputError: A profile, or too few rows or columns.
    """
    if not isinstance(reference, RawTable) or not isinstance(current, RawTable):
        raise DriftInputError(
            "Multivariate tests compare rows, which a profile does not keep.",
            suggestions=["Give the data, or leave multivariate out."],
        )
    if min(reference.rows, current.rows) < _FEWEST_ROWS or len(names) < 2:
        raise DriftInputError(
            f"Multivariate tests need {_FEWEST_ROWS} rows on each side and two columns; there are "
            f"{reference.rows:,} and {current.rows:,} rows and {len(names)} columns."
        )
    rng = np.random.default_rng(options.seed)
    sources = (reference.source, current.source)
    matrix = encode(*sources, names, options.rules, most_rows=MOST_ROWS, rng=rng)
    if matrix.values.shape[1] < 2:
        raise DriftInputError("Multivariate tests need two columns that are not constant.")
    outcomes = [run(test, matrix, rng) for test in tests]
    corrected = correct([outcome.p_value for outcome, _ in outcomes], options.correction, families)
    rows = (int((~matrix.is_current).sum()), int(matrix.is_current.sum()))
    return tuple(
        _decide(test, outcome, p_value, tuple(telling), alpha, rows)
        for test, (outcome, telling), p_value in zip(tests, outcomes, corrected, strict=True)
    )


def _decide(
    test: str,
    outcome: TestOutcome,
    p_value: float,
    telling: tuple[str, ...],
    alpha: float,
    rows: tuple[int, int],
) -> MultivariateDrift:
    gate = MIN_EFFECTS[test]
    significant = p_value <= alpha
    drifted = significant and outcome.effect >= gate
    what = {
        "classifier": f"a classifier tells the samples apart with an AUC of "
        f"{_words.rounded(outcome.statistic)} on rows it has not seen",
        "mmd": f"the maximum mean discrepancy is {_words.rounded(outcome.effect)}",
        "pca": "components of the reference rebuild the current rows with "
        f"{_words.rounded(outcome.statistic)} times the error",
    }[test]
    head = "Drift" if drifted else "Too small to count" if significant else "No drift"
    most = f"; most by {', '.join(telling[:3])}" if drifted and test != "mmd" else ""
    return MultivariateDrift(
        test=test,
        statistic=outcome.statistic,
        p_value=p_value,
        effect=outcome.effect,
        min_effect=gate,
        threshold=alpha,
        drift_detected=drifted,
        verdict=f"{head}: {what} ({_words.p_text(p_value)}){most}; "
        f"{rows[0]:,} reference against {rows[1]:,} current rows.",
        features=telling,
    )
