"""``forest_training_pipeline``: from the table to a model in Production that earned its place."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from forest_cover._files import replace_file
from forest_cover.evaluation import (
    Split,
    confusion,
    draw_confusion,
    measure,
    split_samples,
    take_stratified,
)
from forest_cover.models import Candidate, candidates
from forest_cover.schema import FEATURES, NUMERIC, TARGET, normalise
from tauro.mlops import ExperimentTracker, ModelNotFoundError, ModelRegistry, ModelVersion, Run

INPUT_SCHEMA = [
    {"name": name, "type": "float" if name in NUMERIC else "string", "nullable": True}
    for name in FEATURES
]
"""What the models take: a missing value is imputed, so each feature may be null."""

HEADLINES = ("accuracy", "f1_macro", "precision", "recall")
EXAMPLE_ROWS = 5
MODEL_PATH = "model"
"""Where in its run's artifacts a model lies."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The samples that a training run sees, and the file that keeps them.

    Attributes:
        path: The Parquet file.
        samples: The 12 features, the class and ``sample_hash``.
        dropped: How many rows of the table were of no use.
    """

    path: Path
    samples: pd.DataFrame
    dropped: int


@dataclass(frozen=True, slots=True)
class Trained:
    """A candidate after its run.

    Attributes:
        candidate: What it was made of.
        model: The fitted model.
        metrics: How it did on the held-out rows.
        run_id: Its run.
    """

    candidate: Candidate
    model: Pipeline
    metrics: dict[str, float]
    run_id: str

    @property
    def f1_macro(self) -> float:
        """What candidates are compared by."""
        return self.metrics["f1_macro"]


def preprocess_forest_data(forest_cover_samples: pd.DataFrame, folder: str) -> Snapshot:
    """Clean the samples of the table and keep them as a Parquet snapshot.

    Rows without a class, or without a single number, are dropped; other missing values stay, since
    the models impute them.

    Raises:
        ValueError: There is nothing to train on.
    """
    table = forest_cover_samples
    useful = table[TARGET].notna() & table[list(NUMERIC)].notna().any(axis=1)
    if not useful.any():
        raise ValueError(
            "forest_cover_samples holds nothing to train on; run forest_cover_data_pipeline first"
        )
    # A database returns rows in any order; the same samples must give the same snapshot.
    kept = table[useful].sort_values("sample_hash", ignore_index=True)
    samples = normalise(kept)
    samples.insert(0, "sample_hash", kept["sample_hash"])
    # To the microsecond: two runs in one second must not share a file.
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S_%fZ")
    path = Path(folder) / f"forest_cover_preprocessed_{stamp}.parquet"
    # The same columns as in a capture, so that the two can be compared as they are.
    columns = samples.drop(columns="sample_hash")
    replace_file(path, lambda file: columns.to_parquet(file, index=False))
    dropped = len(table) - len(samples)
    print(f"Snapshot of {len(samples):,} samples ({dropped:,} dropped): {path.name}")
    return Snapshot(path, samples, dropped)


def train_forest_models(
    preprocess_forest_data: Snapshot,
    tracker: ExperimentTracker,
    registry: ModelRegistry,
    *,
    experiment_name: str = "forest-cover-experiment",
    model_name: str = "forest-cover-classifier",
    latest_model: str | None = None,
    svc_max_rows: int | None = 10_000,
    seed: int = 42,
) -> dict[str, Any]:
    """Train three models, register the best, and promote it when it beats the incumbent.

    Args:
        latest_model: Do without the registry: name the best run in this JSON file instead.

    Returns:
        Champion (what is in Production now), its version and ``f1_macro``, whether it is new,
        and why; and what each candidate reached.
    """
    snapshot = preprocess_forest_data
    split = split_samples(snapshot.samples, seed)
    print(f"Training on {len(split.train):,} samples, testing on {len(split.test):,}")
    experiment = tracker.create_experiment(experiment_name)
    trained = []
    for candidate in candidates(svc_max_rows, seed):
        with tracker.start_run(run_name=candidate.name, experiment_id=experiment) as run:
            trained.append(_train(candidate, split, snapshot, run, seed))
    best = max(trained, key=lambda one: one.f1_macro)
    if latest_model is None:
        result = _decide(best, split, registry, model_name)
    else:
        result = _name_latest(best, Path(latest_model))
    result["models"] = {one.candidate.name: one.f1_macro for one in trained}
    result["snapshot"] = str(snapshot.path)
    print(f"{result['champion']}: {result['reason']}")
    return result


def _train(candidate: Candidate, split: Split, snapshot: Snapshot, run: Run, seed: int) -> Trained:
    """Fit one candidate and log to its run everything there is to know about it."""
    train = take_stratified(split.train, candidate.max_rows, seed)
    started = time.perf_counter()
    model = candidate.build().fit(train[list(FEATURES)], train[TARGET])
    seconds = time.perf_counter() - started
    truth, predicted = split.test[TARGET].tolist(), model.predict(_features(split.test)).tolist()
    metrics = measure(truth, predicted)
    run.log_params(
        {
            "model": candidate.kind.__name__,
            **candidate.parameters,
            "seed": seed,
            "training_rows": len(train),
            "test_rows": len(split.test),
            "snapshot": snapshot.path.name,
        }
    )
    run.log_metrics({**metrics, "training_seconds": seconds})
    run.log_input(snapshot.samples, name=snapshot.path.name, context="training")
    matrix = confusion(truth, predicted)
    run.log_dict(matrix, "confusion_matrix.json")
    run.log_figure(draw_confusion(matrix, candidate.name), "confusion_matrix.png")
    run.log_model(model, artifact_path=MODEL_PATH, input_example=_example(split))
    print(f"{candidate.name}: f1_macro {metrics['f1_macro']:.4f} in {seconds:.1f} s")
    return Trained(candidate, model, metrics, run.run_id)


def _decide(
    best: Trained, split: Split, registry: ModelRegistry, model_name: str
) -> dict[str, Any]:
    """Register the best candidate; promote it if nothing in Production is as good."""
    incumbent = _measure_incumbent(registry, model_name, split)
    version = _register(best, split, registry, model_name).version
    reached = f"f1_macro {best.f1_macro:.4f}"
    if incumbent is None:
        reason = f"version {version} promoted: {reached}, the first one in Production"
    else:
        other = f"version {incumbent['version']} ({incumbent['champion']})"
        there = f"f1_macro {incumbent['f1_macro']:.4f} on the same hold-out"
        if incumbent["f1_macro"] >= best.f1_macro:
            return {
                **incumbent,
                "promoted": False,
                "challenger": best.candidate.name,
                "challenger_version": version,
                "reason": f"{other} stays: {there}, the challenger version {version} {reached}",
            }
        reason = f"version {version} promoted: {reached}, {other} {there}"
    registry.promote_model(model_name, version, "Production")
    return {
        "champion": best.candidate.name,
        "version": version,
        "f1_macro": best.f1_macro,
        "promoted": True,
        "incumbent_version": None if incumbent is None else incumbent["version"],
        "reason": reason,
    }


def _register(
    best: Trained, split: Split, registry: ModelRegistry, model_name: str
) -> ModelVersion:
    return registry.register_model(
        model=best.model,
        model_name=model_name,
        description="Forest cover type (0 to 6) of a 30 m cell, from cartography alone",
        hyperparameters=best.candidate.parameters,
        # Class by class they stand in the run, which the version names.
        metrics={name: best.metrics[name] for name in HEADLINES},
        tags={"candidate": best.candidate.name},
        input_schema=INPUT_SCHEMA,
        input_example=_example(split),
        experiment_run_id=best.run_id,
    )


def _measure_incumbent(
    registry: ModelRegistry, model_name: str, split: Split
) -> dict[str, Any] | None:
    """Return who is in Production and how it does on the held-out rows, None if nobody is."""
    try:
        version = registry.get_model_by_stage(model_name, "Production")
    except ModelNotFoundError:
        return None
    model = registry.load_model(model_name, version=version.version)
    predicted = [int(value) for value in model.predict(_features(split.test))]
    metrics = measure(split.test[TARGET].tolist(), predicted)
    return {
        "champion": version.tags.get("candidate", version.framework),
        "version": version.version,
        "f1_macro": metrics["f1_macro"],
    }


def _name_latest(best: Trained, path: Path) -> dict[str, Any]:
    """Write which run to serve where there is no registry that says so."""
    latest = {
        "run_id": best.run_id,
        "artifact_path": MODEL_PATH,
        "champion": best.candidate.name,
        "f1_macro": best.f1_macro,
    }
    replace_file(path, lambda file: file.write(json.dumps(latest, indent=2).encode()))
    return {
        "champion": best.candidate.name,
        "version": None,
        "f1_macro": best.f1_macro,
        "promoted": False,
        "run_id": best.run_id,
        "reason": f"run {best.run_id} named in {path.name}: f1_macro {best.f1_macro:.4f}, the best "
        "of this training; the registry is not used",
    }


def _features(samples: pd.DataFrame) -> pd.DataFrame:
    return samples[list(FEATURES)]


def _example(split: Split) -> pd.DataFrame:
    return _features(split.test).head(EXAMPLE_ROWS)
