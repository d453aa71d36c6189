"""Frames in files, by every engine: what is saved is what is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.catalog.frames import MAKERS, rows_of

from tauro.catalog import Catalog, DatasetError, DatasetNotFoundError

ROWS = [
    {"name": "ann", "age": 31, "score": 1.5, "active": True},
    {"name": "bob", "age": 47, "score": -2.0, "active": False},
]
TYPED = [
    (engine, suffix)
    for engine in ("pandas", "polars", "pyarrow")
    for suffix in ("parquet", "csv", "tsv", "csv.gz", "json", "jsonl")
] + [("python", "json"), ("python", "jsonl")]


@pytest.mark.parametrize(("engine", "suffix"), TYPED)
def test_what_is_saved_is_what_is_loaded(tmp_path: Path, engine: str, suffix: str) -> None:
    spec = {"path": f"data/people.{suffix}", "engine": engine}
    catalog = Catalog({}, {"people": spec}, root=tmp_path)
    assert not catalog.exists("people")
    catalog.save("people", MAKERS[engine](ROWS))
    assert catalog.exists("people")
    loaded = catalog.load("people")
    assert type(loaded) is type(MAKERS[engine](ROWS))
    assert rows_of(loaded) == ROWS
    assert [path.name for path in (tmp_path / "data").iterdir()] == [f"people.{suffix}"]


@pytest.mark.parametrize("given", ["pandas", "polars", "pyarrow", "python"])
@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow"])
def test_a_frame_of_any_library_is_saved(tmp_path: Path, given: str, engine: str) -> None:
    catalog = Catalog({}, {"x": {"path": "x.parquet", "engine": engine}}, root=tmp_path)
    catalog.save("x", MAKERS[given](ROWS))
    assert rows_of(catalog.load("x")) == ROWS


@pytest.mark.parametrize("data", [None, 3, "text", {"a": 1}, object()])
def test_what_is_no_frame_is_refused_by_name(tmp_path: Path, data: Any) -> None:
    catalog = Catalog({}, {"x": {"path": "x.parquet"}}, root=tmp_path)
    with pytest.raises(DatasetError, match=r"Dataset 'x' \(parquet\) takes a frame, got") as caught:
        catalog.save("x", data)
    assert "format: json" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow", "python"])
@pytest.mark.parametrize("path", ["x.json", "x.jsonl"])
def test_json_keeps_every_digit(tmp_path: Path, engine: str, path: str) -> None:
    """pandas' own writer rounds to ten."""
    catalog = Catalog({}, {"x": {"path": path, "engine": engine}}, root=tmp_path)
    rows = [{"a": 0.5000000596046448, "b": "2026-01-02", "c": None}]
    catalog.save("x", MAKERS[engine](rows))
    assert rows_of(catalog.load("x")) == rows


@pytest.mark.parametrize("engine", ["pandas", "pyarrow", "python"])
def test_json_has_no_infinity(tmp_path: Path, engine: str) -> None:
    catalog = Catalog({}, {"x": {"path": "x.jsonl", "engine": engine}}, root=tmp_path)
    with pytest.raises(DatasetError, match="not JSON compliant"):
        catalog.save("x", MAKERS[engine]([{"a": float("inf")}]))


@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow", "python"])
@pytest.mark.parametrize("path", ["x.json", "x.jsonl"])
def test_json_nested_without_end_is_refused(tmp_path: Path, engine: str, path: str) -> None:
    (tmp_path / path).write_text("[" * 100_000)
    with pytest.raises(DatasetError, match=path):
        Catalog({"x": {"path": path, "engine": engine}}, root=tmp_path).load("x")


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").touch()
    catalog = Catalog({"x": {"path": "tran.parquet"}}, root=tmp_path)
    with pytest.raises(DatasetNotFoundError, match=r"Did you mean '.*train.parquet'"):
        catalog.load("x")


def test_an_unreadable_file_names_dataset_and_path(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("not parquet")
    catalog = Catalog({"x": {"path": "x.parquet"}}, root=tmp_path)
    with pytest.raises(
        DatasetError, match=r"Dataset 'x' cannot be loaded from .*x.parquet"
    ) as caught:
        catalog.load("x")
    assert caught.value.__cause__ is not None


def test_an_unknown_option_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    spec = {"path": "x.csv", "load_options": {"seperator": ";"}}
    with pytest.raises(DatasetError, match="Options passed on: seperator"):
        Catalog({"x": spec}, root=tmp_path).load("x")


def test_an_unknown_name_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    catalog = Catalog({"customers": {"path": "c.csv"}}, root=tmp_path)
    with pytest.raises(DatasetError, match="Did you mean 'customers'"):
        catalog.load("custmers")


def test_options_are_passed_through(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a;b\n1;2\n3;4\n")
    spec = {"path": "x.csv", "load_options": {"sep": ";", "nrows": 1}}
    assert rows_of(Catalog({"x": spec}, root=tmp_path).load("x")) == [{"a": 1, "b": 2}]
