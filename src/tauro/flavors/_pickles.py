"""Pickles, the exception: written where no safe format holds a model, read only with permission."""

from __future__ import annotations

import importlib
import importlib.util
import io
import pickle
import sys
import sysconfig
from types import ModuleType
from typing import Any, Final

from tauro._internal._optional import load
from tauro.errors import FlavorError
from tauro.flavors._trust import dotted

_REFUSALS: Final = (pickle.PicklingError, TypeError, AttributeError, RecursionError)


def to_pickle(model: Any) -> bytes:
    """Return a model as a pickle that carries the user's own functions and classes with it.

    Raises:
        FlavorError: It holds something that cannot be pickled: a lock, a file, a connection.
    """
    try:
        cloudpickle = load("cloudpickle", extra="mlops", purpose="saving a Python model")
        return _with_own_code(cloudpickle, model)
    except _REFUSALS as error:
        raise FlavorError(
            f"The {dotted(type(model))} cannot be pickled: {error}.",
            context={"type": dotted(type(model))},
            suggestions=["Open locks, files and connections in predict, not in __init__."],
        ) from error


def from_pickle(data: bytes, name: str) -> Any:
    """Return the object of a pickle. The caller has asked for permission and checked the hash.

    Raises:
        FlavorError: The pickle needs a module that is not here, or is damaged.
    """
    try:
        return pickle.loads(data)  # noqa: S301 - permitted by the caller and hash-checked
    except (
        pickle.UnpicklingError,
        AttributeError,
        ImportError,
        EOFError,
        IndexError,
        TypeError,
        ValueError,
    ) as error:
        missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
        hints = [f"Install it: pip install {missing}"] if missing else []
        raise FlavorError(
            f"{name!r} cannot be unpickled: {type(error).__name__}: {error}.",
            context={"file": name},
            suggestions=hints,
        ) from error


def from_joblib(data: bytes, name: str) -> Any:
    """Return the object of a joblib file. The caller has asked for permission and checked it.

    Raises:
        FlavorError: It cannot be read.
    """
    joblib = load("joblib", extra="mlops", purpose="reading a joblib file")
    try:
        return joblib.load(io.BytesIO(data))
    except (
        pickle.UnpicklingError,
        AttributeError,
        ImportError,
        EOFError,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
    ) as error:
        raise FlavorError(
            f"{name!r} cannot be read by joblib: {type(error).__name__}: {error}.",
            context={"file": name},
        ) from error


def _with_own_code(cloudpickle: ModuleType, model: Any) -> bytes:
    """Pickle by value what the model's own module defines, when that module is the user's."""
    owner = model if hasattr(model, "__qualname__") else type(model)
    module = sys.modules.get(owner.__module__ or "")
    if module is None or module.__name__ == "__main__" or not is_own_module(module.__name__):
        data: bytes = cloudpickle.dumps(model, protocol=5)
        return data
    cloudpickle.register_pickle_by_value(module)
    try:
        data = cloudpickle.dumps(model, protocol=5)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    return data


def is_own_module(name: str) -> bool:
    """Tell whether a module is the user's: neither of the standard library nor installed."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return False
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None) or (
        importlib.util.find_spec(name) if module is None else None
    )
    file = (spec.origin if spec is not None else None) or getattr(module, "__file__", None) or ""
    paths = {sysconfig.get_path(kind) for kind in ("purelib", "platlib", "stdlib")}
    return not any(path and file.startswith(path) for path in paths)


def import_type(name: str) -> Any:
    """Return the class or function of a dotted name that was trusted.

    Raises:
        FlavorError: It is not here.
    """
    module, _, attribute = name.rpartition(".")
    while module:
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError:
            module, _, outer = module.rpartition(".")
            attribute = f"{outer}.{attribute}"
            continue
        for part in attribute.split("."):
            found = getattr(found, part, None)
        if found is not None:
            return found
        break
    raise FlavorError(
        f"The model needs {name!r}, which is not here.",
        context={"type": name},
        suggestions=["Make the module that defines it importable."],
    )
