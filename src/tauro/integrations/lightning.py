"""PyTorch Lightning: a logger that records a trainer's parameters, curves and best checkpoint."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from tauro._internal._optional import load
from tauro.integrations._target import RunTarget, plain_parameters
from tauro.tracking import Run

_Logger: Any = load("lightning.pytorch.loggers:Logger", purpose=__name__)


class TrackingLogger(_Logger):  # type: ignore[misc]
    """Record what a trainer of Lightning logs in a run: ``Trainer(logger=TrackingLogger())``.

    It records the saved hyperparameters of module and data module, every value of ``self.log`` as
    a metric at Lightning's global step, and the best score of the checkpoint callback as
    ``best_score``, its file's name as the parameter ``best_checkpoint``. Only the process of rank
    zero records.

    Args:
        run: The run; by default the active run, opened if there is none.
    """

    def __init__(self, run: Run | None = None) -> None:
        super().__init__()
        self._target = RunTarget(run)

    @property
    def name(self) -> str:
        """The experiment, which names the folder of checkpoints."""
        return self._target.run.experiment_id

    @property
    def version(self) -> str:
        """The run, which names the folder of checkpoints."""
        return self._target.run.run_id

    def log_hyperparams(self, params: Mapping[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Record hyperparameters."""
        values = vars(params) if isinstance(params, Namespace) else params
        self._target.run.log_params(plain_parameters(values))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record values at a step."""
        self._target.run.log_metrics(metrics, step=step or 0)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Record the best score so far and its checkpoint."""
        score = checkpoint_callback.best_model_score
        if score is not None:
            path = str(checkpoint_callback.best_model_path)
            self._target.run.log_metrics({"best_score": float(score)})
            self._target.run.log_param(
                "best_checkpoint", path.replace("\\", "/").rsplit("/", 1)[-1]
            )
