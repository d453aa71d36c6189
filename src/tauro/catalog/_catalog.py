"""The datasets of a project by name."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tauro._internal._close import did_you_mean
from tauro._internal._dataset import (
    COLUMN_TYPE_ALIASES,
    ENGINES,
    WRITE_MODES,
    ColumnSpec,
    DatasetSpec,
    format_of_path,
)
from tauro._internal._fork import tell_after_fork
from tauro.catalog._protocol import Dataset, DatasetFactory
from tauro.catalog._registry import find_format
from tauro.errors import DatasetError
from tauro.types import StrPath


class Catalog:
    """Loads and saves datasets by name; an engine is imported when a dataset first needs it.

    May be used from several threads. A name may be described among the inputs, the outputs, or
    both: loading goes by the input where there is one, saving by the output.

    Args:
        inputs: Datasets that are read, by name.
        outputs: Datasets that are written, by name.
        root: Where relative paths start; by default the working directory.
        formats: Makers of further formats, stronger than Tauro's own and than entry points.
    """

    def __init__(
        self,
        inputs: Mapping[str, DatasetSpec | Mapping[str, Any]] | None = None,
        outputs: Mapping[str, DatasetSpec | Mapping[str, Any]] | None = None,
        *,
        root: StrPath | None = None,
        formats: Mapping[str, DatasetFactory] | None = None,
    ) -> None:
        self.root = Path(os.path.abspath(root if root is not None else os.curdir))
        self._inputs = {name: _spec(name, spec) for name, spec in (inputs or {}).items()}
        self._outputs = {name: _spec(name, spec) for name, spec in (outputs or {}).items()}
        self._formats = dict(formats or {})
        self._made: dict[int, Dataset] = {}
        self._lock = threading.Lock()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    def __contains__(self, name: object) -> bool:
        return name in self._inputs or name in self._outputs

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._inputs, *self._outputs]))

    def __len__(self) -> int:
        return len(self._inputs.keys() | self._outputs.keys())

    def __repr__(self) -> str:
        return f"Catalog({len(self)} datasets, root={str(self.root)!r})"

    def load(self, name: str) -> Any:
        """Return the data of a dataset.

        Raises:
            DatasetNotFoundError: There is none yet.
            SchemaMismatchError: It is not of the declared schema.
            DatasetError: There is no dataset of this name, or it cannot be read.
            MissingExtraError: Its format or engine needs a package that is not installed.
        """
        return self.get_dataset(name).load()

    def save(self, name: str, data: Any) -> None:
        """Save data to a dataset, as its write mode says.

        Raises:
            DatasetError: There is no dataset of this name, or it cannot be written.
            MissingExtraError: Its format or engine needs a package that is not installed.
        """
        self.get_dataset(name, for_saving=True).save(data)

    def exists(self, name: str) -> bool:
        """Tell whether there is data to load; looks, but does not load."""
        return self.get_dataset(name).exists()

    def fingerprint(self, name: str) -> str:
        """Return a text that changes with the content; empty where there is nothing to tell by."""
        return self.get_dataset(name).fingerprint()

    def describe(self, name: str) -> dict[str, Any]:
        """Return what can be told of a dataset without loading it, secrets masked."""
        return self.get_dataset(name).describe()

    def get_spec(self, name: str, *, for_saving: bool = False) -> DatasetSpec:
        """Return what a dataset was described as.

        Raises:
            DatasetError: There is no dataset of this name.
        """
        first, second = self._inputs, self._outputs
        if for_saving:
            first, second = second, first
        spec = first.get(name) or second.get(name)
        if spec is None:
            raise DatasetError(
                f"There is no dataset {name!r}.",
                suggestions=did_you_mean(name, self) or [f"Datasets: {', '.join(self) or 'none'}."],
            )
        return spec

    def get_dataset(self, name: str, *, for_saving: bool = False) -> Dataset:
        """Return a dataset itself.

        Raises:
            DatasetError: There is no dataset of this name.
            MissingExtraError: Its format needs a package that is not installed.
        """
        spec = self.get_spec(name, for_saving=for_saving)
        with self._lock:
            # A memory dataset that is input and output at once is one dataset.
            key = id(self.get_spec(name)) if spec.format == "memory" else id(spec)
            made = self._made.get(key)
            if made is None:
                factory = self._formats.get(spec.format) or find_format(
                    spec.format, spec.engine, name
                )
                made = self._made[key] = factory(spec, self.root)
            return made


def _spec(name: str, given: DatasetSpec | Mapping[str, Any]) -> DatasetSpec:
    if isinstance(given, DatasetSpec):
        return given
    values = dict(given)
    path = values.get("path")
    values.setdefault("format", format_of_path(str(path)) or "memory" if path else "memory")
    _check_choice(name, "write_mode", values.get("write_mode", "overwrite"), WRITE_MODES)
    _check_choice(name, "engine", values.get("engine", "pandas"), ENGINES)
    try:
        columns = [_column(column) for column in values.get("schema", ())]
        return DatasetSpec(name=name, **{**values, "schema": tuple(columns)})
    except TypeError as error:
        raise DatasetError(f"Dataset {name!r} cannot be made of these values: {error}.") from error


def _check_choice(name: str, key: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise DatasetError(
            f"Dataset {name!r}: {key!r} must be one of {', '.join(choices)}, got {value!r}.",
            suggestions=did_you_mean(str(value), choices),
        )


def _column(given: ColumnSpec | Mapping[str, Any]) -> ColumnSpec:
    if isinstance(given, ColumnSpec):
        return given
    values = {"type": "any", **given}
    return ColumnSpec(**{**values, "type": COLUMN_TYPE_ALIASES.get(values["type"], values["type"])})
