"""Frames of Spark, which reads and writes by itself, wherever the data lies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tauro._internal import _optional
from tauro._internal._close import did_you_mean
from tauro._internal._dataset import DatasetSpec
from tauro._internal._secrets import mask_text
from tauro.catalog._engine import READ_ERRORS, is_records, reading, writing
from tauro.catalog._local import LocalFiles
from tauro.errors import DatasetError, DatasetNotFoundError, SchemaMismatchError

_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "integer": ("tinyint", "smallint", "int", "bigint"),
    "float": ("float", "double", "decimal", "tinyint", "smallint", "int", "bigint"),
    "string": ("string", "varchar", "char"),
    "boolean": ("boolean",),
    "datetime": ("timestamp", "timestamp_ntz", "date"),
    "binary": ("binary",),
}
_MODES: Final = {"overwrite": "overwrite", "append": "append", "error": "error", "ignore": "ignore"}
_SHOWN: Final = 5


class SparkDataset:
    """A path or a table of Spark's catalogue, in the session that is active, else a new one.

    Spark writes a folder of files and commits it its own way; a save is not one step.
    """

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        self._spec = spec
        self._pyspark = _optional.load(
            "pyspark.sql", extra="spark", purpose=f"Dataset {spec.name!r} with the engine 'spark'"
        )
        if not spec.path and not spec.table:
            raise DatasetError(f"Dataset {spec.name!r} (spark) needs a 'path' or a 'table'.")
        path = (spec.path or "").removeprefix("file://")
        self._is_local = bool(path) and ":/" not in path
        self._path = os.path.join(root, os.path.expanduser(path)) if self._is_local else path

    @property
    def _errors(self) -> tuple[type[Exception], ...]:
        error = _optional.load("pyspark.errors:PySparkException", extra="spark")
        return (*READ_ERRORS, error)

    @property
    def _shown(self) -> str:
        return self._spec.table or mask_text(self._path)

    def _session(self) -> Any:
        session = self._pyspark.SparkSession
        return session.getActiveSession() or session.builder.appName("tauro").getOrCreate()

    def load(self) -> Any:
        """Return the data as a frame of Spark, of the columns that the schema asks for.

        Raises:
            DatasetNotFoundError: Nothing is there.
            SchemaMismatchError: It is not of the declared schema.
            DatasetError: Spark refuses.
        """
        spec = self._spec
        if self._is_local and not os.path.exists(self._path) and "*" not in self._path:
            raise DatasetNotFoundError(
                f"Dataset {spec.name!r} cannot be loaded: {self._path} is not there.",
                suggestions=LocalFiles().near(self._path),
            )
        with reading(spec, self._shown, self._errors):
            frame = self._read()
        self._check(frame)
        return frame

    def _read(self) -> Any:
        session, spec = self._session(), self._spec
        if spec.table:
            return session.table(spec.table)
        defaults = {"header": True, "inferSchema": True} if spec.format == "csv" else {}
        options = {**defaults, **spec.load_options}
        return session.read.format(spec.format).options(**options).load(self._path)

    def _check(self, frame: Any) -> None:
        types = dict(frame.dtypes)
        complaints = []
        for column in self._spec.schema:
            kind = types.get(column.name)
            if kind is None:
                hint = "".join(did_you_mean(column.name, types))
                complaints.append(f"the column {column.name!r} is missing. {hint}".rstrip())
                continue
            if column.type != "any" and kind.partition("(")[0] not in _TYPES[column.type]:
                rows = frame.select(column.name).dropna().head(_SHOWN)
                shown = ", ".join(repr(row[0]) for row in rows)
                complaints.append(f"{column.name!r} must be {column.type}, is {kind}: {shown}")
            if not column.nullable and frame.filter(frame[column.name].isNull()).head(1):
                complaints.append(f"{column.name!r} must not be null and is in some rows")
        if complaints:
            listed = "\n".join(f"  - {line}" for line in complaints)
            raise SchemaMismatchError(
                f"Dataset {self._spec.name!r} ({self._shown}) is not of its schema:\n{listed}",
                suggestions=["Correct the data, or 'schema:' in the configuration."],
            )

    def save(self, data: Any) -> None:
        """Write a frame of Spark, pandas, or rows, as the write mode says.

        Raises:
            DatasetError: It is no frame, or Spark refuses.
        """
        spec = self._spec
        frame = self._frame(data)
        with writing(spec, self._shown, self._errors):
            writer = frame.write.mode(_MODES[spec.write_mode])
            if spec.partition_by:
                writer = writer.partitionBy(*spec.partition_by)
            options = {**({"header": True} if spec.format == "csv" else {}), **spec.save_options}
            writer = writer.format(spec.format).options(**options)
            if spec.table:
                writer.saveAsTable(spec.table)
            else:
                writer.save(self._path)

    def _frame(self, data: Any) -> Any:
        library = type(data).__module__.partition(".")[0]
        if library == "pyspark":
            return data
        if library == "pandas" or is_records(data):
            return self._session().createDataFrame(data)
        if library in ("polars", "pyarrow") and hasattr(data, "to_pandas"):
            return self._session().createDataFrame(data.to_pandas())
        raise DatasetError(
            f"Dataset {self._spec.name!r} takes a frame, got {type(data).__qualname__}.",
            suggestions=["Return a DataFrame of Spark or pandas, or a list of dicts."],
        )

    def exists(self) -> bool:
        """Tell whether there is data; away from this machine Spark is asked for its schema."""
        if self._spec.table:
            return bool(self._session().catalog.tableExists(self._spec.table))
        if self._is_local:
            return os.path.exists(self._path)
        try:
            self._read()
        except self._errors:
            return False
        return True

    def fingerprint(self) -> str:
        """Return a hash of local files; the empty text where the data lies elsewhere."""
        if self._spec.table or not self._is_local or not os.path.isdir(self._path):
            return ""
        files, digest = LocalFiles(), hashlib.blake2b(digest_size=16)
        for path in files.walk(self._path):
            digest.update(f"{os.path.relpath(path, self._path)}:{files.fingerprint(path)}".encode())
        return f"files:{digest.hexdigest()}"

    def describe(self) -> dict[str, Any]:
        """Return where it lies."""
        return {**self._spec.to_dict(), "path": self._shown}
