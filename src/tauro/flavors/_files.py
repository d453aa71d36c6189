"""Any file or folder, kept as it is; there is nothing to predict with."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions, cannot_predict
from tauro.flavors._trust import Trust


class FilesFlavor(Flavor):
    """Files whose format Tauro does not know. ``native`` is the folder that holds them."""

    name = "files"
    framework = "files"

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Copy the file or the folder's contents."""
        del options
        path = Path(model)
        if path.is_dir():
            shutil.copytree(path, folder, symlinks=True, dirs_exist_ok=True)
        elif path.is_file():
            shutil.copyfile(path, folder / path.name)
        else:
            raise FlavorError(f"{str(path)!r} does not exist.", context={"path": str(path)})
        return Saved({"name": path.name})

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Return the folder."""
        del trust
        return self.wrap(source.path, data)

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return something that says why it cannot predict."""
        del data
        return Predictor(
            model,
            cannot_predict(
                "This model is kept as plain files of a format that Tauro does not load, so it "
                "cannot predict."
            ),
        )

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take anything."""
        del source, names
        return {}
