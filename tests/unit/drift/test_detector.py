"""The detector as users call it: the seed's blocks, the report, the decision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tauro.drift import DriftDetector, create_drift_detector
from tauro.errors import DriftDetectionError, DriftInputError, DriftOptionError


def frame(rows: int, seed: int, **changes: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "amount": rng.lognormal(3, 1, rows),
        "age": rng.integers(18, 90, rows),
        "country": rng.choice(["DE", "FR", "ES"], rows, p=[0.5, 0.3, 0.2]),
        "member": rng.random(rows) < 0.4,
        "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9000, rows), "h"),
    }
    return pd.DataFrame({**columns, **changes})


def test_the_seeds_block_runs() -> None:
    rng = np.random.default_rng(0)
    detector = DriftDetector(tenant_id="tenant_123")
    data_drift = detector.detect_data_drift(
        reference_data=rng.normal(size=(500, 3)),
        current_data=rng.normal(1, 1, size=(500, 3)),
        threshold=0.05,
    )
    assert data_drift["drift_detected"]
    assert 0 <= data_drift["p_value"] < 1e-6
    assert data_drift["threshold"] == 0.05
    assert list(data_drift["features"]) == ["column_0", "column_1", "column_2"]
    model_drift = detector.detect_model_drift(
        reference_metrics={"accuracy": 0.95, "f1": 0.93},
        current_metrics={"accuracy": 0.88, "f1": 0.85},
        threshold=0.1,
    )
    assert not model_drift["drift_detected"]
    assert model_drift["degradation"] == pytest.approx({"accuracy": 0.0736842, "f1": 0.0860215})
    both = detector.check_drift(
        reference_data=rng.normal(size=(500, 3)),
        current_data=rng.normal(size=(500, 3)),
        reference_metrics={"accuracy": 0.95},
        current_metrics={"accuracy": 0.7},
    )
    assert both["drift_detected"]
    assert not both["data_drift"]["drift_detected"]
    assert both["model_drift"]["degraded_metrics"] == ("accuracy",)


def test_every_kind_of_column_is_compared_and_none_drifts_by_chance() -> None:
    report = DriftDetector().detect_data_drift(frame(3000, 1), frame(2000, 2))
    assert not report.drift_detected
    assert {name: feature.kind for name, feature in report.features.items()} == {
        "amount": "numeric",
        "age": "numeric",
        "country": "categorical",
        "member": "boolean",
        "since": "datetime",
    }
    assert report.drifted_features == ()
    assert {feature.status for feature in report.features.values()} == {"stable"}
    assert report.summary == "No drift in 5 features at alpha 0.05."


def test_what_changed_is_named_with_its_direction() -> None:
    rng = np.random.default_rng(4)
    current = frame(2000, 2)
    current["amount"] *= 1.5
    current["since"] -= pd.Timedelta("100D")
    current["member"] = rng.random(2000) < 0.6
    current["country"] = rng.choice(["DE", "FR", "PT"], 2000)
    current.loc[rng.random(2000) < 0.2, "age"] = np.nan
    report = DriftDetector().detect_data_drift(frame(3000, 1), current)
    assert set(report.drifted_features) == set(current.columns)
    words = {name: feature.verdict for name, feature in report.features.items()}
    assert "values are higher: the median went from" in words["amount"]
    assert "dates are earlier: the median went from 2024-" in words["since"]
    assert "'true' rose from 38.8 % to 59.2 %. " in words["member"]
    assert "new category 'PT' holds" in words["country"]
    assert "missing values rose from 0.0 % to" in words["age"]
    for text in words.values():
        assert "3,000 reference against 2,000 current rows" in text
        assert "overwhelming evidence" in text


def test_missing_and_new_categories_are_checks_of_their_own() -> None:
    reference = pd.DataFrame({"x": np.arange(1000.0), "c": ["a", "b"] * 500})
    current = reference.copy()
    current.loc[:99, "x"] = np.nan
    current.loc[:29, "c"] = "z"
    report = DriftDetector().detect_data_drift(reference, current)
    missing = report.features["x"].check("missing")
    assert missing is not None
    assert missing.drift_detected
    assert missing.effect == pytest.approx(0.1)
    assert report.features["x"].check("new_categories") is None
    new = report.features["c"].check("new_categories")
    assert new is not None
    assert new.drift_detected
    assert new.effect == pytest.approx(0.03)


def test_significant_but_small_is_negligible() -> None:
    rng = np.random.default_rng(7)
    report = DriftDetector().detect_data_drift(
        rng.normal(size=60_000), rng.normal(0.05, 1, size=60_000)
    )
    feature = report.features["value"]
    assert feature.status == "negligible"
    assert feature.p_value < 1e-6
    assert feature.verdict.startswith("Too small to count: ")
    assert not report.drift_detected
    strict = DriftDetector(min_effect=0.0).detect_data_drift(
        rng.normal(size=60_000), rng.normal(0.05, 1, size=60_000)
    )
    assert strict.drift_detected


def test_too_few_rows_are_said_to_be_too_few() -> None:
    rng = np.random.default_rng(8)
    report = DriftDetector().detect_data_drift(rng.normal(size=12), rng.normal(size=400))
    assert report.features["value"].status == "too_few_rows"
    assert report.features["value"].verdict.startswith("Too few rows to say: ")
    assert "1 has too few rows to say" in report.summary
    far = DriftDetector().detect_data_drift(rng.normal(size=12), rng.normal(9, 1, size=400))
    assert far.drift_detected


def test_p_value_is_the_smallest_corrected() -> None:
    reference, current = frame(400, 1), frame(400, 2)
    plain = DriftDetector(correction="none").detect_data_drift(reference, current)
    bonferroni = DriftDetector(correction="bonferroni").detect_data_drift(reference, current)
    assert plain.p_value == min(
        check.p_value for feature in plain.features.values() for check in feature.checks
    )
    assert bonferroni.p_value == pytest.approx(min(1.0, 5 * plain.p_value))


def test_a_report_is_a_mapping_a_dict_a_frame_and_json(tmp_path: Path) -> None:
    report = DriftDetector("t1").detect_data_drift(frame(300, 1), frame(300, 2, age=5))
    assert dict(report)["tenant_id"] == "t1"
    assert "features" in report
    assert report["features"]["age"]["p_value"] == report.features["age"].p_value
    with pytest.raises(KeyError):
        report["nothing"]
    text = report.to_json(tmp_path / "report.json")
    assert json.loads(text) == json.loads((tmp_path / "report.json").read_text())
    document = json.loads(text)
    assert document["features"]["age"]["drift_detected"] is True
    assert document["features"]["age"]["reference"]["rows"] == 300
    assert document["features"]["age"]["checks"][0]["test"] == "ks"
    table = report.to_frame()
    assert table.loc[0, "feature"] == "age"
    assert set(table["check"]) == {"distribution"}
    assert str(report) == report.summary


def test_the_same_data_give_the_same_report_whatever_the_threads() -> None:
    reference, current = frame(30_000, 1), frame(25_000, 2)
    rare = [f"c{i}" for i in range(60)]
    reference["rare"] = np.resize(rare, len(reference))
    current["rare"] = np.resize(rare[:-1], len(current))
    one = DriftDetector(workers=1).detect_data_drift(reference, current)
    two = DriftDetector(workers=4).detect_data_drift(reference, current)
    assert one.to_json() == two.to_json()


def test_subclasses_add_checks_of_their_own() -> None:
    class CustomDriftDetector(DriftDetector):
        def detect_custom_drift(self, first: Any, second: Any) -> bool:
            return self.detect_data_drift(first, second).drift_detected

    detector = CustomDriftDetector(tenant_id="t")
    assert detector.detect_custom_drift(np.arange(100), np.arange(100) + 500)
    assert repr(detector).startswith("CustomDriftDetector(tenant_id='t'")


def test_the_factory_passes_its_options_on() -> None:
    detector = create_drift_detector("t", correction="bonferroni")
    assert detector.tenant_id == "t"
    assert detector.options.correction == "bonferroni"
    assert create_drift_detector(tenant_id="x").tenant_id == "x"


@pytest.mark.parametrize(
    "options",
    [
        {"numeric_test": "kss"},
        {"categorical_test": "ks"},
        {"correction": "holm"},
        {"infinite": "drop"},
        {"min_rows": 0},
        {"min_effect": -1},
        {"min_effect": {"ksx": 0.1}},
        {"kinds": {"a": "number"}},
    ],
)
def test_wrong_options_are_refused_with_what_is_allowed(options: dict[str, Any]) -> None:
    with pytest.raises(DriftOptionError, match=f"{next(iter(options))}"):
        DriftDetector(**options)


@pytest.mark.parametrize("threshold", [0, 1, 1.5, -0.1, "0.05", True, None, float("nan")])
def test_a_threshold_must_be_a_chance(threshold: Any) -> None:
    with pytest.raises(DriftOptionError, match="threshold is"):
        DriftDetector().detect_data_drift([1, 2, 3], [1, 2, 3], threshold=threshold)


def test_check_drift_needs_whole_pairs() -> None:
    detector = DriftDetector()
    with pytest.raises(DriftInputError, match="nothing to compare"):
        detector.check_drift()
    with pytest.raises(DriftInputError, match="reference_data without current_data"):
        detector.check_drift(reference_data=[1, 2])
    with pytest.raises(DriftInputError, match="current_metrics without reference_metrics"):
        detector.check_drift(current_metrics={"a": 1})
    alone = detector.check_drift(reference_metrics={"a": 1.0}, current_metrics={"a": 0.5})
    assert alone["data_drift"] is None
    assert alone.drift_detected


@pytest.mark.parametrize("absurd", [..., None, 5, "no such file.csv", object()])
def test_absurd_data_are_a_drift_detection_error(absurd: Any) -> None:
    with pytest.raises(DriftDetectionError):
        DriftDetector().detect_data_drift(reference_data=absurd, current_data=[1, 2, 3])
    with pytest.raises(DriftDetectionError):
        DriftDetector().detect_data_drift(reference_data=[1, 2, 3], current_data=absurd)
