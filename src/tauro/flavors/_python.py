"""Python: any callable, or any object with ``predict``, with the user's code."""

from __future__ import annotations

import hashlib
import importlib
import shutil
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tauro._internal._spool import remove_with
from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._pickles import from_joblib, from_pickle, to_pickle
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions
from tauro.flavors._trust import Trust, dotted

_FILE: Final = "model.pkl"
_CODE: Final = "code"
_code_folders: dict[str, Path] = {}


class PythonFlavor(Flavor):
    """Functions, and objects with a ``predict`` method.

    The module that defines the model goes into the pickle when it is the user's own; other modules
    that it imports are kept beside it where ``code_paths`` names them.
    """

    name = "python"
    framework = "python"
    packages = ("cloudpickle", "numpy", "pandas")
    extra = "mlops"
    keeps_code = True

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write ``model.pkl``, and ``code/`` where there are code paths."""
        _callable_of(model)
        (folder / _FILE).write_bytes(to_pickle(model))
        for path in options.code_paths:
            _copy_code(path, folder / _CODE / path.name)
        data = {"format": "pickle", "file": _FILE}
        if options.code_paths:
            data["code"] = _CODE
        return Saved(data, runs_code="a pickle, since Python code has no format of its own")

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Unpickle with permission; ``code/`` is put on the import path."""
        name = str(data["file"])
        trust.require_pickle(f"{name!r} is a pickle")
        content = source.read(name)
        if data.get("code"):
            _use_code(source.below(str(data["code"])))
        read = from_joblib if name.endswith(".joblib") else from_pickle
        model = read(content, name)
        return self.wrap(model, data)

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return the object's predict, or the callable itself."""
        del data
        return Predictor(model, _callable_of(model), getattr(model, "predict_proba", None))

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take a lone pickle or joblib file."""
        del source
        found = [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]
        return {"format": "pickle", "file": found[0]} if len(found) == 1 else None


def _callable_of(model: Any) -> Any:
    predict = getattr(model, "predict", None)
    if callable(predict) and not isinstance(model, type):
        return predict
    if callable(model) and not isinstance(model, type):
        return model
    hint = ["Give an instance, not the class."] if isinstance(model, type) else []
    raise FlavorError(
        f"A {dotted(model if isinstance(model, type) else type(model))} is neither callable nor "
        "has it a predict method.",
        suggestions=hint,
    )


def _copy_code(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    elif path.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    else:
        raise FlavorError(
            f"The code path {str(path)!r} does not exist.", context={"path": str(path)}
        )


def _use_code(files: Mapping[str, bytes]) -> None:
    """Make the model's modules importable, and say when others of their names came first.

    They are imported from a copy: Python would leave compiled files beside the originals, and
    those would not be what was saved.
    """
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    folder = _code_folders.get(digest.hexdigest())
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="tauro-code-"))
        remove_with(_use_code, str(folder))
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        _code_folders[digest.hexdigest()] = folder
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
    for module in sorted({name.partition("/")[0].removesuffix(".py") for name in files}):
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is not None and not Path(file).is_relative_to(folder):
            warnings.warn(
                f"The model brings its own module {module!r}, but {file} is imported already "
                "and is used instead.",
                stacklevel=2,
            )
