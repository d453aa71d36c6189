"""All columns together: what no single column shows is found, at the promised rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tauro.drift import DriftDetector, ReferenceProfile
from tauro.drift._matrix import encode
from tauro.drift._multivariate import TESTS, run
from tauro.drift._read import ColumnRules
from tauro.drift._sources import open_source
from tauro.errors import DriftInputError, DriftOptionError


def correlated(rows: int, rho: float, seed: int) -> pd.DataFrame:
    """Return normal columns; the correlation of two of them is in no single column."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 5))
    values[:, 1] = rho * values[:, 0] + np.sqrt(1 - rho**2) * values[:, 1]
    return pd.DataFrame(values, columns=list("abcde"))


def test_a_changed_correlation_is_found_by_all_columns_together_only() -> None:
    reference, current = correlated(1500, 0.0, 1), correlated(1500, 0.8, 2)
    alone = DriftDetector().detect_data_drift(reference, current)
    assert not alone.drift_detected
    together = DriftDetector().detect_data_drift(reference, current, multivariate=True)
    assert together.drift_detected
    assert together.drifted_features == ()
    found = {test.test: test for test in together.multivariate}
    assert set(found) == set(TESTS)
    assert found["classifier"].drift_detected
    assert found["classifier"].statistic > 0.65
    assert set(found["classifier"].features[:2]) == {"a", "b"}
    assert found["mmd"].drift_detected
    assert "All columns together drifted" in together.summary
    assert "a classifier tells the samples apart with an AUC of 0." in found["classifier"].verdict
    assert together["multivariate"][0]["drift_detected"]
    assert together.to_dict()["multivariate"][0]["test"] == "classifier"
    assert "All columns together" in together.to_html()


def test_a_broken_correlation_cannot_be_rebuilt_from_the_references_components() -> None:
    reference, current = correlated(1500, 0.95, 1), correlated(1500, 0.0, 2)
    report = DriftDetector().detect_data_drift(reference, current, multivariate="pca")
    (pca,) = report.multivariate
    assert pca.drift_detected
    assert pca.statistic > 1.2
    assert set(pca.features[:2]) == {"a", "b"}


@pytest.mark.parametrize("test", TESTS)
def test_no_drift_is_found_where_nothing_changed(test: str) -> None:
    report = DriftDetector().detect_data_drift(
        correlated(600, 0.5, 3), correlated(400, 0.5, 4), multivariate=[test]
    )
    assert not report.drift_detected
    (found,) = report.multivariate
    assert found.verdict.startswith("No drift: ")
    assert "600 reference against 400 current rows" in found.verdict


def p_value(test: str, reference: Any, current: Any, seed: int) -> float:
    rng = np.random.default_rng(seed)
    sides = [open_source(side, "reference") for side in (reference, current)]
    names = list(sides[0].names)
    rules = ColumnRules({}, "error")
    matrix = encode(sides[0], sides[1], names, rules, most_rows=500, rng=rng)
    return run(test, matrix, rng)[0].p_value


def false_alarms(test: str, trials: int, n: int, m: int) -> int:
    return sum(
        p_value(test, correlated(n, 0.5, 2 * seed), correlated(m, 0.5, 2 * seed + 1), seed) <= 0.05
        for seed in range(100, 100 + trials)
    )


@pytest.mark.parametrize("test", TESTS)
def test_false_alarms_are_near_alpha(test: str) -> None:
    trials = 10
    assert false_alarms(test, trials, 40, 60) <= stats.binom.ppf(0.9999, trials, 0.05)


@pytest.mark.statistics
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("n", "m"), [(50, 50), (100, 400)])
@pytest.mark.parametrize("test", TESTS)
def test_false_alarms_are_near_alpha_in_many_trials(test: str, n: int, m: int) -> None:
    trials = 400
    low, high = (stats.binom.ppf(chance, trials, 0.05) for chance in (0.0001, 0.9999))
    alarms = false_alarms(test, trials, n, m)
    assert alarms <= high
    assert test == "pca" or alarms >= low  # the exact test of small samples has few levels


def test_every_kind_of_column_is_encoded() -> None:
    rng = np.random.default_rng(5)

    def table(rows: int) -> pd.DataFrame:
        frame = pd.DataFrame(
            {
                "number": rng.lognormal(0, 3, rows),
                "word": rng.choice([f"w{i}" for i in range(20)], rows),
                "flag": rng.random(rows) < 0.3,
                "time": pd.Timestamp("2024-01-01")
                + pd.to_timedelta(rng.integers(0, 99, rows), "D"),
                "note": [f"{'x' * int(k)} {i}" for i, k in enumerate(rng.integers(1, 20, rows))],
                "constant": 1.0,
            }
        )
        frame.loc[rng.random(rows) < 0.2, "number"] = np.nan
        frame.loc[rng.random(rows) < 0.2, "word"] = None
        return frame

    sides = [open_source(table(300), "reference"), open_source(table(200), "current")]
    names = list(sides[0].names)
    rules = ColumnRules({}, "error")
    matrix = encode(sides[0], sides[1], names, rules, most_rows=150, rng=rng)
    assert matrix.values.shape[0] == 300
    assert matrix.is_current.sum() == 150
    assert np.isfinite(matrix.values).all()
    owned = {name: int((matrix.owner == i).sum()) for i, name in enumerate(names)}
    assert owned == {"number": 2, "word": 11, "flag": 2, "time": 1, "note": 1, "constant": 0}
    for test in TESTS:
        assert p_value(test, table(300), table(200), 1) > 0.001


def test_what_cannot_be_compared_together_is_refused() -> None:
    frame = correlated(100, 0, 1)
    detector = DriftDetector()
    with pytest.raises(DriftOptionError, match="Did you mean 'classifier'"):
        detector.detect_data_drift(frame, frame, multivariate="classifer")
    with pytest.raises(DriftInputError, match="a profile does not keep"):
        detector.detect_data_drift(ReferenceProfile.from_data(frame), frame, multivariate=True)
    with pytest.raises(DriftInputError, match="20 rows on each side and two columns"):
        detector.detect_data_drift(frame, frame[:10], multivariate=True)
    with pytest.raises(DriftInputError, match="two columns"):
        detector.detect_data_drift(frame[["a"]], frame[["a"]], multivariate=True)
    with pytest.raises(DriftInputError, match="not constant"):
        detector.detect_data_drift(frame * 0, frame * 0, multivariate=True)


def test_families_share_alpha() -> None:
    reference, current = correlated(300, 0, 1), correlated(300, 0, 2)
    alone = DriftDetector().detect_data_drift(reference, current)
    shared = DriftDetector().detect_data_drift(reference, current, multivariate="mmd")
    for name, feature in alone.features.items():
        assert shared.features[name].p_value == pytest.approx(min(1.0, 2 * feature.p_value))
