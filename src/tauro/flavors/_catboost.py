"""CatBoost: its own binary format, which keeps labels and categorical features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tauro.flavors._folder import ModelFolder
from tauro.flavors._native import NativeFlavor
from tauro.flavors._protocol import Predictor


class CatBoostFlavor(NativeFlavor):
    """Models and estimators."""

    name = "catboost"
    framework = "catboost"
    packages = ("catboost", "numpy", "pandas")
    title = "CatBoost"
    file = "model.cbm"
    classes = ("CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker", "CatBoost")
    bare = "CatBoost"
    error = "catboost:CatBoostError"

    def read(self, model: Any, content: bytes) -> None:
        """Take CatBoost's binary."""
        model.load_model(blob=content)

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return predict; a classifier's labels as one dimension."""

        def predict(table: Any) -> Any:
            found = model.predict(table)
            column = getattr(found, "ndim", 1) == 2 and found.shape[1] == 1
            return found[:, 0] if column else found

        proba = getattr(model, "predict_proba", None)
        return Predictor(model, predict, proba if data.get("class", "") != self.bare else None)

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take a lone ``.cbm`` file."""
        del source
        found = [name for name in names if name.endswith(".cbm")]
        return {"file": found[0], "class": self.bare} if len(found) == 1 else None
