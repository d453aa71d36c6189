"""CatBoost: its own binary format, which keeps labels and categorical features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tauro._internal._optional import load
from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions, known_class
from tauro.flavors._trust import Trust

_FILE: Final = "model.cbm"
_CLASSES: Final = ("CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker", "CatBoost")


class CatBoostFlavor(Flavor):
    """Models and estimators. Subclasses come back as the class of CatBoost they derive from."""

    name = "catboost"
    framework = "catboost"
    packages = ("catboost", "numpy", "pandas")

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write ``model.cbm``."""
        del options
        found = known_class(model, _CLASSES, "CatBoost")
        model.save_model(str(folder / _FILE))
        return Saved({"file": _FILE, "class": found})

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Load into the class that was saved."""
        del trust
        catboost = load("catboost", purpose="loading a CatBoost model")
        kind = str(data.get("class", "CatBoost"))
        if kind not in _CLASSES:
            raise FlavorError(f"{kind!r} is no class of CatBoost's.", context={"class": kind})
        model = getattr(catboost, kind)()
        try:
            model.load_model(str(source.file(str(data["file"]))))
        except catboost.CatBoostError as error:
            raise FlavorError(f"{data['file']!r} cannot be read by CatBoost: {error}.") from error
        return self.wrap(model, data)

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return predict; a classifier's labels as one dimension."""

        def predict(table: Any) -> Any:
            found = model.predict(table)
            column = getattr(found, "ndim", 1) == 2 and found.shape[1] == 1
            return found[:, 0] if column else found

        proba = getattr(model, "predict_proba", None)
        return Predictor(model, predict, proba if data.get("class", "") != "CatBoost" else None)

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take a lone ``.cbm`` file."""
        del source
        found = [name for name in names if name.endswith(".cbm")]
        return {"file": found[0], "class": "CatBoost"} if len(found) == 1 else None
