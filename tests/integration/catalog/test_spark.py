"""Frames of a real local Spark; skipped where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tauro.catalog import (
    Catalog,
    ColumnSpec,
    DatasetError,
    DatasetNotFoundError,
    SchemaMismatchError,
)

sql = pytest.importorskip("pyspark.sql")
pytestmark = [pytest.mark.frameworks, pytest.mark.filterwarnings("default")]

ROWS = [{"name": "ann", "age": 31}, {"name": "bob", "age": 47}]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = (
        sql.SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    yield made
    made.stop()


def spark(folder: Path, **spec: Any) -> Catalog:
    return Catalog({}, {"x": {"engine": "spark", **spec}}, root=folder)


@pytest.mark.parametrize("path", ["x.parquet", "x.csv", "x.json"])
def test_what_is_saved_is_what_is_loaded(session: Any, tmp_path: Path, path: str) -> None:
    catalog = spark(tmp_path, path=path)
    assert not catalog.exists("x")
    with pytest.raises(DatasetNotFoundError):
        catalog.load("x")
    catalog.save("x", session.createDataFrame(ROWS))
    assert catalog.exists("x")
    assert catalog.fingerprint("x").startswith("files:")
    assert {row["name"]: row["age"] for row in catalog.load("x").collect()} == {
        "ann": 31,
        "bob": 47,
    }


def test_other_frames_and_write_modes(session: Any, tmp_path: Path) -> None:
    assert session is not None
    catalog = spark(tmp_path, path="x.parquet", write_mode="append", partition_by=("age",))
    catalog.save("x", pd.DataFrame(ROWS))
    catalog.save("x", ROWS)
    assert catalog.load("x").count() == 4
    assert (tmp_path / "x.parquet" / "age=31").is_dir()
    with pytest.raises(DatasetError, match="cannot be saved"):
        spark(tmp_path, path="x.parquet", write_mode="error").save("x", ROWS)
    with pytest.raises(DatasetError, match="takes a frame, got int"):
        catalog.save("x", 3)


def test_a_frame_of_spark_is_saved_by_another_engine(session: Any, tmp_path: Path) -> None:
    catalog = Catalog({}, {"x": {"path": "x.csv"}}, root=tmp_path)
    catalog.save("x", session.createDataFrame(ROWS))
    assert sorted((tmp_path / "x.csv").read_text().split()[1:]) == ["31,ann", "47,bob"]


def test_a_table_of_the_catalogue(session: Any, tmp_path: Path) -> None:
    catalog = spark(tmp_path, table="people", format="parquet")
    assert not catalog.exists("x")
    catalog.save("x", session.createDataFrame(ROWS))
    assert catalog.exists("x")
    assert catalog.load("x").count() == 2


def test_a_schema_is_checked(session: Any, tmp_path: Path) -> None:
    spark(tmp_path, path="x.parquet").save(
        "x", session.createDataFrame([*ROWS, {"name": None, "age": 1}])
    )
    good = (ColumnSpec("name", "string"), ColumnSpec("age", "integer", nullable=False))
    assert spark(tmp_path, path="x.parquet", schema=good).load("x").count() == 3
    bad = (
        ColumnSpec("nam", "string"),
        ColumnSpec("age", "string"),
        ColumnSpec("name", "string", nullable=False),
    )
    with pytest.raises(SchemaMismatchError) as caught:
        spark(tmp_path, path="x.parquet", schema=bad).load("x")
    for shown in (
        "Did you mean 'name'",
        "'age' must be string, is bigint",
        "'name' must not be null",
    ):
        assert shown in str(caught.value)
