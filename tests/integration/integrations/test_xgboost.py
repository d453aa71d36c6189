"""XGBoost's callback, in its native and its scikit-learn interface."""

from __future__ import annotations

import copy
import pickle

import pytest
from tests.integration.integrations._common import TRAIN, VALID, X, Y, curve, only_run

import tauro
from tauro.mlops import ExperimentTracker

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("default"),  # the framework's own warnings are not ours
    pytest.mark.usefixtures("store"),
]
xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
from tauro.integrations.xgboost import TrackingCallback  # noqa: E402 - after the skip

PARAMS = {
    "objective": "binary:logistic",
    "max_depth": 2,
    "eta": 0.3,
    "eval_metric": "logloss",
    "nthread": 1,
}


def train(callback: TrackingCallback, rounds: int = 10, **options: object) -> dict[str, object]:
    """Train on the common data; return the evaluations as XGBoost recorded them."""
    seen: dict[str, object] = {}
    data = {
        "train": xgboost.DMatrix(X[TRAIN], Y[TRAIN]),
        "valid": xgboost.DMatrix(X[VALID], Y[VALID]),
    }
    xgboost.train(
        PARAMS,
        data["train"],
        rounds,
        evals=[(matrix, name) for name, matrix in data.items()],
        evals_result=seen,
        verbose_eval=False,
        callbacks=[callback],
        **options,
    )
    return seen


def test_curves_are_those_that_xgboost_recorded(reader: ExperimentTracker) -> None:
    with tauro.start_run("boosted") as run:
        seen = train(TrackingCallback())
    for data in ("train", "valid"):
        steps, values = curve(reader, run, f"{data}_logloss")
        assert steps == list(range(10))
        assert values == pytest.approx(seen[data]["logloss"])  # type: ignore[index]


def test_the_parameters_are_the_training_s_own_with_defaults(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        train(TrackingCallback(), rounds=1)
    found = reader.get_run(run.run_id).parameters
    asked = {"objective": "binary:logistic", "booster": "gbtree", "max_depth": 2, "eta": 0.3}
    assert {name: found[name] for name in asked} == asked
    assert (found["subsample"], found["seed"]) == (1, 0)
    assert "num_trees" not in found


def test_early_stopping_s_best_is_kept(reader: ExperimentTracker) -> None:
    callback = TrackingCallback()
    with tauro.start_run() as run:
        seen = train(callback, rounds=60, early_stopping_rounds=3)
    losses = seen["valid"]["logloss"]  # type: ignore[index]
    assert len(losses) < 60, "the data should make it stop early"
    found = reader.get_run(run.run_id).metrics
    assert found["best_iteration"] == losses.index(min(losses))
    assert found["best_score"] == pytest.approx(min(losses))


def test_without_early_stopping_no_best_is_claimed(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        train(TrackingCallback(), rounds=2)
    assert set(reader.get_run(run.run_id).metrics) == {"train_logloss", "valid_logloss"}


def test_the_scikit_learn_interface_logs_the_same(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        model = xgboost.XGBClassifier(
            n_estimators=30,
            learning_rate=0.2,
            callbacks=[TrackingCallback()],
            early_stopping_rounds=4,
            n_jobs=1,
        )
        model.fit(X[TRAIN], Y[TRAIN], eval_set=[(X[VALID], Y[VALID])], verbose=False)
    found = reader.get_run(run.run_id)
    assert found.parameters["learning_rate"] == 0.2
    assert found.metrics["best_iteration"] == model.best_iteration
    _, values = curve(reader, run, "validation_0_logloss")
    assert values == pytest.approx(model.evals_result()["validation_0"]["logloss"])


def test_a_cross_validation_gives_mean_and_spread(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        table = xgboost.cv(
            PARAMS, xgboost.DMatrix(X, Y), 5, nfold=3, callbacks=[TrackingCallback()]
        )
    _, means = curve(reader, run, "test_logloss")
    _, spreads = curve(reader, run, "test_logloss_std")
    assert means == pytest.approx(table["test-logloss-mean"].to_list())
    assert spreads == pytest.approx(table["test-logloss-std"].to_list())
    assert reader.get_run(run.run_id).parameters["max_depth"] == 2


def test_without_a_run_one_opens(reader: ExperimentTracker) -> None:
    train(TrackingCallback(), rounds=2)
    tauro.end_run()
    assert len(curve(reader, only_run(reader), "valid_logloss")[0]) == 2


def test_a_given_run_is_used_whatever_is_active(reader: ExperimentTracker) -> None:
    mine = tauro.start_run("mine")
    with tauro.start_run("other") as other:
        train(TrackingCallback(mine), rounds=2)
    mine.end()
    assert "valid_logloss" in reader.get_run(mine.run_id).metrics
    assert reader.get_run(other.run_id).metrics == {}


def test_one_callback_follows_the_active_run_of_each_training(reader: ExperimentTracker) -> None:
    callback = TrackingCallback()
    for rounds in (2, 3):
        with tauro.start_run() as run:
            train(callback, rounds=rounds)
        assert len(curve(reader, run, "valid_logloss")[0]) == rounds


def test_copies_of_an_estimator_s_callback_log_to_the_same_run(reader: ExperimentTracker) -> None:
    """scikit-learn clones estimators, and people pickle them."""
    with tauro.start_run() as run:
        callback = TrackingCallback(run)
        train(copy.deepcopy(callback), rounds=2)
    assert len(curve(reader, run, "valid_logloss")[0]) == 2
    with tauro.start_run() as later:
        train(pickle.loads(pickle.dumps(callback)), rounds=3)
    assert len(curve(reader, later, "valid_logloss")[0]) == 3
