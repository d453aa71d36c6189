"""A declared schema, checked on load, with the first rows that do not fit."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.unit.catalog.frames import ENGINES, MAKERS, rows_of

from tauro.catalog import Catalog, ColumnSpec, SchemaMismatchError


def load(folder: Path, text: str, engine: str, *columns: ColumnSpec, name: str = "x.csv") -> Any:
    (folder / name).write_text(text)
    spec = {"path": name, "engine": engine, "schema": columns}
    return Catalog({"x": spec}, root=folder).load("x")


@pytest.mark.parametrize("engine", ENGINES)
def test_further_columns_are_allowed(tmp_path: Path, engine: str) -> None:
    frame = load(tmp_path, "a,b\n1,2\n", engine, ColumnSpec("a", "integer"))
    assert rows_of(frame) == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_column_names_the_nearest(tmp_path: Path, engine: str) -> None:
    with pytest.raises(
        SchemaMismatchError, match="the column 'age' is missing; did you mean 'Age'"
    ):
        load(tmp_path, "Age\n1\n", engine, ColumnSpec("age", "integer"))


@pytest.mark.parametrize("engine", ["pandas", "pyarrow"])
def test_offending_rows_are_shown(tmp_path: Path, engine: str) -> None:
    text = "age\n" + "\n".join(["1", "old", "2", "n/k", *["bad"] * 9]) + "\n"
    with pytest.raises(SchemaMismatchError) as caught:
        load(tmp_path, text, engine, ColumnSpec("age", "integer"))
    message = str(caught.value)
    assert "'age' must be integer" in message
    assert message.count("row ") == 5
    assert "row 1: 'old', row 3: 'n/k', row 4: 'bad'" in message
    assert "and 6 more" in message


@pytest.mark.parametrize("engine", ENGINES)
def test_whole_numbers_beside_missing_values_are_integers(tmp_path: Path, engine: str) -> None:
    """pandas makes floats of them."""
    load(tmp_path, "a,b\n1,x\n,y\n3,z\n", engine, ColumnSpec("a", "integer"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fraction_is_no_integer(tmp_path: Path, engine: str) -> None:
    with pytest.raises(SchemaMismatchError, match=r"row 1: 2\.5"):
        load(tmp_path, "a\n1.0\n2.5\n", engine, ColumnSpec("a", "integer"))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_integer_column_is_a_float_column(tmp_path: Path, engine: str) -> None:
    load(tmp_path, "a\n1\n", engine, ColumnSpec("a", "float"))


@pytest.mark.parametrize("engine", ENGINES)
def test_nulls_are_refused_where_they_are_not_allowed(tmp_path: Path, engine: str) -> None:
    column = ColumnSpec("a", "integer", nullable=False)
    with pytest.raises(SchemaMismatchError, match="'a' must not be null: row 1: None"):
        load(tmp_path, "a,b\n1,x\n,y\n", engine, column)


@pytest.mark.parametrize("engine", ENGINES)
def test_declared_texts_keep_their_zeros(tmp_path: Path, engine: str) -> None:
    frame = load(tmp_path, "code,n\n007,1\n", engine, ColumnSpec("code", "string"))
    assert rows_of(frame) == [{"code": "007", "n": 1}]


@pytest.mark.parametrize("engine", ENGINES)
def test_declared_times_are_parsed_from_text(tmp_path: Path, engine: str) -> None:
    text = "when,n\n2026-01-02T03:04:05,1\n2026-02-03,2\n"
    frame = load(tmp_path, text, engine, ColumnSpec("when", "datetime"))
    first = rows_of(frame)[0]["when"]
    assert (first.year, first.hour, first.second) == (2026, 3, 5)


@pytest.mark.parametrize("engine", ["pandas", "pyarrow"])
def test_what_is_no_time_is_shown(tmp_path: Path, engine: str) -> None:
    with pytest.raises(SchemaMismatchError, match=r"'when' must be datetime.*row 1: 'soon'"):
        load(tmp_path, "when\n2026-01-02\nsoon\n", engine, ColumnSpec("when", "datetime"))


@pytest.mark.parametrize("engine", ENGINES)
def test_typed_formats_are_checked_as_they_are(tmp_path: Path, engine: str) -> None:
    row = {"i": 1, "f": 1.5, "s": "x", "b": True, "t": datetime(2026, 1, 2), "y": b"z"}  # noqa: DTZ001
    catalog = Catalog({}, {"x": {"path": "x.parquet", "engine": engine}}, root=tmp_path)
    catalog.save("x", MAKERS[engine]([row]))
    kinds = ("integer", "float", "string", "boolean", "datetime", "binary")
    good = [ColumnSpec(name, kind) for name, kind in zip(row, kinds, strict=True)]
    spec = {"path": "x.parquet", "engine": engine, "schema": tuple(good)}
    assert rows_of(Catalog({"x": spec}, root=tmp_path).load("x"))[0]["s"] == "x"
    swapped = (ColumnSpec("s", "integer"), ColumnSpec("i", "string"), ColumnSpec("b", "integer"))
    with pytest.raises(SchemaMismatchError) as caught:
        Catalog({"x": {**spec, "schema": swapped}}, root=tmp_path).load("x")
    assert str(caught.value).count("must be") == 3


def test_mixed_values_of_pandas_are_judged_one_by_one(tmp_path: Path) -> None:
    rows = [{"a": 1}, {"a": "two"}, {"a": None}, {"a": True}]
    (tmp_path / "x.json").write_text(pd.DataFrame(rows).to_json(orient="records"))
    spec = {"path": "x.json", "schema": (ColumnSpec("a", "integer"),)}
    with pytest.raises(SchemaMismatchError, match="row 1: 'two', row 3: True"):
        Catalog({"x": spec}, root=tmp_path).load("x")


def test_an_empty_column_is_of_any_type(tmp_path: Path) -> None:
    load(tmp_path, "a,b\n,1\n", "pandas", ColumnSpec("a", "string"), ColumnSpec("b", "any"))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("integer", "7", "seven"),
        ("float", "1.5", "1,5"),
        ("boolean", "true", "maybe"),
        ("datetime", "2026-01-31", "31 January"),
    ],
)
def test_one_wrong_value_in_a_text_file_is_shown_and_not_its_neighbours(
    tmp_path: Path, engine: str, kind: str, good: str, bad: str
) -> None:
    lines = ["v;n", *[f"{good};1"] * 200, f"{bad};1", *[f"{good};1"] * 3, f"{bad};1"]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    by_engine: dict[str, dict[str, Any]] = {
        "pandas": {"sep": ";"},
        "polars": {"separator": ";", "infer_schema_length": None},
        "pyarrow": {"parse_options": {"delimiter": ";"}},
    }
    schema = [{"name": "v", "type": kind}]
    spec = {"path": "x.csv", "engine": engine, "schema": schema, "load_options": by_engine[engine]}
    with pytest.raises(SchemaMismatchError) as raised:
        Catalog({"x": spec}, root=tmp_path).load("x")
    assert f"row 200: {bad!r}, row 204: {bad!r}\n" in str(raised.value)
    assert good not in str(raised.value).partition("schema:")[2]


def test_in_json_a_text_that_looks_like_a_number_is_a_text(tmp_path: Path) -> None:
    column = ColumnSpec("n", "integer")
    with pytest.raises(SchemaMismatchError, match=r"row 0: '7', row 1: 'seven'"):
        load(tmp_path, '[{"n": "7"}, {"n": "seven"}]', "pandas", column, name="x.json")
