"""The table of flavors, and which of them a model or a folder belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tauro._internal._close import did_you_mean
from tauro._internal._optional import load
from tauro.errors import FlavorError
from tauro.flavors._protocol import Flavor

FLAVORS: Final[dict[str, str]] = {
    "xgboost": "tauro.flavors._xgboost:XGBoostFlavor",
    "lightgbm": "tauro.flavors._lightgbm:LightGBMFlavor",
    "catboost": "tauro.flavors._catboost:CatBoostFlavor",
    "torch": "tauro.flavors._torch:TorchFlavor",
    "keras": "tauro.flavors._keras:KerasFlavor",
    "onnx": "tauro.flavors._onnx:OnnxFlavor",
    "statsmodels": "tauro.flavors._statsmodels:StatsmodelsFlavor",
    "python": "tauro.flavors._python:PythonFlavor",
    "sklearn": "tauro.flavors._sklearn:SklearnFlavor",
    "files": "tauro.flavors._files:FilesFlavor",
}
"""Name to class. A third party adds its own with :func:`register_flavor`."""

# The first package of a model's class and of its bases, most specific first.
_PACKAGES: Final[dict[str, str]] = {
    "sklearn": "sklearn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "torch": "torch",
    "keras": "keras",
    "onnx": "onnx",
    "statsmodels": "statsmodels",
}
_SYNONYMS: Final[dict[str, str]] = {
    "scikit-learn": "sklearn",
    "scikit_learn": "sklearn",
    "pytorch": "torch",
    "tensorflow": "keras",
    "tf": "keras",
    "lgbm": "lightgbm",
    "pyfunc": "python",
    "callable": "python",
    "file": "files",
    "folder": "files",
    "directory": "files",
}


def register_flavor(name: str, target: str, *, packages: Iterable[str] = ()) -> None:
    """Add a flavor to the table.

    Args:
        name: Its name in descriptions; an existing one is replaced.
        target: ``"module:Class"`` of a :class:`Flavor`, imported on first use.
        packages: Top-level packages whose classes it takes.
    """
    FLAVORS[name] = target
    _PACKAGES.update(dict.fromkeys(packages, name))


def get_flavor(name: str) -> Flavor:
    """Return the flavor of a name or of a framework's name.

    Raises:
        FlavorError: There is none of this name.
    """
    known = normal_name(name)
    if known is None:
        raise FlavorError(
            f"There is no flavor {name!r}; expected one of {', '.join(sorted(FLAVORS))}.",
            context={"flavor": name},
            suggestions=did_you_mean(name, [*FLAVORS, *_SYNONYMS]),
        )
    flavor: Flavor = load(FLAVORS[known])()
    return flavor


def normal_name(name: str) -> str | None:
    """Return the flavor's name that a framework's or an older spelling means, or None."""
    folded = name.strip().casefold()
    folded = _SYNONYMS.get(folded, folded)
    return folded if folded in FLAVORS else None


def flavor_of(model: Any) -> Flavor:
    """Return the flavor that holds a model.

    The most specific base class decides, so that ``XGBClassifier``, which is also a scikit-learn
    estimator, is saved by XGBoost.

    Raises:
        FlavorError: No flavor takes it.
    """
    if isinstance(model, str | Path):
        return get_flavor("files")
    for base in type(model).__mro__:
        found = _PACKAGES.get(base.__module__.partition(".")[0])
        if found is not None:
            return get_flavor(found)
    if callable(model) or callable(getattr(model, "predict", None)):
        return get_flavor("python")
    raise FlavorError(
        f"A {type(model).__module__}.{type(model).__qualname__} is no model that a flavor takes; "
        "expected a model of a known framework, a callable, an object with a predict method, or "
        "a path.",
        context={"type": f"{type(model).__module__}.{type(model).__qualname__}"},
        suggestions=[f"Name one with flavor=; there are {', '.join(sorted(FLAVORS))}."],
    )
