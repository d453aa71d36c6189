"""Data that every framework's tests fit a model on, and the way there and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tauro.flavors import LoadedModel, ModelSpec, load_model, save_model

RANDOM = np.random.RandomState(0)
X = pd.DataFrame({"a": RANDOM.rand(60), "b": RANDOM.rand(60), "c": RANDOM.rand(60)})
ARRAY = X.to_numpy(dtype="float32", copy=True)
Y = (X["a"] + X["b"] > 1).astype(int)
WORDS = Y.map({0: "no", 1: "yes"})
ROWS = X.to_dict("records")


def round_trip(
    model: Any, folder: Path, example: Any = X, **permission: Any
) -> tuple[ModelSpec, LoadedModel]:
    """Save a model with an example and load it again."""
    spec = save_model(model, folder / "m", input_example=example)
    return spec, load_model(folder / "m", **permission)
