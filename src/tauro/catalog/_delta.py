"""Delta tables, by the deltalake package."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

from tauro._internal import _fs, _optional
from tauro._internal._dataset import DatasetSpec
from tauro._internal._secrets import mask_text
from tauro.catalog._engine import READ_ERRORS, Engine, convert, reading, writing
from tauro.catalog._registry import load_engine
from tauro.catalog._schema import checked
from tauro.errors import DatasetError, DatasetNotFoundError
from tauro.resilience import RetryConfig, with_retry

_COMMITS: Final = 12
"""How often a commit is tried: as many savers at once each get theirs in."""


class DeltaDataset:
    """A Delta table; every save is a commit of the table's log, and a version can be read again."""

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        self._spec = spec
        path = (spec.path or "").removeprefix("file://")
        if not path:
            raise DatasetError(f"Dataset {spec.name!r} (delta) has no path.")
        self._uri = path if "://" in path else os.path.join(root, os.path.expanduser(path))
        self._delta = _optional.load("deltalake", extra="delta", purpose="The format 'delta'")
        self._storage = {key: str(value) for key, value in spec.storage_options.items()} or None

    @property
    def _errors(self) -> tuple[type[Exception], ...]:
        errors: type[Exception] = self._delta.exceptions.DeltaError
        return (*READ_ERRORS, errors)

    def load(self) -> Any:
        """Return the table, at the version that was asked for, as a frame of the engine.

        Raises:
            DatasetNotFoundError: There is no table.
            SchemaMismatchError: It is not of the declared schema.
            DatasetError: It cannot be read.
        """
        spec = self._spec
        engine = self._engine()
        if not self.exists():
            raise DatasetNotFoundError(
                f"Dataset {spec.name!r} cannot be loaded: {self._shown} is no Delta table.",
                suggestions=["Run the node that makes it, or correct 'path:'."],
            )
        with reading(spec, self._shown, (*engine.errors, *self._errors)):
            table = self._table().to_pyarrow_table(**spec.load_options)
            frame = engine.from_arrow(table)
        return checked(frame, spec, engine, self._shown)

    def _engine(self) -> Engine:
        engine: Engine = load_engine(self._spec.engine, self._spec.name)
        return engine

    def _table(self) -> Any:
        version: int | str | None = self._spec.version
        if isinstance(version, str) and version.isdecimal():
            version = int(version)
        if isinstance(version, str):
            table = self._delta.DeltaTable(self._uri, storage_options=self._storage)
            table.load_as_version(version)
            return table
        return self._delta.DeltaTable(self._uri, version=version, storage_options=self._storage)

    @property
    def _shown(self) -> str:
        return mask_text(self._uri)

    def save(self, data: Any) -> None:
        """Commit a frame to the table, as the write mode says.

        Raises:
            DatasetError: It is no frame, or cannot be written.
        """
        spec = self._spec
        engine = self._engine()
        table = engine.to_arrow(convert(data, engine, spec))
        options = {"partition_by": list(spec.partition_by) or None, **spec.save_options}
        # A commit that another one overtook is made anew, on what is there now.
        overtaken = RetryConfig(
            max_attempts=_COMMITS,
            initial_delay=0.02,
            retry_on=(self._delta.exceptions.CommitFailedError,),
        )
        with writing(spec, self._shown, (*engine.errors, *self._errors)), self._turn():
            with_retry(overtaken)(self._delta.write_deltalake)(
                self._uri, table, mode=spec.write_mode, storage_options=self._storage, **options
            )

    def _turn(self) -> AbstractContextManager[None]:
        """Let savers of this machine take turns: of two that make the table, both would fill it."""
        if "://" in self._uri:
            return nullcontext()
        folder = os.path.dirname(os.path.realpath(self._uri))
        _fs.make_dirs(folder)
        return _fs.locked_folder(folder)

    def exists(self) -> bool:
        """Tell whether there is a table."""
        return bool(self._delta.DeltaTable.is_deltatable(self._uri, self._storage))

    def fingerprint(self) -> str:
        """Return the table's id and version."""
        if not self.exists():
            return ""
        table = self._table()
        return f"delta:{table.metadata().id}:{table.version()}"

    def describe(self) -> dict[str, Any]:
        """Return where it lies and its version."""
        facts: dict[str, Any] = {**self._spec.to_dict(), "exists": self.exists()}
        if facts["exists"]:
            table = self._table()
            facts["version"] = table.version()
            facts["files"] = len(table.file_uris())
        return facts
