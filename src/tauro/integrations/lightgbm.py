"""LightGBM: a callback that records a training's parameters, curves and best iteration."""

from __future__ import annotations

from typing import Any, Final

from tauro._internal._optional import load
from tauro.integrations._target import RunTarget, plain_parameters
from tauro.tracking import Run

load("lightgbm", purpose=__name__)

_TRAINING: Final = "training"
"""What LightGBM calls the data it fits, which can have no best iteration worth keeping."""


class TrackingCallback:
    """Record a training of LightGBM in a run.

    For the ``callbacks`` of ``lightgbm.train``, ``lightgbm.cv`` and of the scikit-learn interface's
    ``fit``. It records the parameters; each evaluation as a metric ``{data}_{metric}`` with the
    iteration as step (of a cross-validation the mean, and the spread as ``…_std``); and, whenever
    the first metric of the first validation data improves, ``best_iteration`` and ``best_score``:
    their last values are the best of the whole training. Iterations count from 0, as in LightGBM's
    callbacks; ``Booster.best_iteration`` is one more.

    Args:
        run: The run; by default the active run, opened if there is none.
    """

    # LightGBM sorts callbacks by these: after an iteration, before early stopping ends the loop.
    before_iteration = False
    order = 20

    def __init__(self, run: Run | None = None) -> None:
        self._target = RunTarget(run)
        self._best: float | None = None

    def __call__(self, env: Any) -> None:
        """Record what the iteration scored, and at the first the parameters."""
        if env.iteration == env.begin_iteration:
            self._begin(env)
        metrics: dict[str, float] = {}
        for data, metric, value, _, *spread in map(tuple, env.evaluation_result_list or ()):
            metrics[f"{data}_{metric}"] = value
            if spread and spread[0] is not None:
                metrics[f"{data}_{metric}_std"] = spread[0]
        self._target.run.log_metrics({**metrics, **self._improved(env)}, step=env.iteration)

    def _begin(self, env: Any) -> None:
        self._best = None
        rounds = env.end_iteration - env.begin_iteration
        params = {**env.params, "num_iterations": rounds}
        self._target.start().log_params(plain_parameters(params))

    def _improved(self, env: Any) -> dict[str, float]:
        # There is no call after training, and early stopping ends the loop with an exception.
        for data, _, value, maximize, *_ in map(tuple, env.evaluation_result_list or ()):
            if data in (_TRAINING, "train"):
                continue
            if self._best is None or (value > self._best if maximize else value < self._best):
                self._best = value
                return {"best_iteration": env.iteration, "best_score": value}
            break
        return {}
