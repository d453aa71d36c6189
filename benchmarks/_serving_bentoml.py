"""The model behind BentoML, which imports this file in its environment."""

from __future__ import annotations

import os
from typing import Any

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1)
class Cover:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api(batchable=True, max_batch_size=64)
    def predict(self, samples: list[dict[str, Any]]) -> list[Any]:
        found: list[Any] = self.model.predict(pd.DataFrame(samples)).tolist()
        return found
