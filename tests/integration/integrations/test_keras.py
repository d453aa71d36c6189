"""Keras' callback, on PyTorch."""

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
keras = pytest.importorskip("keras", reason="Keras is not installed")
from tauro.integrations.keras import TrackingCallback  # noqa: E402 - after the skip

ARRAY, TARGET = X.to_numpy("float32"), Y.to_numpy("float32")


def fit(*callbacks: Any, epochs: int = 4, validate: bool = True) -> Any:
    """Fit a small network; return Keras' own history."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Input((3,)), keras.layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential(layers, name="tiny")
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    held_out = (ARRAY[VALID], TARGET[VALID]) if validate else None
    return model.fit(
        ARRAY[TRAIN],
        TARGET[TRAIN],
        epochs=epochs,
        batch_size=40,
        validation_data=held_out,
        verbose=0,
        callbacks=list(callbacks),
    )


def test_curves_are_those_of_keras_history(reader: ExperimentTracker) -> None:
    with tauro.start_run("net") as run:
        history = fit(TrackingCallback())
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for key, values in history.history.items():
        assert curve(reader, run, key) == (list(range(4)), pytest.approx(values))


def test_parameters_and_summary_are_kept(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        fit(TrackingCallback(), epochs=1)
    found = reader.get_run(run.run_id)
    asked = {
        "epochs": 1,
        "steps_per_epoch": 2,
        "model": "tiny",
        "model_weights": 4,
        "loss": "binary_crossentropy",
        "optimizer": "Adam",
        "optimizer_beta_1": 0.9,
    }
    assert {name: found.parameters[name] for name in asked} == asked
    assert found.parameters["optimizer_learning_rate"] == pytest.approx(0.05)
    assert found.artifacts == ["model_summary.txt"]
    text = reader.storage.read_bytes(
        f"experiment_tracking/artifacts/{run.run_id}/model_summary.txt"
    )
    assert b"tiny" in text


def test_a_changing_learning_rate_is_a_curve(reader: ExperimentTracker) -> None:
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    with tauro.start_run() as run:
        fit(halve, TrackingCallback(), epochs=3)
    _, values = curve(reader, run, "learning_rate")
    assert values == pytest.approx([0.05, 0.025, 0.0125])


def test_the_best_epoch_is_that_of_the_least_validation_loss(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        losses = fit(TrackingCallback(), epochs=6).history["val_loss"]
    found = reader.get_run(run.run_id).metrics
    assert found["best_epoch"] == losses.index(min(losses))
    assert found["best_score"] == pytest.approx(min(losses))


def test_without_validation_the_training_loss_says_which_is_best(
    reader: ExperimentTracker,
) -> None:
    history = fit(TrackingCallback(), epochs=2, validate=False).history
    tauro.end_run()
    found = only_run(reader).metrics
    assert found["best_score"] == pytest.approx(min(history["loss"]))


def test_another_value_may_be_monitored(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        scores = fit(TrackingCallback(monitor="val_accuracy", mode="max")).history["val_accuracy"]
    found = reader.get_run(run.run_id).metrics
    assert found["best_epoch"] == scores.index(max(scores))
    assert found["best_score"] == pytest.approx(max(scores))


def test_a_monitored_value_that_is_not_there_gives_no_best(reader: ExperimentTracker) -> None:
    with tauro.start_run() as run:
        fit(TrackingCallback(monitor="val_auc", mode="max"), epochs=1)
    assert "best_epoch" not in reader.get_run(run.run_id).metrics
