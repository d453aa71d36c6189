"""LightGBM: the booster's own text, with the labels of a classifier beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tauro._internal._optional import load
from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions
from tauro.flavors._trust import Trust

_FILE: Final = "model.txt"


class LightGBMFlavor(Flavor):
    """Boosters, and estimators as their booster: ``native`` is a Booster after loading.

    A classifier predicts its labels and probabilities as before.
    """

    name = "lightgbm"
    framework = "lightgbm"
    packages = ("lightgbm", "numpy", "scipy", "pandas", "scikit-learn")

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write ``model.txt``."""
        del options
        booster = getattr(model, "booster_", model)
        if not hasattr(booster, "model_to_string"):
            raise FlavorError(
                f"A {type(model).__qualname__} of LightGBM is no model; expected a Booster or a "
                "fitted estimator."
            )
        (folder / _FILE).write_text(booster.model_to_string(), encoding="utf-8")
        classes = getattr(model, "classes_", None)
        return Saved({"file": _FILE, "classes": None if classes is None else classes.tolist()})

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Load the booster."""
        del trust
        lightgbm = load("lightgbm", purpose="loading a LightGBM model")
        name = str(data["file"])
        try:
            booster = lightgbm.Booster(model_str=source.read(name).decode())
        except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
            raise FlavorError(f"{name!r} cannot be read by LightGBM: {error}.") from error
        return self.wrap(booster, data)

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return a predict that gives labels where the model was a classifier."""
        if hasattr(model, "booster_"):
            return Predictor(model, model.predict, getattr(model, "predict_proba", None))
        classes = data.get("classes")
        if classes is None:
            return Predictor(model, model.predict)
        import numpy as np

        labels = np.asarray(classes)

        def probabilities(table: Any) -> Any:
            raw = np.asarray(model.predict(table))
            return np.column_stack([1 - raw, raw]) if raw.ndim == 1 else raw

        return Predictor(
            model, lambda table: labels[probabilities(table).argmax(axis=1)], probabilities
        )

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take a lone text file that begins as LightGBM's do."""
        found = [name for name in names if name.endswith((".txt", ".lgb"))]
        if len(found) == 1 and source.read(found[0]).startswith(b"tree\n"):
            return {"file": found[0], "classes": None}
        return None
