"""Tables and queries of a real database."""

from __future__ import annotations

import gc
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.forks import succeeds_in_child
from tests.unit.catalog.frames import ENGINES, MAKERS, rows_of

from tauro._internal._dataset import DatasetSpec
from tauro.catalog import Catalog, ColumnSpec, DatasetError, DatasetNotFoundError
from tauro.catalog._sql import SqlDataset

pytest.importorskip("sqlalchemy")


def table(folder: Path, **spec: Any) -> Catalog:
    settled = {"format": "sql", "connection": "sqlite:///shop.db", **spec}
    return Catalog({}, {"x": settled}, root=folder)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_comes_back(tmp_path: Path, engine: str) -> None:
    catalog = table(tmp_path, table="people", engine=engine)
    assert not catalog.exists("x")
    catalog.save("x", MAKERS[engine]([{"name": "ann", "age": 31}, {"name": "bob", "age": None}]))
    assert catalog.exists("x")
    assert rows_of(catalog.load("x")) == [{"name": "ann", "age": 31}, {"name": "bob", "age": None}]
    assert (tmp_path / "shop.db").is_file(), "a relative SQLite file starts at the root"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_query_is_read_with_its_parameters(tmp_path: Path, engine: str) -> None:
    table(tmp_path, table="people").save("x", MAKERS["pandas"]([{"age": n} for n in range(5)]))
    query = "select age from people where age > :least order by age"
    options = {"params": {"least": 2}}
    catalog = table(tmp_path, query=query, engine=engine, load_options=options)
    assert rows_of(catalog.load("x")) == [{"age": 3}, {"age": 4}]
    with pytest.raises(DatasetError, match="is a query and cannot be saved"):
        catalog.save("x", MAKERS[engine]([{"age": 1}]))


def test_write_modes(tmp_path: Path) -> None:
    row = MAKERS["pandas"]([{"n": 1}])
    for mode, rows in (("overwrite", 1), ("append", 2), ("ignore", 2)):
        table(tmp_path, table="t", write_mode=mode).save("x", row)
        assert len(table(tmp_path, table="t").load("x")) == rows
    with pytest.raises(DatasetError, match="already exists"):
        table(tmp_path, table="t", write_mode="error").save("x", row)


def test_a_save_that_fails_leaves_the_table(tmp_path: Path) -> None:
    """Dropping the old table and filling the new one are one transaction."""
    catalog = table(tmp_path, table="t")
    catalog.save("x", MAKERS["pandas"]([{"n": 1}]))
    bad = MAKERS["pandas"]([{"n": 1}, {"n": object()}])
    with pytest.raises(DatasetError):
        catalog.save("x", bad)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        assert connection.execute("select n from t").fetchall() == [(1,)]


def test_a_missing_table_names_the_nearest(tmp_path: Path) -> None:
    table(tmp_path, table="people").save("x", MAKERS["pandas"]([{"n": 1}]))
    with pytest.raises(DatasetNotFoundError, match="Did you mean 'people'"):
        table(tmp_path, table="peple").load("x")


def test_a_schema_is_checked(tmp_path: Path) -> None:
    table(tmp_path, table="t").save("x", MAKERS["pandas"]([{"n": "one"}]))
    with pytest.raises(DatasetError, match="row 0: 'one'"):
        table(tmp_path, table="t", schema=(ColumnSpec("n", "integer"),)).load("x")


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    catalog = table(
        tmp_path, connection="postgresql+psycopg://ann:hunter2@127.0.0.1:1/db", table="t"
    )
    assert "hunter2" not in repr(catalog.describe("x"))
    with pytest.raises(DatasetError) as caught:
        catalog.load("x")
    assert "hunter2" not in str(caught.value)
    assert "ann" in str(caught.value)


def test_a_connection_that_is_no_url(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be loaded from its connection"):
        table(tmp_path, connection="no url", table="t").load("x")


def test_connections_end_with_their_dataset(tmp_path: Path) -> None:
    """Python 3.13 warns of those of SQLite that nobody closed."""
    spec = DatasetSpec(name="x", format="sql", connection="sqlite:///shop.db", table="t")
    dataset = SqlDataset(spec, tmp_path)
    dataset.save(MAKERS["pandas"]([{"n": 1}]))
    assert rows_of(dataset.load()) == [{"n": 1}]
    with dataset._database().connect() as connection:
        mine = connection.connection.dbapi_connection
    assert isinstance(mine, sqlite3.Connection)
    mine.execute("select 1")
    del dataset
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        mine.execute("select 1")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(tmp_path: Path) -> None:
    """Two processes on one connection garble what they say; and no lock of the parent is held."""
    spec = DatasetSpec(
        name="x", format="sql", connection="sqlite:///shop.db", table="t", engine="python"
    )
    dataset = SqlDataset(spec, tmp_path)
    dataset.save(MAKERS["pandas"]([{"n": 1}]))
    with dataset._database().connect() as connection:
        parents = connection.connection.dbapi_connection

    def reads_on_its_own() -> bool:
        with dataset._database().connect() as connection:
            mine = connection.connection.dbapi_connection is not parents
        return mine and rows_of(dataset.load()) == [{"n": 1}]

    assert succeeds_in_child(dataset._lock, reads_on_its_own)
    with dataset._database().connect() as connection:
        assert connection.connection.dbapi_connection is parents
