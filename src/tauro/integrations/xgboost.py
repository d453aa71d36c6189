"""XGBoost: a callback that records a training's parameters, curves and best iteration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tauro._internal._optional import load
from tauro.integrations._target import RunTarget, plain_parameters
from tauro.tracking import Run

_TrainingCallback: Any = load("xgboost.callback:TrainingCallback", purpose=__name__)


class TrackingCallback(_TrainingCallback):  # type: ignore[misc]
    """Record a training of XGBoost in a run.

    For ``xgboost.train``, ``xgboost.cv`` and the ``callbacks`` of the scikit-learn interface. It
    records the parameters that the training really has, defaults included; each evaluation as a
    metric ``{data}_{metric}`` with the iteration as step (of a cross-validation the mean, and the
    spread as ``…_std``); and, with early stopping, ``best_iteration`` and ``best_score``.

    Args:
        run: The run; by default the active run, opened if there is none.
    """

    def __init__(self, run: Run | None = None) -> None:
        super().__init__()
        self._target = RunTarget(run)

    def before_training(self, model: Any) -> Any:
        """Record the parameters."""
        booster = model.cvfolds[0].bst if hasattr(model, "cvfolds") else model
        self._target.start().log_params(_parameters(json.loads(booster.save_config())))
        return model

    def after_iteration(
        self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, list[Any]]]
    ) -> bool:
        """Record what the iteration scored; never stop."""
        self._target.run.log_metrics(dict(_scores(evals_log)), step=epoch)
        return False

    def after_training(self, model: Any) -> Any:
        """Record the best iteration, if early stopping kept one."""
        iteration, score = model.attr("best_iteration"), model.attr("best_score")
        if iteration is not None and score is not None:
            best = {"best_iteration": float(iteration), "best_score": float(score)}
            self._target.run.log_metrics(best, step=int(iteration))
        return model


def _scores(evals_log: Mapping[str, Mapping[str, list[Any]]]) -> Iterator[tuple[str, float]]:
    for data, metrics in evals_log.items():
        for metric, values in metrics.items():
            # A cross-validation gives pairs of mean and standard deviation.
            if isinstance(values[-1], tuple):
                yield f"{data}_{metric}", values[-1][0]
                yield f"{data}_{metric}_std", values[-1][1]
            else:
                yield f"{data}_{metric}", values[-1]


def _parameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a booster's configuration says of its training, flat.

    XGBoost hands a callback neither the user's parameters nor the defaults; its own description of
    the booster has both.
    """
    learner = config["learner"]
    found = {**learner["learner_train_param"], "seed": learner["generic_param"]["seed"]}
    for part in (learner["gradient_booster"], learner["objective"]):
        found.update(_leaves(part))
    return plain_parameters({name: _number(value) for name, value in found.items()})


def _leaves(part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in part.items():
        if not isinstance(value, Mapping):
            continue
        # Those of models hold what was learnt, such as the number of trees so far.
        if key.endswith("_param") and not key.endswith("_model_param"):
            yield from ((name, leaf) for name, leaf in value.items() if isinstance(leaf, str))
        else:
            yield from _leaves(value)


def _number(text: str) -> int | float | str:
    """Return the number a text stands for; 0.3 for the 0.300000012 of a 32-bit float."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(str(np.float32(text)))
    except ValueError:
        return text
