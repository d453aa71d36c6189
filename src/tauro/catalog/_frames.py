"""Frames in files: parquet, CSV, JSON lines and Excel, by any engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tauro._internal._dataset import SUFFIXES, DatasetSpec
from tauro.catalog import _append
from tauro.catalog._engine import Engine, Job, convert, reading, writing
from tauro.catalog._place import Place
from tauro.catalog._registry import load_engine
from tauro.catalog._schema import checked
from tauro.errors import DatasetError


class FrameDataset:
    """A frame in a file, in the files of a pattern or a folder, or in a folder of versions."""

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        self._spec = spec
        self._place = Place(spec, root)
        self._suffixes = SUFFIXES.get(spec.format, ())
        if spec.versioned and spec.partition_by:
            raise DatasetError(
                f"Dataset {spec.name!r} is versioned and partitioned; it can be one of the two.",
                suggestions=["Remove 'versioned' or 'partition_by'."],
            )

    @property
    def _engine(self) -> Engine:
        engine: Engine = load_engine(self._spec.engine, self._spec.name)
        engine.require(self._spec)
        return engine

    def load(self) -> Any:
        """Return the frame, of the columns and types that the schema asks for.

        Raises:
            DatasetNotFoundError: Nothing is there.
            SchemaMismatchError: It is not of the declared schema.
            DatasetError: It cannot be read.
        """
        engine = self._engine
        place, spec = self._place, self._spec
        with reading(spec, place.shown, engine.errors):
            frame = self._read(engine)
        return checked(frame, spec, engine, place.shown)

    def _read(self, engine: Engine) -> Any:
        place, spec = self._place, self._spec
        sources = place.sources(self._suffixes)
        if place.is_folder():
            from tauro.catalog import _partitions  # pyarrow: not for text and JSON

            return _partitions.read(sources, place, spec, engine)
        frames = [engine.read(Job(spec, path, place.files.source(path))) for path in sources]
        return frames[0] if len(frames) == 1 else engine.concat(frames)

    def save(self, data: Any) -> None:
        """Write a frame, of whatever engine, as the write mode says.

        Raises:
            DatasetError: It is no frame, or cannot be written.
        """
        engine = self._engine
        place, spec = self._place, self._spec
        if spec.write_mode == "ignore" and place.exists():
            return
        frame = convert(data, engine, spec)
        exclusive = spec.write_mode == "error"
        if exclusive and not spec.versioned and place.exists():
            raise place.taken()
        with writing(spec, place.shown, engine.errors), place.appending():
            if spec.partition_by:
                from tauro.catalog import _partitions

                _partitions.write(frame, place, spec, engine)
            elif spec.write_mode == "append" and not spec.versioned and place.exists():
                _append.append(frame, place, spec, engine)
            else:
                with place.replaced(exclusive=exclusive) as path:
                    engine.write(frame, Job(spec, path, path))

    def exists(self) -> bool:
        """Tell whether there is something to load."""
        return self._place.exists()

    def fingerprint(self) -> str:
        """Return a hash of the files."""
        return self._place.fingerprint(self._suffixes)

    def describe(self) -> dict[str, Any]:
        """Return where it lies, how large it is, and its schema."""
        return {**self._spec.to_dict(), **self._place.describe()}
