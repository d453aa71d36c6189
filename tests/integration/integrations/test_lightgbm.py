"""LightGBM's callback, in its native and its scikit-learn interface."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.integrations._common import TRAIN, VALID, X, Y, curve, only_run

import tauro
from tauro.mlops import ExperimentTracker

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("default"),  # the framework's own warnings are not ours
    pytest.mark.usefixtures("store"),
]
lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed")
from tauro.integrations.lightgbm import TrackingCallback  # noqa: E402 - after the skip

PARAMS = {
    "objective": "binary",
    "metric": ["binary_logloss", "auc"],
    "num_leaves": 4,
    "min_data_in_leaf": 5,
    "num_threads": 1,
    "verbose": -1,
}


def train(*callbacks: Any, rounds: int = 10) -> tuple[Any, dict[str, Any]]:
    """Train on the common data; return the booster and LightGBM's own record."""
    data = lightgbm.Dataset(X[TRAIN], Y[TRAIN])
    seen: dict[str, Any] = {}
    booster = lightgbm.train(
        PARAMS,
        data,
        rounds,
        valid_sets=[data, lightgbm.Dataset(X[VALID], Y[VALID], reference=data)],
        valid_names=["training", "valid"],
        callbacks=[*callbacks, lightgbm.record_evaluation(seen)],
    )
    return booster, seen


def test_curves_are_those_that_lightgbm_recorded(reader: ExperimentTracker) -> None:
    with tauro.start_run("boosted") as run:
        _, seen = train(TrackingCallback())
    for data in ("training", "valid"):
        for metric in ("binary_logloss", "auc"):
            steps, values = curve(reader, run, f"{data}_{metric}")
            assert steps == list(range(10))
            assert values == seen[data][metric]


def test_parameters_are_those_of_the_training(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        train(TrackingCallback(), rounds=7)
    found = reader.get_run(run.run_id).parameters
    asked = {"objective": "binary", "num_leaves": 4, "num_iterations": 7}
    assert {name: found[name] for name in asked} == asked
    assert found["metric"] == ["binary_logloss", "auc"]


def test_the_best_iteration_is_early_stopping_s(reader: ExperimentTracker) -> None:
    stop = lightgbm.early_stopping(3, first_metric_only=True, verbose=False)
    with tauro.start_run() as run:
        booster, seen = train(stop, TrackingCallback(), rounds=100)
    losses = seen["valid"]["binary_logloss"]
    assert len(losses) < 100, "the data should make it stop early"
    found = reader.get_run(run.run_id).metrics
    assert found["best_iteration"] == booster.best_iteration - 1 == losses.index(min(losses))
    assert found["best_score"] == booster.best_score["valid"]["binary_logloss"]


def test_a_greater_score_is_better_where_the_metric_says_so(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        model = lightgbm.LGBMClassifier(n_estimators=8, num_leaves=4, n_jobs=1, verbose=-1)
        model.fit(
            X[TRAIN],
            Y[TRAIN],
            eval_set=[(X[VALID], Y[VALID])],
            eval_metric=["auc"],
            callbacks=[TrackingCallback()],
        )
    (data,) = model.evals_result_
    kept = reader.get_run(run.run_id)
    steps, values = curve(reader, run, f"{data}_auc")
    assert values == model.evals_result_[data]["auc"]
    first = next(iter(model.evals_result_[data]))
    better = max if first == "auc" else min
    assert kept.metrics["best_score"] == better(model.evals_result_[data][first])
    assert kept.parameters["num_leaves"] == 4
    assert len(steps) == 8


def test_a_cross_validation_gives_mean_and_spread(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        table = lightgbm.cv(
            {**PARAMS, "metric": "auc"},
            lightgbm.Dataset(X, Y),
            5,
            nfold=3,
            callbacks=[TrackingCallback()],
        )
    assert curve(reader, run, "valid_auc")[1] == table["valid auc-mean"]
    assert curve(reader, run, "valid_auc_std")[1] == table["valid auc-stdv"]
    assert reader.get_run(run.run_id).metrics["best_score"] == max(table["valid auc-mean"])


def test_a_training_without_evaluations_keeps_its_parameters(reader: ExperimentTracker) -> None:
    lightgbm.train(PARAMS, lightgbm.Dataset(X, Y), 2, callbacks=[TrackingCallback()])
    tauro.end_run()
    found = only_run(reader)
    assert found.parameters["num_iterations"] == 2
    assert found.metrics == {}


def test_a_callback_used_again_starts_anew(reader: ExperimentTracker) -> None:
    callback = TrackingCallback()
    with tauro.start_run():
        _, first = train(callback, rounds=20)
    with tauro.start_run() as run:
        _, second = train(callback, rounds=2)
    assert min(second["valid"]["binary_logloss"]) > min(first["valid"]["binary_logloss"])
    found = reader.get_run(run.run_id).metrics
    assert found["best_score"] == min(second["valid"]["binary_logloss"])
