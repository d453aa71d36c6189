"""The record of a dataset, which configuration reads and the catalog opens.

The two packages are strangers to each other, so what they share stands below both: the record,
the names of formats and engines, and the types a column may have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from tauro._internal._secrets import mask_secrets

SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "parquet": (".parquet", ".pq"),
    "csv": (".csv", ".csv.gz", ".tsv"),
    "json": (".json", ".jsonl", ".ndjson"),
    "excel": (".xlsx", ".xls"),
    "delta": (),
    "sql": (),
    "http": (),
    "text": (".txt", ".md"),
    "pickle": (".pkl", ".pickle"),
    "memory": (),
    "model": (),
}
"""The formats that come with Tauro and the file suffixes by which a path alone names them."""

ENGINES: Final = ("pandas", "polars", "pyarrow", "spark", "python")
WRITE_MODES: Final = ("overwrite", "append", "error", "ignore")
COLUMN_TYPES: Final = ("integer", "float", "string", "boolean", "datetime", "binary", "any")
COLUMN_TYPE_ALIASES: Final[Mapping[str, str]] = {
    "int": "integer",
    "int8": "integer",
    "int16": "integer",
    "int32": "integer",
    "int64": "integer",
    "long": "integer",
    "bigint": "integer",
    "double": "float",
    "float32": "float",
    "float64": "float",
    "number": "float",
    "decimal": "float",
    "str": "string",
    "text": "string",
    "object": "any",
    "bool": "boolean",
    "date": "datetime",
    "timestamp": "datetime",
    "bytes": "binary",
}


def format_of_path(path: str) -> str | None:
    """Return the format that a path's suffix names, or None."""
    lowered = path.lower()
    for name, suffixes in SUFFIXES.items():
        if lowered.endswith(suffixes):
            return name
    return None


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column that the data must have.

    Attributes:
        name: The column's name.
        type: One of ``COLUMN_TYPES``.
        nullable: Whether missing values are allowed.
    """

    name: str
    type: str = "any"
    nullable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """What a dataset is and where its data lies.

    Attributes:
        name: The name that nodes use.
        path: File, folder, glob or URL; None for datasets that have none (memory, SQL).
        format: A format of Tauro's, or of an entry point in the group ``tauro.datasets``.
        engine: The kind of frame a node gets.
        schema: Columns that must be there; further ones are allowed.
        load_options: Passed to the engine's reader as they are.
        save_options: Passed to the engine's writer as they are.
        storage_options: Given to the remote store (fsspec, delta): endpoint, credentials.
        write_mode: What a save does where data is already: one of ``WRITE_MODES``.
        partition_by: Columns whose values become folders.
        versioned: Whether every save makes a new version and a load reads the newest.
        version: The version to read; None reads the newest.
        allow_pickle: Whether a pickle may be read, which runs code from the file.
        table: Table to read or write (SQL).
        query: Query to read (SQL).
        connection: URL of the database (SQL).
        model: Registered model's name (model).
        stage: Stage of the model to load.
        alias: Alias of the model to load.
        description: For readers.
        extra: Keys that only a third party's format knows.
    """

    name: str
    path: str | None = None
    format: str = "memory"
    engine: str = "pandas"
    schema: tuple[ColumnSpec, ...] = ()
    load_options: Mapping[str, Any] = field(default_factory=dict)
    save_options: Mapping[str, Any] = field(default_factory=dict)
    storage_options: Mapping[str, Any] = field(default_factory=dict)
    write_mode: str = "overwrite"
    partition_by: tuple[str, ...] = ()
    versioned: bool = False
    version: str | None = None
    allow_pickle: bool = False
    table: str | None = None
    query: str | None = None
    connection: str | None = None
    model: str | None = None
    stage: str | None = None
    alias: str | None = None
    description: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={value!r}" for key, value in self.to_dict().items())
        return f"{type(self).__name__}({shown})"

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from a bare dataset, secrets masked."""
        plain = {
            item.name: getattr(self, item.name)
            for item in fields(DatasetSpec)
            if item.name == "name" or getattr(self, item.name) not in (None, "", {}, (), False)
        }
        if self.schema:
            plain["schema"] = {column.name: column.type for column in self.schema}
        return dict(mask_secrets(plain))
