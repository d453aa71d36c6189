"""The promise: where nothing drifts, the verdict raises an alarm at most alpha of the time.

The gate of effect size is off here, so that the statistics alone are judged; with it on there are
fewer alarms still. Short in the normal run; long under ``statistics``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tauro.drift import DriftDetector
from tauro.drift._registry import categorical_tests, numeric_test, numeric_tests
from tauro.drift._samples import NumericSample

Draw = Callable[[np.random.Generator, int], NDArray[Any]]
SIZES = [(50, 50), (200, 1000), (1000, 200), (10_000, 10_000)]
ALPHA = 0.05
NUMBERS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "skewed": lambda rng, n: rng.lognormal(0, 2.5, size=n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n),
    "counts": lambda rng, n: rng.poisson(2, n).astype(np.float64),
    "three values": lambda rng, n: rng.choice([0.0, 1.0, 5.0], n, p=[0.7, 0.2, 0.1]),
    "half zeros": lambda rng, n: np.maximum(rng.normal(size=n), 0),
    "rounded": lambda rng, n: np.round(rng.normal(size=n), 1),
    "constant": lambda rng, n: np.ones(n),
}
SHARES = np.array([0.5, 0.25, 0.12, 0.06, 0.04, 0.02, 0.007, 0.003])
NAMES = np.array([f"c{i}" for i in range(len(SHARES))])


def table(rng: np.random.Generator, rows: int) -> dict[str, NDArray[Any]]:
    """Return columns of every shape, with missing values in some."""
    columns = {name: draw(rng, rows) for name, draw in NUMBERS.items()}
    columns["skewed"][rng.random(rows) < 0.03] = np.nan
    columns["word"] = rng.choice(NAMES, rows, p=SHARES)
    columns["flag"] = rng.random(rows) < 0.1
    return columns


def within(alarms: int, trials: int, *, at_least: float = 0.0) -> bool:
    """Tell whether a count of alarms is within the binomial limits of alpha."""
    high = stats.binom.ppf(0.9999, trials, ALPHA)
    low = stats.binom.ppf(0.0001, trials, ALPHA * at_least) if at_least else 0
    return bool(low <= alarms <= high)


def alarms_of(detector: DriftDetector, n: int, m: int, trials: int, seed: int) -> int:
    rng = np.random.default_rng(seed)
    return sum(
        detector.detect_data_drift(table(rng, n), table(rng, m)).drift_detected
        for _ in range(trials)
    )


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_the_verdict_over_all_columns_keeps_alpha(n: int, m: int) -> None:
    trials = 20 if n * m < 10**6 else 12
    detector = DriftDetector(min_effect=_no_gate(), workers=1)
    assert within(alarms_of(detector, n, m, trials, 1), trials)


@pytest.mark.statistics
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("correction", ["benjamini-hochberg", "bonferroni"])
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_the_verdict_keeps_alpha_in_many_trials(n: int, m: int, correction: Any) -> None:
    detector = DriftDetector(min_effect=_no_gate(), correction=correction, workers=1)
    trials = 1000 if n * m < 10**7 else 300
    alarms = alarms_of(detector, n, m, trials, 2)
    assert within(alarms, trials, at_least=0.5), alarms


def _no_gate() -> dict[str, float]:
    return {"ks": 0.0, "chi_square": 0.0, "missing": 0.0, "new_categories": 0.0}


def p_values(name: str, draw: Draw, n: int, m: int, trials: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(3)
    test = numeric_test(name)
    return np.array(
        [
            test(
                NumericSample(np.sort(draw(rng, n)), 0),
                NumericSample(np.sort(draw(rng, m)), 0),
                rng,
            ).p_value
            for _ in range(trials)
        ]
    )


def is_exact(found: NDArray[np.float64]) -> bool:
    """Tell whether each p-value that came up is the share of those that are no larger.

    A statistic of two small samples takes few values, and so do its p-values: they are not uniform,
    but each is as likely to be reached as it says.
    """
    reached = np.unique(found)
    counts = np.searchsorted(np.sort(found), reached, side="right")
    low, high = (stats.binom.ppf(q, len(found), np.minimum(reached, 1.0)) for q in (1e-6, 1 - 1e-6))
    return bool(np.all((low <= counts) & (counts <= high)))


def test_the_check_of_exactness_fails_where_p_values_are_not() -> None:
    """Too small, too large, or drawn to the middle; with many values or few."""
    uniform = np.random.default_rng(5).random(200)
    for values in (uniform, np.ceil(uniform * 8) / 8):
        assert is_exact(values)
        for wrong in (values**2, np.sqrt(values), 0.5 + (values - 0.5) / 2):
            assert not is_exact(wrong)


@pytest.mark.parametrize("name", numeric_tests())
def test_p_values_are_uniform_where_nothing_changed(name: str) -> None:
    """A test of the test: shares of small p-values are as promised, for continuous columns."""
    found = p_values(name, NUMBERS["skewed"], 60, 90, 120)
    assert stats.kstest(found, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("shape", ["counts", "three values", "half zeros", "rounded"])
@pytest.mark.parametrize("name", numeric_tests())
def test_p_values_are_not_too_small_with_repeated_values(name: str, shape: str) -> None:
    found = p_values(name, NUMBERS[shape], 50, 80, 60)
    assert within(int((found <= ALPHA).sum()), 60)


@pytest.mark.statistics
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", NUMBERS)
@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("name", numeric_tests())
def test_p_values_keep_every_level_in_many_trials(name: str, shape: str, n: int, m: int) -> None:
    trials = 200 if n * m < 10**7 else 80
    found = p_values(name, NUMBERS[shape], n, m, trials)
    for level in (0.01, 0.05, 0.2, 0.5):
        alarms = int((found <= level).sum())
        assert alarms <= stats.binom.ppf(0.99999, trials, level), (level, alarms)
    if shape in {"normal", "skewed", "heavy tails"}:
        assert is_exact(found)


@pytest.mark.parametrize("name", categorical_tests())
@pytest.mark.parametrize(("n", "m"), [(50, 50), (200, 1000)])
def test_categories_keep_alpha_where_others_raise_alarms_in_a_third(
    name: str, n: int, m: int
) -> None:
    rng = np.random.default_rng(4)
    detector = DriftDetector(categorical_test=name, min_effect=0.0)
    trials = 60
    alarms = sum(
        detector.detect_data_drift(
            {"word": rng.choice(NAMES, n, p=SHARES)}, {"word": rng.choice(NAMES, m, p=SHARES)}
        ).drift_detected
        for _ in range(trials)
    )
    assert within(alarms, trials)


def test_many_columns_raise_no_more_alarms_than_one() -> None:
    """Without the correction, one of 100 columns would all but always raise an alarm."""
    rng = np.random.default_rng(5)
    trials, corrected, plain = 12, 0, 0
    for _ in range(trials):
        old, new = rng.normal(size=(60, 100)), rng.normal(size=(60, 100))
        corrected += DriftDetector().detect_data_drift(old, new).drift_detected
        plain += DriftDetector(correction="none").detect_data_drift(old, new).drift_detected
    assert within(corrected, trials)
    assert plain >= 10
