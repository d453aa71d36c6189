"""Folders whose names are values: ``year=2026/month=1/part-….parquet`` (Hive's layout)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc

from tauro._internal._close import did_you_mean
from tauro._internal._dataset import DatasetSpec
from tauro._internal._ids import new_id
from tauro.catalog._engine import Engine, Job
from tauro.catalog._local import LocalFiles
from tauro.catalog._place import Place
from tauro.catalog._protocol import Files
from tauro.errors import DatasetError

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_NULL: Final = "__HIVE_DEFAULT_PARTITION__"


def read(sources: Sequence[str], place: Place, spec: DatasetSpec, engine: Engine) -> Any:
    """Return the rows of every file, with the values of the folders as columns."""
    values = [_values(path, place.path) for path in sources]
    names = list(dict.fromkeys(name for one in values for name in one))
    frames = [engine.read(Job(spec, path, place.files.source(path))) for path in sources]
    if not names:
        return engine.concat(frames) if len(frames) > 1 else frames[0]
    types = {name: _type([one.get(name) for one in values], name, spec) for name in names}
    tables = []
    for frame, given in zip(frames, values, strict=True):
        table = engine.to_arrow(frame)
        for name in names:
            column = pa.array([given.get(name)] * table.num_rows, pa.string()).cast(types[name])
            table = table.append_column(name, column)
        tables.append(table)
    return engine.from_arrow(pa.concat_tables(tables, promote_options="permissive"))


def _values(path: str, folder: str) -> dict[str, str | None]:
    parts = os.path.relpath(path, folder).split(os.sep)[:-1]
    pairs = [part.partition("=") for part in parts if "=" in part]
    return {unquote(key): None if value == _NULL else unquote(value) for key, _, value in pairs}


def _type(texts: list[str | None], name: str, spec: DatasetSpec) -> pa.DataType:
    """Return the declared type of a partition's values; else integers where all are."""
    declared = next((column.type for column in spec.schema if column.name == name), None)
    if declared == "string":
        return pa.string()
    given = [text for text in texts if text is not None]
    return pa.int64() if given and all(map(_is_integer, given)) else pa.string()


def _is_integer(text: str) -> bool:
    """Tell whether a text is how an integer of 64 bits is written; 007 is no number but a code."""
    return bool(_INTEGER.fullmatch(text)) and -(1 << 63) <= int(text) < 1 << 63


def write(frame: Any, place: Place, spec: DatasetSpec, engine: Engine) -> None:
    """Write one file a combination of values; the whole folder is replaced in one step.

    Raises:
        DatasetError: A column to partition by is not there.
    """
    table = engine.to_arrow(frame)
    for name in spec.partition_by:
        if name not in table.column_names:
            raise DatasetError(
                f"Dataset {spec.name!r} is partitioned by {name!r}, which the frame does not have.",
                suggestions=did_you_mean(name, table.column_names)
                or [f"Its columns: {', '.join(table.column_names)}."],
            )
    if spec.write_mode == "append" and place.exists():
        _write_files(table, place.path, place.files, spec, engine)
        return
    with place.replaced() as folder:
        os.makedirs(folder, exist_ok=True)
        _write_files(table, folder, LocalFiles(), spec, engine)


def _write_files(
    table: pa.Table, folder: str, files: Files, spec: DatasetSpec, engine: Engine
) -> None:
    keys = list(spec.partition_by)
    suffix = {"parquet": ".parquet", "csv": ".csv", "json": ".jsonl"}.get(spec.format, "")
    groups = table.group_by(keys, use_threads=False).aggregate([])
    for group in groups.to_pylist():
        mask = None
        parts = []
        for key in keys:
            value = group[key]
            same = pc.is_null(table[key]) if value is None else pc.equal(table[key], value)
            same = pc.fill_null(same, False)
            mask = same if mask is None else pc.and_(mask, same)
            parts.append(f"{quote(key)}={_NULL if value is None else quote(str(value), safe='')}")
        rows = engine.from_arrow(table.filter(mask).drop_columns(keys))
        path = os.path.join(folder, *parts, f"part-{new_id()}{suffix}")
        with files.staged(path) as temporary:
            engine.write(rows, Job(spec, temporary, temporary))
