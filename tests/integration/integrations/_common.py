"""Data that every framework's tests train on, and how a stored curve is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tauro.mlops import ExperimentTracker, Run

RANDOM = np.random.RandomState(0)
X = pd.DataFrame({"a": RANDOM.rand(120), "b": RANDOM.rand(120), "c": RANDOM.rand(120)})
# With some noise, so that a training does not stop improving by being perfect.
Y = ((X["a"] + X["b"] + RANDOM.normal(0, 0.3, 120)) > 1).astype(int)
TRAIN, VALID = slice(0, 80), slice(80, 120)


def curve(reader: ExperimentTracker, run: Run, key: str) -> tuple[list[int], Any]:
    """Return the steps and values of a metric, as the store holds them."""
    history = reader.get_metric_history(run.run_id, key)
    return history["step"].to_list(), history["value"].to_list()


def only_run(reader: ExperimentTracker) -> Run:
    """Return the one run that the store holds."""
    runs = reader.query_runs().runs
    assert len(runs) == 1, [run.name for run in runs]
    return reader.get_run(runs[0].run_id)
