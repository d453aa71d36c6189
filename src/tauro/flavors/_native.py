"""What frameworks share that write a model to one file of their own and read it back by class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tauro._internal._optional import load
from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions, known_class
from tauro.flavors._trust import Trust


class NativeFlavor(Flavor):
    """A file of data. Subclasses come back as the class of the framework they derive from.

    Attributes:
        title: The framework as its makers write it.
        file: The name of the file.
        classes: The names of the framework's classes that it can hold.
        bare: The one of them that reads a file of which the class is not known.
        error: The dotted name of what the framework raises for a file it cannot read.
    """

    title: ClassVar[str]
    file: ClassVar[str]
    classes: ClassVar[tuple[str, ...]]
    bare: ClassVar[str]
    error: ClassVar[str]

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write the file."""
        del options
        found = known_class(model, self.classes, self.title)
        model.save_model(str(folder / self.file))
        return Saved({"file": self.file, "class": found})

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Load into the class that was saved, from the bytes whose hash was checked."""
        del trust
        name, kind = str(data["file"]), str(data.get("class", self.bare))
        framework = load(self.name, purpose=f"loading a {self.title} model")
        if kind not in self.classes:
            raise FlavorError(
                f"{kind!r} is no class of {self.title}'s models; expected one of "
                f"{', '.join(self.classes)}.",
                context={"class": kind},
            )
        model = getattr(framework, kind)()
        try:
            self.read(model, source.read(name))
        except load(self.error) as error:
            raise FlavorError(f"{name!r} cannot be read by {self.title}: {error}.") from error
        return self.wrap(model, data)

    @abstractmethod
    def read(self, model: Any, content: bytes) -> None:
        """Let an empty model of the framework take the bytes of a file."""
