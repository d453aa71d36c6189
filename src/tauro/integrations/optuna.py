"""Optuna: a callback that records a study as a run and each of its trials as a child run."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final

from tauro._internal._optional import load
from tauro.integrations._target import RunTarget, plain_parameters
from tauro.tracking import Run, RunStatus

_optuna: Any = load("optuna", purpose=__name__)

_STATUS: Final[Mapping[str, RunStatus]] = {
    "COMPLETE": RunStatus.COMPLETED,
    "PRUNED": RunStatus.CANCELLED,
    "FAIL": RunStatus.FAILED,
}


class TrackingCallback:
    """Record a study of Optuna in a run, and every trial in a child run of it.

    ``study.optimize(objective, callbacks=[TrackingCallback()])`` records of each trial its
    parameters, value or values, the values it reported on the way, its state (tag
    ``optuna.state``; a pruned trial is ``CANCELLED``) and its user attributes; of the study its
    sampler, pruner, directions, search space, and the best trial so far with its parameters.

    Optuna calls a callback when a trial is over. To have the trial's run active while its objective
    runs, so that what is logged there goes to it, and to record a trial whose exception ends the
    study, wrap the objective and pass the same callback::

        tracking = TrackingCallback()
        study.optimize(tracking.track(objective), callbacks=[tracking])

    Trials may run in threads (``n_jobs``).

    Args:
        run: The study's run; by default the active run, opened if there is none.
    """

    def __init__(self, run: Run | None = None) -> None:
        self._target = RunTarget(run)
        self._guard = threading.Lock()
        self._tracked: dict[tuple[str, int], Run] = {}

    def track(self, objective: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the objective with its trial's run active around it."""

        @functools.wraps(objective)
        def tracked(trial: Any) -> Any:
            run = self._start(trial)
            self._tracked[trial.study.study_name, trial.number] = run
            with ExitStack() as stack:
                stack.push(lambda _, error, trace: _end_if_failed(run, trial, error, trace))
                return objective(trial)

        return tracked

    def __call__(self, study: Any, trial: Any) -> None:
        """Record a trial that is over, and the study's best."""
        run = self._tracked.pop((study.study_name, trial.number), None)
        if run is None:
            run = self._start(trial)
        if run.is_active:
            _record(run, trial, _metric_names(study))
            run.end(_STATUS[trial.state.name])
        # In turn, so that a thread with an older best does not overwrite a newer one.
        with self._guard:
            _record_study(self._target.run, study, trial)

    def _start(self, trial: Any) -> Run:
        parent = self._target.run
        return parent.tracker.start_run(
            parent.experiment_id,
            f"trial {trial.number}",
            tags={"optuna.trial": trial.number},
            parent_run_id=parent,
        )


def _end_if_failed(run: Run, trial: Any, error: BaseException | None, trace: Any) -> bool:
    """End a trial's run with the objective's exception; pruning is left to the callback."""
    if error is not None and not isinstance(error, _optuna.TrialPruned):
        run.log_params(plain_parameters(trial.params))
        run.set_tag("optuna.state", "FAIL")
        run.__exit__(type(error), error, trace)
    return False


def _metric_names(study: Any) -> list[str]:
    given = study.metric_names
    if given is not None:
        return list(given)
    count = len(study.directions)
    return ["value"] if count == 1 else [f"value_{index}" for index in range(count)]


def _record(run: Run, trial: Any, names: list[str]) -> None:
    run.log_params(plain_parameters(trial.params))
    attributes = {name: str(value)[:1000] for name, value in trial.user_attrs.items()}
    run.set_tags({**attributes, "optuna.state": trial.state.name})
    for step, value in sorted(trial.intermediate_values.items()):
        run.log_metric("intermediate_value", value, step)
    # A pruned trial's value is that of its last report, which is not one of the objective.
    if trial.state.name == "COMPLETE":
        run.log_metrics(dict(zip(names, trial.values, strict=True)))
    if trial.duration is not None:
        run.log_metric("duration_seconds", trial.duration.total_seconds())


def _record_study(run: Run, study: Any, trial: Any) -> None:
    about = {
        "sampler": type(study.sampler).__name__,
        "pruner": type(study.pruner).__name__,
        "directions": [direction.name.lower() for direction in study.directions],
        **{f"search_space.{name}": str(each) for name, each in trial.distributions.items()},
    }
    known = run.parameters
    new = {name: value for name, value in about.items() if known.get(name) != value}
    if len(study.directions) == 1 and trial.state.name == "COMPLETE":
        best = study.best_trial
        if best.number == trial.number:
            new |= plain_parameters(best.params, "best_")
            figures = {"best_value": best.value, "best_trial": best.number}
            run.log_metrics(figures, step=trial.number)
    if new:
        run.log_params(new)
    if run.tags.get("optuna.study") != study.study_name:
        run.set_tag("optuna.study", study.study_name)
