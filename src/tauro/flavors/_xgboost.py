"""XGBoost: its own binary JSON, for boosters and for the scikit-learn interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tauro._internal._optional import load
from tauro.flavors._folder import ModelFolder
from tauro.flavors._native import NativeFlavor
from tauro.flavors._protocol import Predictor


class XGBoostFlavor(NativeFlavor):
    """Boosters and estimators."""

    name = "xgboost"
    framework = "xgboost"
    packages = ("xgboost", "xgboost-cpu", "numpy", "scipy", "pandas", "scikit-learn")
    title = "XGBoost"
    file = "model.ubj"
    classes = (
        "XGBClassifier",
        "XGBRFClassifier",
        "XGBRegressor",
        "XGBRFRegressor",
        "XGBRanker",
        "Booster",
    )
    bare = "Booster"
    error = "xgboost.core:XGBoostError"

    def read(self, model: Any, content: bytes) -> None:
        """Take UBJSON, or JSON."""
        model.load_model(bytearray(content))

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return the estimator's predict; a booster's takes its data as a DMatrix."""
        if data.get("class", self.bare) != self.bare:
            return Predictor(model, model.predict, getattr(model, "predict_proba", None))
        xgboost = load("xgboost", purpose="calling an XGBoost model")

        def predict(table: Any) -> Any:
            return model.predict(xgboost.DMatrix(table, enable_categorical=True))

        return Predictor(model, predict)

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take a lone ``.ubj`` or ``.xgb`` file, or JSON that begins as XGBoost's, as a booster."""
        found = [name for name in names if name.endswith((".ubj", ".xgb", ".json"))]
        if len(found) != 1:
            return None
        if found[0].endswith(".json") and b'"learner"' not in source.read(found[0])[:200]:
            return None
        return {"file": found[0], "class": self.bare}
