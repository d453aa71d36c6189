"""Loading a model: hashes first, permission next, then the flavor; and calling it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tauro.errors import FlavorError
from tauro.flavors._environment import warn_of_differences
from tauro.flavors._examples import decode_example
from tauro.flavors._folder import ModelFolder
from tauro.flavors._models import SPEC_FILE, ModelSpec, decode_spec
from tauro.flavors._prepare import prepare
from tauro.flavors._protocol import Predictor
from tauro.flavors._registry import FLAVORS, get_flavor, normal_name
from tauro.flavors._signature import ModelSignature
from tauro.flavors._tables import to_array, with_categories
from tauro.flavors._trust import Trust
from tauro.types import StrPath


class LoadedModel:
    """A model that is ready to predict.

    Attributes:
        spec: The description of its files.
        native: The framework's own object.
        folder: Where its files are.
    """

    def __init__(self, spec: ModelSpec, predictor: Predictor, folder: ModelFolder) -> None:
        self.spec = spec
        self.native = predictor.native
        self.folder = folder.path
        self._folder = folder
        self._predictor = predictor
        inputs = spec.signature.inputs if spec.signature is not None else ()
        self._categorical = [column for column in inputs if column.categories is not None]

    def __repr__(self) -> str:
        return f"<LoadedModel {self.spec.flavor} {self.spec.model_class or self.folder}>"

    @property
    def signature(self) -> ModelSignature | None:
        """The inputs and outputs, None when they are not known."""
        return self.spec.signature

    @property
    def input_example(self) -> Any:
        """The rows that were saved with the model, None when there are none."""
        if not self.spec.input_example:
            return None
        return decode_example(self._folder.read(self.spec.input_example))

    def predict(self, data: Any) -> Any:
        """Return the model's predictions.

        With a signature, the data is checked and its columns are put in order first.

        Args:
            data: A frame, a record or a list of records, a mapping of columns, rows, an array, or a
                mapping of tensors.

        Raises:
            SignatureMismatchError: The data does not fit the signature; names every column.
        """
        return self._predictor.predict(self.prepare(data))

    def predict_checked(self, frame: Any) -> Any:
        """Return predictions for a frame that has the signature's columns, checked and in order.

        For callers that built the frame against the signature; a second check of one row costs more
        than some models' answer.
        """
        if self._predictor.form != "frame":
            return self._predictor.predict(to_array(frame))
        return self._predictor.predict(with_categories(frame, self._categorical))

    @property
    def predict_proba(self) -> Callable[[Any], Any]:
        """Class probabilities of data as ``predict`` takes it; absent where the model has none."""
        call = self._predictor.predict_proba
        if call is None:
            raise AttributeError(f"{self!r} has no class probabilities")
        return lambda data: call(self.prepare(data))

    def prepare(self, data: Any) -> Any:
        """Return data in the form that the framework takes, checked against the signature.

        Raises:
            SignatureMismatchError: The data does not fit the signature.
        """
        return prepare(data, self.signature, self._predictor.form)


def load_model(
    folder: StrPath,
    *,
    flavor: str | None = None,
    allow_pickle: bool = False,
    trusted: Iterable[type | str] = (),
    hashes: Mapping[str, str] | None = None,
    signature: ModelSignature | None = None,
) -> LoadedModel:
    """Load the model of a folder.

    Args:
        folder: A folder that :func:`save_model` wrote, or one with a framework's own files.
        flavor: How to read files without a description; found from their suffixes by default.
        allow_pickle: Permit formats whose loading runs code, such as pickle.
        trusted: Types, or their dotted names, that the files may hold beyond the flavor's list.
        hashes: SHA-256 of every file as somebody recorded it elsewhere; checked first.
        signature: Used where the description has none.

    Raises:
        UntrustedModelError: Loading takes a permission that was not given; nothing was opened.
        CorruptDataError: A file is not as it was saved.
        FlavorError: The files cannot be read.
        MissingExtraError: The framework is not installed.
    """
    path = Path(folder)
    if not path.is_dir():
        raise FlavorError(f"{str(path)!r} is no folder with a model.", context={"path": str(path)})
    ModelFolder(path, hashes).check()
    spec = read_spec(path, flavor, hashes)
    if spec.signature is None and signature is not None:
        spec = _with_signature(spec, signature)
    source = ModelFolder(path, hashes if hashes is not None else spec.files or None)
    if hashes is None:
        source.check(beside=(SPEC_FILE,))
    chosen = get_flavor(spec.flavor)
    warn_of_differences(spec.environment, f"The model in {path}")
    return LoadedModel(
        spec, chosen.load(source, spec.data, Trust.of(allow_pickle, trusted)), source
    )


def read_spec(
    folder: Path, flavor: str | None = None, hashes: Mapping[str, str] | None = None
) -> ModelSpec:
    """Return the description of a folder, made up from its files' names where it has none.

    Nothing but the description itself is opened.

    Raises:
        FlavorError: The description cannot be read.
    """
    source = ModelFolder(folder, hashes)
    if (folder / SPEC_FILE).is_file():
        found = decode_spec(source.read(SPEC_FILE), str(folder / SPEC_FILE))
        if found is not None:
            return found
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    wanted = normal_name(flavor) if flavor else None
    for name in [wanted, *FLAVORS] if wanted else FLAVORS:
        data = get_flavor(name).adopt(source, names)
        if data is not None:
            return ModelSpec(flavor=name, framework=flavor or name, data=data)
    return ModelSpec(flavor="files", framework=flavor or "files")


def _with_signature(spec: ModelSpec, signature: ModelSignature) -> ModelSpec:
    return msgspec.structs.replace(spec, signature=signature)
