"""Model drift: only a change for the worse counts, relative to the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tauro.drift import DriftDetector
from tauro.drift._model_drift import direction_of
from tauro.errors import DriftInputError, DriftOptionError


@pytest.mark.parametrize(
    "metric",
    [
        "loss", "val_loss", "rmse", "MAE", "mean_squared_error", "log_loss", "logloss", "errors",
        "latency_ms", "valLoss", "hinge_loss", "brier_score_loss", "test/mse", "crossEntropy",
        "val.RMSE", "false_positive_error", "fpr", "KL", "mean_absolute_percentage_error",
        "false_positive_rate", "false_discovery_rate", "miss_rate", "BIC", "crps",
    ],
)  # fmt: skip
def test_losses_are_better_when_lower(metric: str) -> None:
    assert direction_of(metric) == "lower"


@pytest.mark.parametrize(
    "metric",
    [
        "accuracy", "f1", "f1_macro", "roc_auc", "r2", "precision", "recall", "neg_log_loss",
        "neg_mean_squared_error", "closeness", "terror_recall", "mAP",
    ],
)  # fmt: skip
def test_scores_are_better_when_higher(metric: str) -> None:
    assert direction_of(metric) == "higher"


def test_a_fall_of_a_score_and_a_rise_of_a_loss_count() -> None:
    report = DriftDetector().detect_model_drift(
        reference_metrics={"accuracy": 0.9, "loss": 0.2, "f1": 0.8, "rmse": 2.0},
        current_metrics={"accuracy": 0.7, "loss": 0.3, "f1": 0.95, "rmse": 1.0},
    )
    assert report["drift_detected"]
    assert report["degraded_metrics"] == ("loss", "accuracy")
    assert report["degradation"] == pytest.approx(
        {"accuracy": 0.2 / 0.9, "loss": 0.5, "f1": -0.1875, "rmse": -0.5}
    )
    assert report["directions"]["rmse"] == "lower"
    assert "loss from 0.2 to 0.3 (50.0 % worse)" in str(report)


def test_improvement_never_counts() -> None:
    report = DriftDetector().detect_model_drift(
        reference_metrics={"accuracy": 0.5, "loss": 9.0}, current_metrics={"accuracy": 1, "loss": 0}
    )
    assert not report.drift_detected
    assert all(change <= 0 for change in report.degradation.values())


def test_a_given_direction_overrides_the_name() -> None:
    metrics = ({"score": 1.0}, {"score": 2.0})
    assert not DriftDetector().detect_model_drift(*metrics).drift_detected
    assert DriftDetector().detect_model_drift(*metrics, directions={"score": "lower"})[
        "drift_detected"
    ]


def test_exactly_the_threshold_is_allowed_despite_binary_rounding() -> None:
    report = DriftDetector().detect_model_drift({"accuracy": 0.9}, {"accuracy": 0.81}, 0.1)
    assert not report.drift_detected
    assert DriftDetector().detect_model_drift({"a": 0.9}, {"a": 0.8099}, 0.1).drift_detected


def test_zero_and_negative_references_have_a_sign() -> None:
    report = DriftDetector().detect_model_drift(
        {"loss": 0.0, "r2": -0.5, "same": 0.0}, {"loss": 0.1, "r2": -1.0, "same": 0.0}
    )
    assert report.degradation["loss"] == math.inf
    assert report.degradation["r2"] == 1.0
    assert report.degradation["same"] == 0.0
    assert report.to_dict()["degradation"]["loss"] is None
    assert "from zero worse" in report.summary


def test_numpy_scalars_are_numbers_and_extra_current_metrics_are_ignored() -> None:
    report = DriftDetector().detect_model_drift(
        {"accuracy": np.float32(0.5)},  # type: ignore[dict-item]
        {"accuracy": np.float64(0.5), "new": 3},
    )
    assert list(report.current_metrics) == ["accuracy"]


@pytest.mark.parametrize(
    ("reference", "current", "words"),
    [
        ({}, {"a": 1}, "reference_metrics is empty"),
        ({"a": 1}, {}, "current_metrics is empty"),
        (..., {"a": 1}, "reference_metrics is Ellipsis"),
        ({"a": 1}, None, "current_metrics is None"),
        ({"a": math.nan}, {"a": 1}, "finite number"),
        ({"a": True}, {"a": 1}, "finite number"),
        ({"a": "0.9"}, {"a": 1}, "finite number"),
        ({"a": 1}, {"a": None}, "finite number"),
        ({"accuracy": 1}, {"acuracy": 1}, "Did you mean 'acuracy'"),
    ],
)
def test_bad_metrics_are_refused(reference: Any, current: Any, words: str) -> None:
    with pytest.raises(DriftInputError) as caught:
        DriftDetector().detect_model_drift(reference, current)
    assert words in str(caught.value)


def test_bad_thresholds_and_directions_are_refused() -> None:
    detector = DriftDetector()
    with pytest.raises(DriftOptionError, match="threshold is 0"):
        detector.detect_model_drift({"a": 1}, {"a": 1}, threshold=0)
    with pytest.raises(DriftOptionError, match="direction of 'a'"):
        detector.detect_model_drift({"a": 1}, {"a": 1}, directions={"a": "up"})  # type: ignore[dict-item]
    assert not detector.detect_model_drift({"a": 1}, {"a": 1}, threshold=2).drift_detected


def test_directions_of_no_metric_or_none_at_all_are_refused() -> None:
    detector = DriftDetector()
    with pytest.raises(DriftOptionError, match="Did you mean 'gap'"):
        detector.detect_model_drift({"gap": 1.0}, {"gap": 1.0}, directions={"gab": "lower"})
    with pytest.raises(DriftOptionError, match="a mapping of metrics"):
        detector.detect_model_drift({"gap": 1.0}, {"gap": 1.0}, directions=["gap"])  # type: ignore[arg-type]
