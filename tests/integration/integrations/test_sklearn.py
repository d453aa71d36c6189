"""scikit-learn: a fitted estimator, a pipeline, a search."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.integration.integrations._common import TRAIN, VALID, X, Y, curve, only_run

import tauro
from tauro.errors import ValidationError
from tauro.mlops import ExperimentTracker, Run, RunStatus

pytestmark = pytest.mark.usefixtures("store")
sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from sklearn.ensemble import GradientBoostingClassifier  # noqa: E402 - after the skip
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402
from sklearn.metrics import f1_score, roc_auc_score, root_mean_squared_error  # noqa: E402
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV  # noqa: E402
from sklearn.neighbors import KNeighborsRegressor  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer, StandardScaler  # noqa: E402

from tauro.integrations.sklearn import log_estimator  # noqa: E402

XT, YT, XV, YV = X[TRAIN], Y[TRAIN], X[VALID], Y[VALID]


def children(reader: ExperimentTracker, parent: Run) -> list[Run]:
    """Return the candidates' runs, by candidate."""
    found = [each.run_id for each in reader.query_runs().runs if each.run_id != parent.run_id]
    runs = [reader.get_run(run_id) for run_id in found]
    assert {run.parent_run_id for run in runs} <= {parent.run_id}
    return sorted(runs, key=lambda run: int(run.tags["sklearn.candidate"]))


def test_a_classifier_s_parameters_and_scores(reader: ExperimentTracker) -> None:
    model = LogisticRegression(C=0.5).fit(XT, YT)
    with tauro.start_run() as run:
        returned = log_estimator(model, X=XV, y=YV)
    found = reader.get_run(run.run_id)
    assert found.parameters["C"] == 0.5
    assert found.parameters["estimator"] == "LogisticRegression"
    assert found.tags["estimator"] == "LogisticRegression"
    guess, chance = model.predict(XV), model.predict_proba(XV)[:, 1]
    assert found.metrics["test_accuracy"] == found.metrics["test_score"] == (guess == YV).mean()
    assert found.metrics["test_f1_macro"] == pytest.approx(f1_score(YV, guess, average="macro"))
    assert found.metrics["test_roc_auc"] == pytest.approx(roc_auc_score(YV, chance))
    assert returned == found.metrics


def test_several_classes_and_words_as_labels(reader: ExperimentTracker) -> None:
    words = pd.cut(X["a"], 3, labels=["low", "mid", "high"]).astype(str)
    model = LogisticRegression().fit(X, words)
    with tauro.start_run() as run:
        log_estimator(model, X=X, y=words, prefix="training_")
    found = reader.get_run(run.run_id).metrics
    assert found["training_accuracy"] == model.score(X, words)
    area = roc_auc_score(words, model.predict_proba(X), multi_class="ovr")
    assert found["training_roc_auc"] == pytest.approx(area)


def test_data_without_every_class_have_no_area_under_the_curve(
    reader: ExperimentTracker,
) -> None:
    model = LogisticRegression().fit(XT, YT)
    ones = YV == 1
    with tauro.start_run() as run:
        log_estimator(model, X=XV[ones], y=YV[ones])
    found = reader.get_run(run.run_id).metrics
    assert "test_roc_auc" not in found
    assert found["test_accuracy"] == model.score(XV[ones], YV[ones])


def test_a_regressor_s_scores(reader: ExperimentTracker) -> None:
    model = LinearRegression().fit(XT[["a"]], XT["b"])
    with tauro.start_run() as run:
        log_estimator(model, X=XV[["a"]], y=XV["b"])
    found = reader.get_run(run.run_id).metrics
    error = root_mean_squared_error(XV["b"], model.predict(XV[["a"]]))
    assert found["test_rmse"] == pytest.approx(error)
    assert found["test_r2"] == found["test_score"]


def test_several_outputs_have_their_own_score_alone(reader: ExperimentTracker) -> None:
    model = KNeighborsRegressor(3).fit(XT, XT[["a", "b"]])
    with tauro.start_run() as run:
        log_estimator(model, X=XV, y=XV[["a", "b"]])
    assert set(reader.get_run(run.run_id).metrics) == {"test_score"}


def test_a_pipeline_s_steps_are_parameters(reader: ExperimentTracker) -> None:
    model = make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression())
    with tauro.start_run() as run:
        log_estimator(model.fit(XT, YT))
    found = reader.get_run(run.run_id)
    assert found.parameters["logisticregression__C"] == 1.0
    assert found.parameters["functiontransformer__func"] == "log1p"
    assert found.parameters["standardscaler"] == "StandardScaler()"
    assert found.metrics["n_iter"] == model[-1].n_iter_[0]


def test_curves_of_training_are_histories(reader: ExperimentTracker) -> None:
    net = MLPClassifier((4,), early_stopping=True, max_iter=12, random_state=0)
    with tauro.start_run() as run:
        log_estimator(make_pipeline(StandardScaler(), net).fit(XT, YT))
    steps, values = curve(reader, run, "loss")
    assert (steps, values) == (list(range(net.n_iter_)), net.loss_curve_)
    assert curve(reader, run, "validation_score")[1] == net.validation_scores_
    found = reader.get_run(run.run_id).metrics
    assert found["best_validation_score"] == net.best_validation_score_

    boosted = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(XT, YT)
    with tauro.start_run() as run:
        log_estimator(boosted)
    assert curve(reader, run, "train_score")[1] == list(boosted.train_score_)


def test_what_cannot_be_recorded_leaves_no_run(reader: ExperimentTracker) -> None:
    with pytest.raises(NotFittedError):
        log_estimator(LogisticRegression())
    with pytest.raises(ValidationError, match="without X"):
        log_estimator(LogisticRegression().fit(XT, YT), y=YV)
    with pytest.raises(ValueError, match="features"):
        log_estimator(LogisticRegression().fit(XT.to_numpy(), YT), X=XV.to_numpy()[:, :2], y=YV)
    assert reader.query_runs().runs == []


class TestSearch:
    """A search is a run, its candidates are child runs."""

    def search(self, **options: Any) -> Any:
        grid = {"C": [0.01, 0.1, 1.0, 10.0]}
        return GridSearchCV(LogisticRegression(), grid, cv=3, **options).fit(XT, YT)

    def test_each_candidate_is_a_child(self, reader: ExperimentTracker) -> None:
        found = self.search()
        with tauro.start_run() as parent:
            log_estimator(found)
        runs = children(reader, parent)
        assert [run.parameters["C"] for run in runs] == [0.01, 0.1, 1.0, 10.0]
        means = [run.metrics["mean_test_score"] for run in runs]
        assert means == pytest.approx(list(found.cv_results_["mean_test_score"]))
        assert {run.status for run in runs} == {RunStatus.COMPLETED}
        folds = [found.cv_results_[f"split{fold}_test_score"][2] for fold in range(3)]
        assert curve(reader, runs[2], "fold_score") == ([0, 1, 2], pytest.approx(folds))

    def test_the_parent_has_the_best_and_the_whole_table(self, reader: ExperimentTracker) -> None:
        found = self.search()
        with tauro.start_run() as parent:
            log_estimator(found, X=XV, y=YV)
        kept = reader.get_run(parent.run_id)
        assert kept.parameters["best_C"] == found.best_params_["C"]
        assert kept.metrics["best_score"] == found.best_score_
        assert kept.metrics["best_index"] == found.best_index_
        assert kept.metrics["test_accuracy"] == found.score(XV, YV)
        path = f"experiment_tracking/artifacts/{parent.run_id}/cv_results.csv"
        table = pd.read_csv(io.BytesIO(reader.storage.read_bytes(path)))
        assert list(table["param_C"]) == [0.01, 0.1, 1.0, 10.0]
        assert kept.metrics["candidates"] == 4

    def test_of_many_candidates_the_best_have_runs(self, reader: ExperimentTracker) -> None:
        found = self.search()
        with tauro.start_run() as parent:
            log_estimator(found, max_candidates=2)
        ranks = [run.metrics["rank_test_score"] for run in children(reader, parent)]
        assert len(ranks) == 2
        assert max(ranks) <= sorted(found.cv_results_["rank_test_score"])[1]
        assert reader.get_run(parent.run_id).metrics["candidates"] == 4

    def test_several_metrics_and_no_refit(self, reader: ExperimentTracker) -> None:
        found = self.search(scoring=["accuracy", "roc_auc"], refit=False)
        with tauro.start_run() as parent:
            log_estimator(found)
        run = children(reader, parent)[0]
        assert run.metrics["mean_test_roc_auc"] == pytest.approx(
            found.cv_results_["mean_test_roc_auc"][0]
        )
        assert len(curve(reader, run, "fold_accuracy")[0]) == 3
        assert "best_score" not in reader.get_run(parent.run_id).metrics

    def test_a_random_search_and_no_active_run(self, reader: ExperimentTracker) -> None:
        search = RandomizedSearchCV(
            GradientBoostingClassifier(n_estimators=2),
            {"init": [None, "zero"], "max_depth": [1, 2]},
            n_iter=2,
            cv=2,
            random_state=0,
        )
        log_estimator(search.fit(XT, YT))
        parent = tauro.end_run()
        assert len(children(reader, parent)) == 2


def test_a_given_run_is_used(reader: ExperimentTracker) -> None:
    mine = tauro.start_run("mine")
    mine.end()
    again = tauro.mlops.get_mlops_context().experiment_tracker.resume_run(mine)
    log_estimator(LogisticRegression().fit(XT, YT), again)
    again.end()
    assert only_run(reader).parameters["C"] == 1.0
