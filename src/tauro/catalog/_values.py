"""Values in files: JSON, text, and pickles where they are permitted."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path
from typing import Any, Final

from tauro._internal._dataset import SUFFIXES, DatasetSpec
from tauro.catalog._engine import READ_ERRORS, Engine, Job, is_records, reading, writing
from tauro.catalog._frames import FrameDataset
from tauro.catalog._json_rows import plain
from tauro.catalog._place import Place
from tauro.catalog._registry import load_engine
from tauro.catalog._schema import checked
from tauro.errors import DatasetError

_FRAME_LIBRARIES: Final = ("pandas", "polars", "pyarrow")


class JsonDataset(FrameDataset):
    """Rows as a frame, any other JSON value as it is.

    A list of objects loads as a frame, unless the engine is ``python``; so does a file of one
    object a line. With load options the file goes to the engine's own reader.
    """

    def load(self) -> Any:
        """Return a frame where the file holds rows, else the value.

        Raises:
            DatasetNotFoundError: Nothing is there.
            SchemaMismatchError: It is not of the declared schema.
            DatasetError: It is not JSON.
        """
        place, spec = self._place, self._spec
        lines = Job(spec, place.path, place.path).is_lines
        several = place.is_pattern or place.is_folder()
        if lines or several or spec.load_options:
            return super().load()
        with reading(spec, place.shown, READ_ERRORS):
            (path,) = place.sources(self._suffixes)
            value = json.loads(place.files.read_bytes(path))
        if not is_records(value):
            return value
        engine: Engine = load_engine(spec.engine, spec.name)
        with reading(spec, place.shown, engine.errors):
            frame = engine.from_records(value)
        return checked(frame, spec, engine, place.shown)

    def save(self, data: Any) -> None:
        """Write a frame as rows, and any other value as it is.

        Raises:
            DatasetError: The value is not JSON, or cannot be written.
        """
        place, spec = self._place, self._spec
        library = type(data).__module__.partition(".")[0]
        lines = Job(spec, place.path, place.path).is_lines
        if library in _FRAME_LIBRARIES or lines or spec.partition_by:
            super().save(data)
            return
        with writing(spec, place.shown, READ_ERRORS), place.appending():
            if spec.write_mode == "append" and not spec.versioned and place.exists():
                data = self._extended(data)
            text = json.dumps(data, default=plain, **{**_JSON, **spec.save_options})
            _save_bytes(text.encode() + b"\n", place, spec)

    def _extended(self, data: Any) -> list[Any]:
        place, spec = self._place, self._spec
        with reading(spec, place.shown, READ_ERRORS):
            old = json.loads(place.files.read_bytes(place.path))
        if isinstance(old, list) and isinstance(data, list):
            return [*old, *data]
        raise DatasetError(
            f"Dataset {spec.name!r} cannot be appended to: only a list takes further values.",
            suggestions=["Use 'write_mode: overwrite', or a list."],
        )


_JSON: Final[dict[str, Any]] = {"ensure_ascii": False, "indent": 2}


def _save_bytes(data: bytes, place: Place, spec: DatasetSpec) -> None:
    """Write bytes as the write mode says."""
    if spec.write_mode == "ignore" and place.exists():
        return
    exclusive = spec.write_mode == "error"
    if exclusive and not spec.versioned and place.exists():
        raise place.taken()
    with place.replaced(exclusive=exclusive) as path, open(path, "wb") as file:
        file.write(data)


class TextDataset:
    """A text file as a str; the files of a pattern or a folder as a dict by path."""

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        self._spec = spec
        self._place = Place(spec, root)

    def load(self) -> str | dict[str, str]:
        """Return the text; for several files, a dict of their paths to their texts.

        Raises:
            DatasetNotFoundError: Nothing is there.
            DatasetError: It is no text of the encoding (UTF-8 unless an option says otherwise).
        """
        place, spec = self._place, self._spec
        encoding = str(spec.load_options.get("encoding", "utf-8"))
        with reading(spec, place.shown, READ_ERRORS):
            texts = {p: self._text(p, encoding) for p in place.sources()}
        return texts if place.is_pattern or place.is_folder() else next(iter(texts.values()))

    def _text(self, path: str, encoding: str) -> str:
        data: bytes = self._place.files.read_bytes(path)
        return (gzip.decompress(data) if path.endswith(".gz") else data).decode(encoding)

    def save(self, data: Any) -> None:
        """Write a text.

        Raises:
            DatasetError: It is not a str.
        """
        place, spec = self._place, self._spec
        if not isinstance(data, str):
            raise DatasetError(
                f"Dataset {spec.name!r} (text) takes a str, got {type(data).__qualname__}.",
                suggestions=["Use 'format: json' for other values."],
            )
        encoding = str(spec.save_options.get("encoding", "utf-8"))
        with writing(spec, place.shown, READ_ERRORS), place.appending():
            encoded = data.encode(encoding)
            if spec.write_mode == "append" and not spec.versioned and place.exists():
                encoded = place.files.read_bytes(place.path) + encoded
            _save_bytes(encoded, place, spec)

    def exists(self) -> bool:
        """Tell whether there is something to load."""
        return self._place.exists()

    def fingerprint(self) -> str:
        """Return a hash of the files."""
        return self._place.fingerprint()

    def describe(self) -> dict[str, Any]:
        """Return where it lies and how large it is."""
        return {**self._spec.to_dict(), **self._place.describe()}


class PickleDataset(TextDataset):
    """Any Python object; reading one runs code that the file names, so it must be permitted."""

    def load(self) -> Any:
        """Return the object.

        Raises:
            DatasetError: It is not permitted, or cannot be read.
            DatasetNotFoundError: Nothing is there.
        """
        place, spec = self._place, self._spec
        if not spec.allow_pickle:
            raise DatasetError(
                f"Dataset {spec.name!r} is a pickle, and reading one can run any code.",
                suggestions=[
                    "If you trust where it comes from, add 'allow_pickle: true' to it;",
                    "else save it as parquet, json, or a model of the registry.",
                ],
            )
        with reading(spec, place.shown, (*READ_ERRORS, pickle.PickleError, EOFError, ImportError)):
            (path,) = place.sources(SUFFIXES["pickle"])
            return pickle.loads(place.files.read_bytes(path))  # noqa: S301 - permitted above

    def save(self, data: Any) -> None:
        """Write an object.

        Raises:
            DatasetError: It cannot be pickled, or the write mode is ``append``.
        """
        place, spec = self._place, self._spec
        if spec.write_mode == "append":
            raise DatasetError(
                f"Dataset {spec.name!r} is a pickle and cannot be appended to.",
                suggestions=["Use 'write_mode: overwrite'."],
            )
        with writing(spec, place.shown, (*READ_ERRORS, pickle.PickleError)):
            _save_bytes(pickle.dumps(data, protocol=5), place, spec)
