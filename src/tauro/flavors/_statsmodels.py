"""statsmodels: fitted results, which have no format but pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._pickles import from_pickle, to_pickle
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions
from tauro.flavors._trust import Trust

_FILE: Final = "model.pkl"


class StatsmodelsFlavor(Flavor):
    """What ``fit()`` returns."""

    name = "statsmodels"
    framework = "statsmodels"
    packages = ("statsmodels", "numpy", "scipy", "pandas", "patsy", "formulaic")

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write ``model.pkl``."""
        del options
        if not hasattr(model, "params"):
            raise FlavorError(
                f"A {type(model).__qualname__} of statsmodels is not fitted.",
                suggestions=["Register what fit() returned."],
            )
        (folder / _FILE).write_bytes(to_pickle(model))
        return Saved({"file": _FILE}, runs_code="a pickle, since statsmodels has no other format")

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Unpickle with permission."""
        name = str(data["file"])
        trust.require_pickle(f"{name!r} is a pickle")
        return self.wrap(from_pickle(source.read(name), name), data)

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return the results' predict."""
        del data
        return Predictor(model, model.predict)
