"""Any rows, saved by any engine, are the rows that are loaded."""

from __future__ import annotations

import tempfile
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.catalog.frames import ENGINES, MAKERS, rows_of

from tauro.catalog import Catalog, ColumnSpec, SchemaMismatchError

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
ROW = st.fixed_dictionaries(
    {
        "whole": st.integers(-(2**53), 2**53),
        "part": st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: x + 0.5),
        "text": TEXT,
        "flag": st.booleans(),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=6)
_NULLS = {
    "null",
    "nan",
    "na",
    "n/a",
    "none",
    "<na>",
    "#n/a",
    "nil",
    "-nan",
    "1.#ind",
    "1.#qnan",
    "#na",
    "-1.#ind",
    "-1.#qnan",
    "#n/a n/a",
}
"""Texts that some reader of CSV takes for a missing value."""


def has_a_name(row: Any) -> bool:
    return str(row["text"]).lower() not in _NULLS


NAMED_ROWS = ROWS.filter(lambda rows: all(map(has_a_name, rows)))
SCHEMA = (
    ColumnSpec("text", "string"),
    ColumnSpec("whole", "integer"),
    ColumnSpec("flag", "boolean"),
)


def there_and_back(rows: list[dict[str, Any]], writer: str, reader: str, **spec: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        Catalog({}, {"x": {**spec, "engine": writer}}, root=folder).save("x", MAKERS[writer](rows))
        return rows_of(Catalog({"x": {**spec, "engine": reader}}, root=folder).load("x"))


@quick
@given(
    rows=ROWS,
    writer=st.sampled_from(ENGINES),
    reader=st.sampled_from(ENGINES),
    path=st.sampled_from(["x.parquet", "x.jsonl", "x.json"]),
)
def test_typed_formats(rows: list[dict[str, Any]], writer: str, reader: str, path: str) -> None:
    assert there_and_back(rows, writer, reader, path=path) == rows


@quick
@given(
    rows=NAMED_ROWS,
    writer=st.sampled_from([*ENGINES, "python"]),
    reader=st.sampled_from([*ENGINES, "python"]),
    path=st.sampled_from(["x.csv", "x.tsv", "x.csv.gz"]),
)
def test_csv_of_any_engine_is_read_by_any_other(
    rows: list[dict[str, Any]], writer: str, reader: str, path: str
) -> None:
    """Texts that look like numbers, and separators and quotes within texts, survive."""
    schema = (*SCHEMA, ColumnSpec("part", "float"))
    assert there_and_back(rows, writer, reader, path=path, schema=schema) == rows


@quick
@given(
    rows=ROWS,
    engine=st.sampled_from(ENGINES),
    form=st.sampled_from(["parquet", "json"]),
    keys=st.sampled_from([("text",), ("whole",), ("text", "whole")]),
)
def test_partitions_of_any_values(
    rows: list[dict[str, Any]], engine: str, form: str, keys: tuple[str, ...]
) -> None:
    loaded = there_and_back(
        rows, engine, engine, path="parts", format=form, partition_by=keys, schema=SCHEMA
    )
    assert sorted(map(_key, loaded)) == sorted(map(_key, rows))


def _key(row: dict[str, Any]) -> str:
    return repr(sorted(row.items()))


@quick
@given(
    values=st.lists(
        st.one_of(st.integers(-9, 9), TEXT, st.none(), st.booleans()), min_size=1, max_size=8
    )
)
def test_exactly_the_values_of_another_type_are_reported(values: list[Any]) -> None:
    rows = [{"a": value, "b": 1} for value in values]
    wrong = [
        row
        for row, value in enumerate(values)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int))
    ]
    with tempfile.TemporaryDirectory() as folder:
        Catalog({}, {"x": {"path": "x.jsonl", "engine": "python"}}, root=folder).save("x", rows)
        spec = {"path": "x.jsonl", "engine": "python", "schema": (ColumnSpec("a", "integer"),)}
        message = ""
        try:
            Catalog({"x": spec}, root=folder).load("x")
        except SchemaMismatchError as error:
            message = str(error)
    assert bool(wrong) == bool(message)
    for row in wrong[:5]:
        assert f"row {row}: {values[row]!r}" in message
