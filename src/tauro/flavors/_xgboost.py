"""XGBoost: its own binary JSON, for boosters and for the scikit-learn interface."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tauro._internal._optional import load
from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions, known_class
from tauro.flavors._trust import Trust

_FILE: Final = "model.ubj"
_CLASSES: Final = (
    "XGBClassifier",
    "XGBRFClassifier",
    "XGBRegressor",
    "XGBRFRegressor",
    "XGBRanker",
    "Booster",
)


class XGBoostFlavor(Flavor):
    """Boosters and estimators. Subclasses come back as the class of XGBoost they derive from."""

    name = "xgboost"
    framework = "xgboost"
    packages = ("xgboost", "xgboost-cpu", "numpy", "scipy", "pandas", "scikit-learn")

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write ``model.ubj``."""
        del options
        found = known_class(model, _CLASSES, "XGBoost")
        model.save_model(str(folder / _FILE))
        return Saved({"file": _FILE, "class": found})

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Load into the class that was saved."""
        del trust
        xgboost = load("xgboost", purpose="loading an XGBoost model")
        kind = str(data.get("class", "Booster"))
        if kind not in _CLASSES:
            raise FlavorError(f"{kind!r} is no class of XGBoost's models.", context={"class": kind})
        model = getattr(xgboost, kind)()
        try:
            model.load_model(str(source.file(str(data["file"]))))
        except xgboost.core.XGBoostError as error:
            raise FlavorError(f"{data['file']!r} cannot be read by XGBoost: {error}.") from error
        return self.wrap(model, data)

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return the estimator's predict; a booster's takes its data as a DMatrix."""
        if data.get("class", "Booster") != "Booster":
            return Predictor(model, model.predict, getattr(model, "predict_proba", None))
        xgboost = load("xgboost", purpose="calling an XGBoost model")
        return Predictor(model, lambda table: model.predict(xgboost.DMatrix(table)))

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take a lone ``.ubj`` or ``.xgb`` file, or JSON that begins as XGBoost's, as a booster."""
        found = [name for name in names if name.endswith((".ubj", ".xgb", ".json"))]
        if len(found) != 1:
            return None
        if found[0].endswith(".json") and b'"learner"' not in source.read(found[0])[:200]:
            return None
        return {"file": found[0], "class": "Booster"}
