"""PyTorch Lightning's logger, with a trainer that really fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.integration.integrations._common import X, Y, curve, only_run

import tauro
from tauro.mlops import ExperimentTracker

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("default"),  # the framework's own warnings are not ours
    pytest.mark.usefixtures("store"),
]
torch = pytest.importorskip("torch", reason="PyTorch is not installed")
lightning = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed")
from tauro.integrations.lightning import TrackingLogger  # noqa: E402 - after the skip

ROWS = torch.tensor(X.to_numpy("float32"))
TARGET = torch.tensor(Y.to_numpy("float32")).reshape(-1, 1)


Module: Any = lightning.LightningModule


class Tiny(Module):  # type: ignore[misc]
    """One layer; what it reports is remembered to compare with what is stored."""

    def __init__(self, rate: float = 0.1, activation: Any = torch.nn.ReLU) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(3, 1)
        self.seen: list[float] = []
        self.val: list[float] = []

    def _loss(self, batch: Any) -> Any:
        rows, target = batch
        return torch.nn.functional.mse_loss(self.layer(rows), target)

    def training_step(self, batch: Any, _: int) -> Any:
        loss = self._loss(batch)
        self.log("loss", loss)
        self.seen.append(loss.item())
        return loss

    def validation_step(self, batch: Any, _: int) -> None:
        loss = self._loss(batch)
        self.log("val_loss", loss)
        self.val.append(loss.item())

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=self.hparams["rate"])


def fit(logger: TrackingLogger, folder: Path, *, keep: bool = False) -> Any:
    """Fit for three epochs of two steps each; return the module and the trainer."""
    data = torch.utils.data.TensorDataset(ROWS, TARGET)
    loader = torch.utils.data.DataLoader(data, batch_size=60)
    best = lightning.callbacks.ModelCheckpoint(folder / "kept", monitor="val_loss")
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=logger,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=keep,
        callbacks=[best] if keep else [],
    )
    module = Tiny()
    whole = torch.utils.data.DataLoader(data, batch_size=120)
    trainer.fit(module, loader, whole)
    return module, best


def test_what_the_module_logs_is_in_the_run(reader: ExperimentTracker, tmp_path: Path) -> None:
    with tauro.start_run("net") as run:
        module, _ = fit(TrackingLogger(), tmp_path)
    assert curve(reader, run, "loss") == (list(range(6)), pytest.approx(module.seen))
    assert curve(reader, run, "val_loss") == ([1, 3, 5], pytest.approx(module.val))


def test_hyperparameters_are_parameters(reader: ExperimentTracker, tmp_path: Path) -> None:
    with tauro.start_run() as run:
        fit(TrackingLogger(), tmp_path)
    assert reader.get_run(run.run_id).parameters == {"rate": 0.1, "activation": "ReLU"}


def test_the_best_checkpoint_is_named_with_its_score(
    reader: ExperimentTracker, tmp_path: Path
) -> None:
    with tauro.start_run() as run:
        module, best = fit(TrackingLogger(), tmp_path, keep=True)
    found = reader.get_run(run.run_id)
    assert found.metrics["best_score"] == pytest.approx(min(module.val))
    assert found.parameters["best_checkpoint"] == Path(best.best_model_path).name


def test_a_given_run_is_used_and_without_one_a_run_opens(
    reader: ExperimentTracker, tmp_path: Path
) -> None:
    fit(TrackingLogger(), tmp_path)
    tauro.end_run()
    assert only_run(reader).metrics["val_loss"] > 0
    mine = tauro.start_run("mine")
    with tauro.start_run("other") as other:
        fit(TrackingLogger(mine), tmp_path)
    mine.end()
    assert "val_loss" in reader.get_run(mine.run_id).metrics
    assert reader.get_run(other.run_id).metrics == {}
