"""Rows as lists of dicts, without any library of frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tauro.catalog import Catalog, ColumnSpec, DatasetError, SchemaMismatchError

SCHEMA = (
    ColumnSpec("age", "integer"),
    ColumnSpec("score", "float"),
    ColumnSpec("ok", "boolean"),
    ColumnSpec("when", "datetime"),
)


def test_csv_without_a_schema_is_text(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("name,age\nann,031\n")
    rows = Catalog({"p": {"path": "p.csv", "engine": "python"}}, root=tmp_path).load("p")
    assert rows == [{"name": "ann", "age": "031"}]


def test_csv_is_converted_by_its_schema(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("age,score,ok,when\n31,1.5,True,2026-01-02\n,,,\n")
    spec = {"path": "p.csv", "engine": "python", "schema": SCHEMA}
    first, second = Catalog({"p": spec}, root=tmp_path).load("p")
    assert (first["age"], first["score"], first["ok"]) == (31, 1.5, True)
    assert first["when"].isoformat() == "2026-01-02T00:00:00"
    assert set(second.values()) == {None}


def test_what_does_not_convert_is_shown(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("age,score,ok,when\n31,1.5,True,\nold,x,2,\n")
    spec = {"path": "p.csv", "engine": "python", "schema": SCHEMA}
    with pytest.raises(SchemaMismatchError) as caught:
        Catalog({"p": spec}, root=tmp_path).load("p")
    for shown in ("'age' must be integer", "row 1: 'old'", "row 1: 'x'", "row 1: '2'"):
        assert shown in str(caught.value)


def test_rows_of_several_shapes_are_written_with_every_column(tmp_path: Path) -> None:
    catalog = Catalog({}, {"p": {"path": "p.csv", "engine": "python"}}, root=tmp_path)
    catalog.save("p", [{"a": 1}, {"b": 2}])
    assert (tmp_path / "p.csv").read_text() == "a,b\n1,\n,2\n"


def test_other_formats_are_refused(tmp_path: Path) -> None:
    spec = {"path": "p.parquet", "engine": "python"}
    with pytest.raises(DatasetError, match="'python' does not read 'parquet'"):
        Catalog({"p": spec}, root=tmp_path).load("p")


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    """A pipeline that moves rows pays for no library of frames."""
    (tmp_path / "p.csv").write_text("a\n1\n")
    code = (
        "import sys\n"
        "from tauro.catalog import Catalog\n"
        "c = Catalog({'p': {'path': 'p.csv', 'engine': 'python'}},"
        " {'q': {'path': 'q.json', 'engine': 'python'}, 't': {'path': 't.txt'}})\n"
        "c.save('q', c.load('p'))\n"
        "c.save('t', 'text')\n"
        "assert c.load('q') == [{'a': '1'}]\n"
        "heavy = {'pandas', 'numpy', 'polars', 'pyarrow', 'yaml', 'msgspec'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
