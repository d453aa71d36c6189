"""scikit-learn: skops, which holds data and names of types; a pickle where skops cannot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

from tauro._internal._optional import load
from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._pickles import from_joblib, from_pickle, to_pickle
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions, cannot_predict
from tauro.flavors._skops import reproducible
from tauro.flavors._trust import Trust

# What scikit-learn's own estimators are made of and skops's list leaves to the caller (found by
# saving every estimator of scikit-learn 1.9 with skops 0.16). All are classes that hold numbers, or
# pure functions of arrays. A forest's arrays are not bounds-checked by scikit-learn, so a forged
# one can crash a process; it cannot choose code to run, and the recorded hash guards the file.
_TRUSTED: Final = re.compile(
    r"numpy\.(dtype|mean|median|max|min|asarray)"
    # A partial is as harmless as its function, which is looked at too.
    r"|functools\.partial|sklearn\.utils\.validation\.check_array"
    # What a FunctionTransformer takes to spell text in one way.
    r"|numpy\.strings\.(lower|upper|capitalize|title|swapcase|strip|lstrip|rstrip|replace)"
    r"|scipy\.sparse\._(csr|csc|coo)\.[a-z]+_(matrix|array)"
    r"|scipy\.interpolate\._bsplines\.BSpline"
    r"|scipy\._lib\.array_api_compat\.numpy\._aliases\.asarray"
    r"|sklearn\._loss\.(loss|link|_loss)\.[A-Z]\w+"
    r"|sklearn\.tree\._tree\.Tree"
    r"|sklearn\.cluster\._bisect_k_means\._BisectingTree"
    r"|sklearn\.cluster\._kmeans\._kmeans_single_(lloyd|elkan)"
    r"|sklearn\.calibration\._[A-Z]\w+"
    r"|sklearn\.gaussian_process\.(kernels|_gpc|_gpr)\._?[A-Z]\w+"
    r"|sklearn\.feature_selection\._univariate_selection\.(f_classif|f_regression|chi2)"
    r"|sklearn\.ensemble\._hist_gradient_boosting\.(predictor|binning)\._?[A-Z]\w+"
    r"|sklearn\.metrics\._dist_metrics\.[A-Z]\w+Distance(32|64)?"
    r"|sklearn\.neighbors\._(kd|ball)_tree\.(KD|Ball)Tree(32|64)?"
    r"|sklearn\.neural_network\._stochastic_optimizers\.[A-Z]\w+"
    r"|sklearn\.linear_model\._sgd_fast\.[A-Z]\w+"
)
_SKOPS: Final = "model.skops"
_PICKLE: Final = "model.pkl"
# A function without an importable name is written by skops and can never be read again.
_UNNAMED: Final = re.compile(r"<\w+>")


class SklearnFlavor(Flavor):
    """Estimators, pipelines and transformers of scikit-learn, and the user's subclasses of them."""

    name = "sklearn"
    framework = "scikit-learn"
    packages = ("scikit-learn", "skops", "numpy", "scipy", "pandas")
    extra = "mlops"

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write ``model.skops``; ``model.pkl`` where skops cannot hold or name a part of it."""
        del options
        skops = load("skops.io", extra=self.extra, purpose="saving a scikit-learn model")
        unsupported = load("skops.io.exceptions:UnsupportedTypeException")
        try:
            data = reproducible(skops.dumps(model))
            untrusted = _untrusted(skops, data)
            reason = next(
                (f"{name} has no importable name" for name in untrusted if _UNNAMED.search(name)),
                "",
            )
        except (unsupported, TypeError, AttributeError, ValueError) as error:
            reason = f"skops cannot hold it ({error})"
        if not reason:
            (folder / _SKOPS).write_bytes(data)
            return Saved({"format": "skops", "file": _SKOPS}, untrusted=tuple(untrusted))
        (folder / _PICKLE).write_bytes(to_pickle(model))
        return Saved({"format": "pickle", "file": _PICKLE}, runs_code=f"a pickle, since {reason}")

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Load what the file's bytes are, with the permission that takes."""
        name = str(data["file"])
        if data.get("format") == "skops":
            model = self._load_skops(source, name, trust)
        else:
            trust.require_pickle(f"{name!r} is a pickle")
            read = from_joblib if name.endswith(".joblib") else from_pickle
            model = read(source.read(name), name)
        return self.wrap(model, data)

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return predict, or transform where that is what the estimator does."""
        del data
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        predict = getattr(model, "predict", None) or getattr(model, "transform", None)
        if predict is None:
            predict = cannot_predict(f"A {kind} has neither predict nor transform.")
        return Predictor(model, predict, getattr(model, "predict_proba", None))

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take a lone ``.skops``, pickle or joblib file."""
        del source
        for suffix in (".skops", ".joblib", ".pkl", ".pickle"):
            found = [name for name in names if name.endswith(suffix)]
            if len(found) == 1:
                return {"format": "skops" if suffix == ".skops" else "pickle", "file": found[0]}
        return None

    def _load_skops(self, source: ModelFolder, name: str, trust: Trust) -> Any:
        skops = load("skops.io", extra=self.extra, purpose="loading a scikit-learn model")
        content = source.read(name)
        try:
            untrusted = _untrusted(skops, content)
            trust.require_types(untrusted, repr(name))
            return skops.loads(content, trusted=skops.get_untrusted_types(data=content))
        except (BadZipFile, KeyError, TypeError, AttributeError, ImportError, ValueError) as error:
            raise FlavorError(
                f"{name!r} cannot be loaded by skops: {type(error).__name__}: {error}.",
                context={"file": name},
            ) from error


def _untrusted(skops: Any, data: bytes) -> list[str]:
    """Return the types in skops bytes that neither skops nor the list above trusts."""
    found: list[str] = skops.get_untrusted_types(data=data)
    return [name for name in found if not _TRUSTED.fullmatch(name)]
