"""The seam between models and the formats that can hold them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn

from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._signature import ModelSignature
from tauro.flavors._trust import Trust

InputForm = Literal["frame", "array", "tensors"]


@dataclass(frozen=True, slots=True)
class Saved:
    """What a flavor says about the files it wrote.

    Attributes:
        data: What it needs to load them: file names, formats.
        runs_code: Why loading runs code from the files, "" when it does not.
        untrusted: Types beyond the flavor's list that loading makes.
    """

    data: dict[str, Any]
    runs_code: str = ""
    untrusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Predictor:
    """A loaded model and how it is called.

    Attributes:
        native: The framework's own object.
        predict: Takes data in ``form`` and returns predictions.
        predict_proba: The same for class probabilities, None where the model has none.
        form: ``frame``: a frame where the caller has columns, else an array; ``array``: always an
            array; ``tensors``: an array, or a mapping of arrays by name.
    """

    native: Any
    predict: Callable[[Any], Any]
    predict_proba: Callable[[Any], Any] | None = None
    form: InputForm = "frame"


def known_class(model: Any, names: Sequence[str], framework: str) -> str:
    """Return the name of the framework's own class that a model is, or derives from.

    Raises:
        FlavorError: It is none of them.
    """
    for base in type(model).__mro__:
        if base.__name__ in names:
            return base.__name__
    raise FlavorError(
        f"A {type(model).__qualname__} of {framework} is no model; expected one of "
        f"{', '.join(names)}.",
        context={"type": type(model).__qualname__},
    )


def cannot_predict(reason: str) -> Callable[[Any], NoReturn]:
    """Return the ``predict`` of what cannot predict; it raises FlavorError with the reason."""

    def refuse(data: Any) -> NoReturn:
        del data
        raise FlavorError(reason, suggestions=["Use .native, the framework's own object."])

    return refuse


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """What the caller of ``save_model`` asks of the flavor.

    Attributes:
        code_paths: The user's own modules and packages to keep with the model.
        example: The input example as given, for formats that must trace the model; else None.
        extra: Options of one flavor only.
    """

    code_paths: tuple[Path, ...] = ()
    example: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class Flavor(ABC):
    """A format, or a family of formats, for the models of one framework.

    **Laziness.** Importing the flavor's module imports nothing of the framework; its methods do.

    **Safety.** ``load`` opens no file that runs code before ``trust`` has permitted it, decides by
    what the files are and not by what the description says of them, and reads through
    ``source``, which checks hashes.

    **Ownership.** ``save`` writes into a folder that is its own and empty, and does not change the
    model. Threads may load at the same time.

    Attributes:
        name: The name in descriptions and in the table of flavors.
        framework: The framework in its own spelling.
        packages: Distributions whose versions matter to the files.
        extra: The extra of Tauro that brings the framework, None when there is none.
        keeps_code: Whether it keeps the user's modules with the model.
    """

    name: ClassVar[str]
    framework: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str | None] = None
    keeps_code: ClassVar[bool] = False

    @abstractmethod
    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write the model's files into an empty folder.

        Raises:
            FlavorError: The model is of a kind that the format cannot hold.
            MissingExtraError: A package that writes the format is not installed.
        """

    @abstractmethod
    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Return the model of files that :meth:`save` wrote.

        Raises:
            UntrustedModelError: It takes a permission that ``trust`` does not give.
            FlavorError: The files cannot be read.
            MissingExtraError: The framework is not installed.
        """

    @abstractmethod
    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return how a model in memory is called; it is not changed.

        Args:
            model: The model.
            data: What :meth:`save` said of it.
        """

    def signature_of(self, model: Any) -> ModelSignature | None:
        """Return the signature that a model carries itself, None where it carries none."""
        del model
        return None

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Return the ``data`` for files that somebody else wrote, or None where they are not ours.

        Args:
            source: The folder.
            names: The names of the files in it.
        """
        del source, names
        return None
