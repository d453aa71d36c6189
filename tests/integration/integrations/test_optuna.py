"""Optuna's callback: a study is a run, its trials are child runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.integration.integrations._common import curve

import tauro
from tauro.mlops import ExperimentTracker, Run, RunStatus

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("default"),  # the framework's own warnings are not ours
    pytest.mark.usefixtures("store"),
]
optuna = pytest.importorskip("optuna", reason="Optuna is not installed")
from tauro.integrations.optuna import TrackingCallback  # noqa: E402 - after the skip

optuna.logging.set_verbosity(optuna.logging.ERROR)


def study(**options: Any) -> Any:
    sampler = optuna.samplers.RandomSampler(seed=3)
    return optuna.create_study(study_name="bowl", sampler=sampler, **options)


def bowl(trial: Any) -> float:
    x = trial.suggest_float("x", -1, 1)
    kind = trial.suggest_categorical("kind", ["flat", "steep"])
    return float(x**2 * (1 if kind == "flat" else 3))


def trials(reader: ExperimentTracker, parent: Run) -> list[Run]:
    """Return the runs of the trials, by number; there is no other run beside the study's."""
    found = [each.run_id for each in reader.query_runs().runs if each.run_id != parent.run_id]
    runs = [reader.get_run(run_id) for run_id in found]
    assert {run.parent_run_id for run in runs} <= {parent.run_id}
    assert {run.experiment_id for run in runs} <= {parent.experiment_id}
    return sorted(runs, key=lambda run: int(run.tags["optuna.trial"]))


def the_study(reader: ExperimentTracker) -> Run:
    """Return the one run that is no trial's."""
    (found,) = [row.run_id for row in reader.query_runs().runs if row.parent_run_id is None]
    return reader.get_run(found)


def test_each_trial_is_a_child_with_parameters_value_and_state(reader: ExperimentTracker) -> None:
    searched = study()
    with tauro.start_run("search") as parent:
        searched.optimize(bowl, n_trials=6, callbacks=[TrackingCallback()])
    found = trials(reader, parent)
    assert [run.parameters for run in found] == [trial.params for trial in searched.trials]
    assert [run.metrics["value"] for run in found] == [trial.value for trial in searched.trials]
    assert {(run.status, run.tags["optuna.state"]) for run in found} == {
        (RunStatus.COMPLETED, "COMPLETE")
    }
    assert [run.name for run in found] == [f"trial {number}" for number in range(6)]


def test_the_study_s_run_has_the_best_and_what_was_searched(reader: ExperimentTracker) -> None:
    searched = study()
    with tauro.start_run("search") as parent:
        searched.optimize(bowl, n_trials=6, callbacks=[TrackingCallback()])
    found = reader.get_run(parent.run_id)
    assert found.metrics["best_value"] == searched.best_value
    assert found.metrics["best_trial"] == searched.best_trial.number
    assert found.parameters["best_x"] == searched.best_params["x"]
    assert found.parameters["best_kind"] == searched.best_params["kind"]
    assert found.parameters["directions"] == ["minimize"]
    assert found.parameters["sampler"] == "RandomSampler"
    assert "low=-1.0" in found.parameters["search_space.x"]
    assert found.tags["optuna.study"] == "bowl"
    falling = curve(reader, parent, "best_value")[1]
    assert falling == sorted(falling, reverse=True)


def test_without_a_run_the_study_opens_one(reader: ExperimentTracker) -> None:
    study().optimize(bowl, n_trials=2, callbacks=[TrackingCallback()])
    active = tauro.active_run()
    assert active is not None, "the trials' runs are over, the study's is active"
    tauro.end_run()
    assert len(trials(reader, active)) == 2


def test_a_pruned_trial_is_cancelled_with_its_reports(reader: ExperimentTracker) -> None:
    def objective(trial: Any) -> float:
        for step in range(3):
            trial.report(10.0 - step, step)
        raise optuna.TrialPruned

    with tauro.start_run() as parent:
        study().optimize(objective, n_trials=1, callbacks=[TrackingCallback()])
    (run,) = trials(reader, parent)
    assert (run.status, run.tags["optuna.state"]) == (RunStatus.CANCELLED, "PRUNED")
    assert curve(reader, run, "intermediate_value") == ([0, 1, 2], [10.0, 9.0, 8.0])
    assert "value" not in run.metrics


def test_a_failure_that_the_study_survives_is_a_failed_run(reader: ExperimentTracker) -> None:
    def objective(trial: Any) -> float:
        if trial.suggest_int("n", 0, 5) >= 0 and trial.number == 0:
            raise ValueError("no luck")
        return 1.0

    with tauro.start_run() as parent:
        study().optimize(objective, n_trials=2, catch=(ValueError,), callbacks=[TrackingCallback()])
    failed, good = trials(reader, parent)
    assert (failed.status, failed.tags["optuna.state"]) == (RunStatus.FAILED, "FAIL")
    assert "n" in failed.parameters
    assert good.status is RunStatus.COMPLETED


def test_user_attributes_are_tags(reader: ExperimentTracker) -> None:
    def objective(trial: Any) -> float:
        trial.set_user_attr("fold", 3)
        return 0.0

    with tauro.start_run() as parent:
        study().optimize(objective, n_trials=1, callbacks=[TrackingCallback()])
    assert trials(reader, parent)[0].tags["fold"] == "3"


def test_several_objectives_have_a_metric_each(reader: ExperimentTracker) -> None:
    searched = study(directions=["minimize", "maximize"])
    named = study(directions=["minimize", "maximize"])
    named.set_metric_names(["loss", "speed"])
    for each, names in ((searched, ["value_0", "value_1"]), (named, ["loss", "speed"])):
        with tauro.start_run() as parent:
            each.optimize(lambda trial: (1.0, 2.0), n_trials=1, callbacks=[TrackingCallback()])
        found = [r for r in reader.query_runs().runs if r.parent_run_id == parent.run_id]
        assert [found[0].metrics[name] for name in names] == [1.0, 2.0]
        assert "best_value" not in reader.get_run(parent.run_id).metrics


def test_trials_in_threads_find_the_study_s_run(reader: ExperimentTracker) -> None:
    searched = study()
    with tauro.start_run("search") as parent:
        tracking = TrackingCallback()
        searched.optimize(tracking.track(bowl), n_trials=8, n_jobs=3, callbacks=[tracking])
    found = trials(reader, parent)
    assert [run.parameters for run in found] == [trial.params for trial in searched.trials]
    assert reader.get_run(parent.run_id).metrics["best_value"] == searched.best_value


def test_threads_without_a_run_share_one(reader: ExperimentTracker) -> None:
    study().optimize(bowl, n_trials=4, n_jobs=2, callbacks=[TrackingCallback()])
    tauro.log_param("after", 1)
    tauro.mlops.get_mlops_context().experiment_tracker.close()
    parent = the_study(reader)
    assert parent.parameters["after"] == 1
    assert len(trials(reader, parent)) == 4


class TestTrack:
    """The objective with its trial's run active around it."""

    def test_what_the_objective_logs_goes_to_its_trial(self, reader: ExperimentTracker) -> None:
        def objective(trial: Any) -> float:
            for step in range(3):
                tauro.log_metric("loss", trial.number + step, step=step)
            return 0.5

        tracking = TrackingCallback()
        with tauro.start_run() as parent:
            study().optimize(tracking.track(objective), n_trials=2, callbacks=[tracking])
            assert tauro.active_run() == parent
        first, second = trials(reader, parent)
        assert curve(reader, first, "loss")[1] == [0.0, 1.0, 2.0]
        assert curve(reader, second, "loss")[1] == [1.0, 2.0, 3.0]
        assert first.metrics["value"] == 0.5
        assert "loss" not in reader.get_run(parent.run_id).metrics

    def test_a_failure_that_ends_the_study_is_recorded(self, reader: ExperimentTracker) -> None:
        def objective(trial: Any) -> float:
            trial.suggest_int("n", 1, 1)
            raise ValueError("broken data")

        tracking = TrackingCallback()
        with tauro.start_run() as parent, pytest.raises(ValueError, match="broken data"):
            study().optimize(tracking.track(objective), n_trials=2, callbacks=[tracking])
        (run,) = trials(reader, parent)
        assert run.status is RunStatus.FAILED
        assert run.error is not None
        assert run.error.message == "broken data"
        assert (run.parameters, run.tags["optuna.state"]) == ({"n": 1}, "FAIL")

    def test_a_failure_that_it_survives_is_one_run(self, reader: ExperimentTracker) -> None:
        def objective(trial: Any) -> float:
            raise ValueError("broken data")

        tracking = TrackingCallback()
        with tauro.start_run() as parent:
            study().optimize(
                tracking.track(objective), n_trials=2, catch=(ValueError,), callbacks=[tracking]
            )
        assert [run.status for run in trials(reader, parent)] == [RunStatus.FAILED] * 2

    def test_pruning_is_not_failing(self, reader: ExperimentTracker) -> None:
        def objective(trial: Any) -> float:
            raise optuna.TrialPruned

        tracking = TrackingCallback()
        with tauro.start_run() as parent:
            study().optimize(tracking.track(objective), n_trials=1, callbacks=[tracking])
        (run,) = trials(reader, parent)
        assert (run.status, run.error) == (RunStatus.CANCELLED, None)

    def test_a_value_that_optuna_refuses_is_a_failed_trial(self, reader: ExperimentTracker) -> None:
        tracking = TrackingCallback()
        with tauro.start_run() as parent:
            study().optimize(tracking.track(lambda _: "bad"), n_trials=1, callbacks=[tracking])
        (run,) = trials(reader, parent)
        assert (run.status, run.tags["optuna.state"]) == (RunStatus.FAILED, "FAIL")


def test_the_store_s_files_name_the_parent(reader: ExperimentTracker) -> None:
    """Not only our reader sees it: the run's document says it."""
    study().optimize(bowl, n_trials=1, callbacks=[TrackingCallback()])
    tauro.end_run()
    parent = the_study(reader)
    (child,) = trials(reader, parent)
    path = f"experiment_tracking/runs/{child.experiment_id}/{child.run_id}.json"
    assert json.loads(reader.storage.read_bytes(path))["parent_run_id"] == parent.run_id
