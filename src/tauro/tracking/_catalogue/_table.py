"""Records as an Arrow table: the columns of an index."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import pyarrow as pa

from tauro.tracking._catalogue._arrow import document_array, number_array, text_array
from tauro.tracking._catalogue._fields import (
    EXPERIMENT_TEXTS,
    EXPERIMENT_TIMES,
    RUN_TEXTS,
    RUN_TIMES,
    experiment_fields,
    run_fields,
)
from tauro.tracking._models import ExperimentRecord, RunRecord
from tauro.tracking._query._values import microseconds_of, number_of, text_of

TIME: Final = pa.timestamp("us", tz="UTC")
DOCUMENT: Final = "document"
ColumnKind = Literal["integer", "number", "boolean", "text"]
_KIND: Final = b"tauro.kind"
_KIND_OF_TYPE: Final[Mapping[type, ColumnKind]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
}
_BATCH: Final = 4096
_SPACES: Final = ("metrics", "params", "tags")


def runs_table(runs: Iterable[tuple[RunRecord, bytes]]) -> pa.Table:
    """Return runs, each with its document, as a table of flat columns, the document last."""
    pairs = iter(runs)
    tables = [_batch_of_runs(list(itertools.islice(pairs, _BATCH)))]
    # The objects of a batch are gone before the next; else the garbage collector goes through all
    # of them again and again, which took half the time.
    while batch := list(itertools.islice(pairs, _BATCH)):
        tables.append(_batch_of_runs(batch))
    return stack(tables)


def _batch_of_runs(pairs: Sequence[tuple[RunRecord, bytes]]) -> pa.Table:
    return _table(
        [run_fields(record) for record, _ in pairs],
        [record.rev for record, _ in pairs],
        [document for _, document in pairs],
        texts=RUN_TEXTS,
        times=RUN_TIMES,
    )


def experiments_table(records: Sequence[ExperimentRecord], documents: Sequence[bytes]) -> pa.Table:
    """Return experiments as a table of flat columns, one row each, the document last."""
    return _table(
        [experiment_fields(record) for record in records],
        [record.rev for record in records],
        documents,
        texts=EXPERIMENT_TEXTS,
        times=EXPERIMENT_TIMES,
    )


def _table(
    rows: Sequence[Mapping[str, Any]],
    revs: Sequence[int],
    documents: Sequence[bytes],
    *,
    texts: Iterable[str],
    times: Iterable[str],
) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    kinds: dict[str, ColumnKind] = {}
    for name in texts:
        columns[name] = text_array(row[name] for row in rows)
    for name in times:
        columns[name] = number_array([microseconds_of(row[name]) for row in rows], TIME)
    columns["rev"] = number_array(revs, pa.int64())
    for space in _SPACES:
        values = _spread([row.get(space, {}) for row in rows])
        for name in sorted(values):
            column = f"{space}.{name}"
            if space == "metrics":
                columns[column] = number_array(
                    [number_of(value) for value in values[name]], pa.float64()
                )
            else:
                columns[column] = text_array(map(text_of, values[name]))
                kinds[column] = _kind_of(values[name])
    columns[DOCUMENT] = document_array(documents)
    return with_kinds(pa.Table.from_arrays(list(columns.values()), list(columns)), kinds)


def _kind_of(values: Iterable[Any]) -> ColumnKind:
    kinds = {_KIND_OF_TYPE.get(type(value), "text") for value in values if value is not None}
    kind: ColumnKind = "text"
    if kinds <= {"integer", "number"}:
        kind = "number" if "number" in kinds else "integer"
    elif kinds == {"boolean"}:
        kind = "boolean"
    return kind


def kinds_of(schema: pa.Schema) -> dict[str, ColumnKind]:
    """Return what the texts of a column all were before they were texts, where it is not text."""
    return {
        field.name: field.metadata[_KIND].decode()
        for field in schema
        if field.metadata and _KIND in field.metadata
    }


def with_kinds(table: pa.Table, kinds: Mapping[str, ColumnKind]) -> pa.Table:
    """Return a table whose columns say what their texts were."""
    return table.cast(schema_with_kinds(table.schema, kinds))


def schema_with_kinds(schema: pa.Schema, kinds: Mapping[str, ColumnKind]) -> pa.Schema:
    """Return a schema whose fields say what their texts were."""
    return pa.schema(
        field.with_metadata({_KIND: kinds[field.name]} if field.name in kinds else None)
        for field in schema
    )


def joined_kinds(schemas: Iterable[pa.Schema]) -> dict[str, ColumnKind]:
    """Return the kind that covers a column in each of several tables."""
    kinds: dict[str, ColumnKind] = {}
    for schema in schemas:
        for name, kind in kinds_of(schema).items():
            known = kinds.setdefault(name, kind)
            if known != kind:
                both_numbers = {known, kind} == {"integer", "number"}
                kinds[name] = "number" if both_numbers else "text"
    return kinds


def stack(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tables one below the other; a column that one lacks is null there."""
    kinds = joined_kinds(table.schema for table in tables)
    return with_kinds(pa.concat_tables(tables, promote_options="default"), kinds)


def _spread(mappings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the values of each name, None where a mapping has none."""
    columns: dict[str, list[Any]] = {}
    for row, mapping in enumerate(mappings):
        for name, value in mapping.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = [None] * len(mappings)
            column[row] = value
    return columns


def is_flat(name: str) -> bool:
    """Tell whether a column is a metric, parameter or tag."""
    return name.partition(".")[0] in _SPACES and "." in name
