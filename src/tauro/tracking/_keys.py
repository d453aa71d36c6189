"""Where the documents of experiments and runs are."""

from __future__ import annotations

import hashlib

ROOT = "experiment_tracking"


def experiment_key(experiment_id: str) -> str:
    """Return the key of an experiment's document."""
    return f"{ROOT}/experiments/{experiment_id}.json"


def run_key(experiment_id: str, run_id: str) -> str:
    """Return the key of a run's document."""
    return f"{ROOT}/runs/{experiment_id}/{run_id}.json"


def name_key(name: str) -> str:
    """Return the key of the claim of an experiment's name."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:32]
    return f"{ROOT}/experiments/names/{digest}.json"
