"""Keras: a callback that records a fit's parameters, curves and best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tauro._internal._optional import load
from tauro.integrations._target import RunTarget, plain_parameters
from tauro.tracking import Run

_Callback: Any = load("keras.callbacks:Callback", purpose=__name__)


class TrackingCallback(_Callback):  # type: ignore[misc]
    """Record a fit of Keras in a run.

    It records the optimizer's settings, the loss, the number of weights and of epochs; the model's
    summary as the artifact ``model_summary.txt``; each epoch's logs as metrics with the epoch as
    step, ``val_…`` among them, and the learning rate; and, whenever the monitored value improves,
    ``best_epoch`` and ``best_score``. Epochs count from 0, as in Keras' callbacks.

    Args:
        run: The run; by default the active run, opened if there is none.
        monitor: The value that says which epoch is best; by default ``val_loss``, or ``loss`` where
            there is no validation.
        mode: Whether its least or greatest value is best.
    """

    def __init__(
        self,
        run: Run | None = None,
        *,
        monitor: str | None = None,
        mode: Literal["min", "max"] = "min",
    ) -> None:
        super().__init__()
        self._target = RunTarget(run)
        self._monitor = monitor
        self._maximize = mode == "max"
        self._best: float | None = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Record the parameters and the model's summary."""
        self._best = None
        run = self._target.start()
        run.log_params(plain_parameters(self._parameters()))
        lines: list[str] = []
        self.model.summary(print_fn=lambda text, **_: lines.append(text))
        run.log_text("\n".join(lines), "model_summary.txt")

    def _parameters(self) -> dict[str, Any]:
        optimizer = self.model.optimizer
        found = {
            "epochs": self.params.get("epochs"),
            "steps_per_epoch": self.params.get("steps"),
            "model": self.model.name,
            "model_weights": self.model.count_params(),
            "loss": self.model.loss,
            "optimizer": type(optimizer).__name__,
        }
        settings = {k: v for k, v in optimizer.get_config().items() if k != "name"}
        return {**found, **{f"optimizer_{name}": value for name, value in settings.items()}}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record the epoch's values."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        improved = self._improved(epoch, metrics)
        rate = {"learning_rate": float(self.model.optimizer.learning_rate)}
        self._target.run.log_metrics({**rate, **metrics, **improved}, step=epoch)

    def _improved(self, epoch: int, metrics: Mapping[str, float]) -> dict[str, float]:
        by_default = "val_loss" if "val_loss" in metrics else "loss"
        value = metrics.get(self._monitor or by_default)
        if value is None:
            return {}
        best = self._best
        if best is not None and not (value > best if self._maximize else value < best):
            return {}
        self._best = value
        return {"best_epoch": epoch, "best_score": value}
