"""Keras: its own archive, read in safe mode after looking at which types it names."""

from __future__ import annotations

import builtins
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tauro._internal._optional import load
from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._pickles import import_type
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions
from tauro.flavors._trust import Trust

_FILE: Final = "model.keras"
_CODE: Final = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
"""What an archive may name only with permission: it holds code, or pickles, or runs them."""

_PURE: Final = re.compile(
    r"keras(\.src)?\.(activations|constraints|initializers|losses|metrics|ops|regularizers)(\.\w+)*"
)
"""Modules whose functions only compute. Others of Keras fetch files, or lift its safe mode."""


class KerasFlavor(Flavor):
    """Models of Keras 3, on any of its backends."""

    name = "keras"
    framework = "keras"
    packages = ("keras", "tensorflow", "torch", "jax", "numpy", "h5py")

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write ``model.keras``."""
        del options
        if not hasattr(model, "save"):
            raise FlavorError(f"A {type(model).__qualname__} of Keras is no model.")
        model.save(str(folder / _FILE))
        code, own = _inspect((folder / _FILE).read_bytes(), _FILE)
        reason = f"the archive holds {', '.join(code)}" if code else ""
        return Saved({"file": _FILE}, runs_code=reason, untrusted=tuple(own))

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Load in safe mode; code in the archive takes permission, own types trust."""
        name = str(data["file"])
        content = source.read(name)
        code, own = _inspect(content, name)
        if code:
            trust.require_pickle(f"{name!r} holds {', '.join(code)}")
        trust.require_types(own, repr(name))
        keras = load("keras", purpose="loading a Keras model")
        objects = {dotted.rpartition(".")[2]: import_type(dotted) for dotted in own}
        try:
            with TemporaryDirectory(prefix="tauro-keras-") as folder:
                # Keras reads from a path: of a file that nobody changes after it was looked at.
                (Path(folder) / _FILE).write_bytes(content)
                model = keras.saving.load_model(
                    str(Path(folder) / _FILE), custom_objects=objects, safe_mode=not code
                )
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise FlavorError(f"{name!r} cannot be loaded by Keras: {error}.") from error
        return self.wrap(model, data)

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return predict without its progress bar."""
        del data
        return Predictor(model, lambda arrays: model.predict(arrays, verbose=0), form="tensors")

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take a lone ``.keras`` file."""
        del source
        found = [name for name in names if name.endswith(".keras")]
        return {"file": found[0]} if len(found) == 1 else None


def _inspect(content: bytes, name: str) -> tuple[list[str], list[str]]:
    """Return what in an archive runs code, and the dotted names of types that are not Keras's."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError) as error:
        raise FlavorError(f"{name!r} is no archive of Keras: {error}.") from error
    code, own = set(), set()
    for entry in _named(config):
        kind, module = str(entry["class_name"]), str(entry.get("module") or "")
        is_function = kind == "function"
        called = str(entry.get("config")) if is_function else kind
        if kind in _CODE:
            code.add(kind)
        elif module in ("", "builtins"):
            # The user's own functions stand here without their module; so does Python's ``eval``.
            if is_function and hasattr(builtins, called):
                code.add(f"builtins.{called}")
        elif module.partition(".")[0] != "keras" or (is_function and not _PURE.fullmatch(module)):
            own.add(f"{module}.{called}")
    return sorted(code), sorted(own)


def _named(config: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every description of an object in a configuration."""
    waiting = [config]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Mapping):
            if "class_name" in found:
                yield found
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
