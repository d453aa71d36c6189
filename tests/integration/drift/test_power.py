"""What should be found is found, as often as theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tauro.drift import DriftDetector


def detections(detector: DriftDetector, n: int, m: int, shift: float, trials: int) -> int:
    rng = np.random.default_rng(7)
    return sum(
        detector.detect_data_drift(rng.normal(size=n), rng.normal(shift, 1, size=m)).drift_detected
        for _ in range(trials)
    )


@pytest.mark.parametrize("test", ["ks", "cramer_von_mises", "anderson_darling", "wasserstein"])
def test_a_shift_of_the_mean_is_found_nearly_as_often_as_by_the_best_test(test: str) -> None:
    """The t test has 94 % power here; these need no normal data and lose a few per cent."""
    n, shift, trials = 100, 0.5, 60
    best = stats.norm.cdf(shift / math.sqrt(2 / n) - stats.norm.ppf(0.975))
    detector = DriftDetector(numeric_test=test, min_effect=0.0)
    found = detections(detector, n, n, shift, trials)
    assert found >= stats.binom.ppf(0.0005, trials, best - 0.14)


def test_power_of_kolmogorov_smirnov_is_its_own() -> None:
    """At 200 against 200 and half a standard deviation the known power is 0.98."""
    assert detections(DriftDetector(min_effect=0.0), 200, 200, 0.5, 40) >= 35


@pytest.mark.parametrize("rows", [500, 5000])
def test_a_change_of_shares_is_found_as_often_as_theory_says(rows: int) -> None:
    rng = np.random.default_rng(8)
    old, new = np.array([0.5, 0.3, 0.2]), np.array([0.45, 0.3, 0.25])
    effect = ((old - new) ** 2 / ((old + new) / 2)).sum() * rows / 2
    power = stats.ncx2.sf(stats.chi2.isf(0.05, 2), 2, effect)
    names, trials = np.array(["a", "b", "c"]), 50
    found = sum(
        DriftDetector(min_effect=0.0)
        .detect_data_drift(
            {"c": rng.choice(names, rows, p=old)}, {"c": rng.choice(names, rows, p=new)}
        )
        .drift_detected
        for _ in range(trials)
    )
    low, high = (stats.binom.ppf(chance, trials, power) for chance in (0.0005, 0.9995))
    assert low <= found <= high


@pytest.mark.parametrize(
    "change",
    ["location", "spread", "tail", "missing", "mode"],
)
def test_each_kind_of_change_is_found(change: str) -> None:
    rng = np.random.default_rng(9)
    old = rng.normal(size=4000)
    coin = rng.random(4000)
    changes = {
        "location": rng.normal(0.25, 1, 4000),
        "spread": rng.normal(0, 1.6, 4000),
        "tail": rng.standard_t(2, 4000) * 1.1,
        "missing": np.where(coin < 0.05, np.nan, rng.normal(size=4000)),
        "mode": np.where(coin < 0.5, rng.normal(-1, 0.5, 4000), rng.normal(1, 0.5, 4000)),
    }
    report = DriftDetector().detect_data_drift(old, changes[change])
    assert report.drift_detected, change


def test_the_gate_lets_pass_what_is_large_and_holds_what_is_small() -> None:
    """A shift of the distance 0.05 is the limit: half of it never counts, double always does."""
    at_gate = 2 * stats.norm.ppf(0.525)
    detector = DriftDetector()
    assert detections(detector, 20_000, 20_000, at_gate / 2, 8) == 0
    assert detections(detector, 20_000, 20_000, at_gate * 2, 8) == 8
