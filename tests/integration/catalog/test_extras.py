"""Formats and places that need an extra: Delta, Excel, remote stores."""

from __future__ import annotations

import importlib.util
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.unit.catalog.frames import ENGINES, MAKERS, rows_of

from tauro._internal._dataset import DatasetSpec
from tauro.catalog import Catalog, DatasetError, DatasetNotFoundError
from tauro.catalog._remote import RemoteFiles
from tauro.errors import MissingExtraError

ROWS = [{"name": "ann", "age": 31}, {"name": "bob", "age": 47}]


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


delta = pytest.mark.skipif(not has("deltalake"), reason="needs deltalake")
excel = pytest.mark.skipif(not has("openpyxl"), reason="needs openpyxl")
remote = pytest.mark.skipif(not has("fsspec"), reason="needs fsspec")
FREE: list[tuple[str, dict[str, Any], str]] = [
    ("deltalake", {"path": "t", "format": "delta"}, "tauro\\[delta\\]"),
    ("openpyxl", {"path": "t.xlsx"}, "tauro\\[excel\\]"),
    ("fsspec", {"path": "memory://t.csv"}, "tauro\\[remote\\]"),
    ("pyspark", {"path": "t.parquet", "engine": "spark"}, "tauro\\[spark\\]"),
]


@pytest.mark.parametrize(("package", "spec", "line"), FREE, ids=[case[0] for case in FREE])
def test_a_missing_extra_names_the_pip_line(
    tmp_path: Path, package: str, spec: dict[str, Any], line: str
) -> None:
    if has(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(MissingExtraError, match=line):
        Catalog({"x": spec}, root=tmp_path).load("x")


@delta
@pytest.mark.parametrize("engine", ENGINES)
def test_delta_keeps_every_version(tmp_path: Path, engine: str) -> None:
    spec = {"path": "table", "format": "delta", "engine": engine}
    catalog = Catalog({}, {"x": spec}, root=tmp_path)
    assert not catalog.exists("x")
    assert catalog.fingerprint("x") == ""
    with pytest.raises(DatasetNotFoundError, match="no Delta table"):
        catalog.load("x")
    catalog.save("x", MAKERS[engine](ROWS[:1]))
    first = catalog.fingerprint("x")
    catalog.save("x", MAKERS[engine](ROWS))
    assert rows_of(catalog.load("x")) == ROWS
    assert catalog.fingerprint("x") != first
    assert catalog.describe("x")["version"] == 1
    old = Catalog({"x": {**spec, "version": "0"}}, root=tmp_path)
    assert rows_of(old.load("x")) == ROWS[:1]
    with pytest.raises(DatasetError, match="takes a frame"):
        catalog.save("x", 3)


@delta
def test_delta_write_modes_and_partitions(tmp_path: Path) -> None:
    spec = {"path": "table", "format": "delta", "write_mode": "append", "partition_by": ("age",)}
    catalog = Catalog({}, {"x": spec}, root=tmp_path)
    for row in ROWS:
        catalog.save("x", MAKERS["pandas"]([row]))
    assert sorted(row["name"] for row in rows_of(catalog.load("x"))) == ["ann", "bob"]
    assert (tmp_path / "table" / "age=31").is_dir()
    refusing = Catalog({}, {"x": {**spec, "write_mode": "error"}}, root=tmp_path)
    with pytest.raises(DatasetError, match="cannot be saved"):
        refusing.save("x", MAKERS["pandas"](ROWS))


@excel
@pytest.mark.parametrize("engine", ENGINES)
def test_excel_comes_back(tmp_path: Path, engine: str) -> None:
    catalog = Catalog({}, {"x": {"path": "x.xlsx", "engine": engine}}, root=tmp_path)
    catalog.save("x", MAKERS[engine](ROWS))
    assert rows_of(catalog.load("x")) == ROWS
    assert [path.name for path in tmp_path.iterdir()] == ["x.xlsx"]


def memory(**spec: Any) -> tuple[Catalog, str]:
    """A folder of fsspec's own store in memory, a real one of its kind."""
    folder = f"memory://{uuid.uuid4().hex}"
    name = spec.pop("name")
    return Catalog({}, {"x": {"path": f"{folder}/{name}", **spec}}), folder


@remote
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.csv.gz", "x.json", "x.jsonl"])
def test_frames_of_a_remote_store_come_back(engine: str, name: str) -> None:
    catalog, _ = memory(name=name, engine=engine)
    assert not catalog.exists("x")
    catalog.save("x", MAKERS[engine](ROWS))
    assert rows_of(catalog.load("x")) == ROWS
    assert catalog.fingerprint("x").startswith("memory:")
    assert catalog.describe("x")["bytes"] > 0


@remote
def test_append_versions_and_partitions_of_a_remote_store() -> None:
    catalog, _ = memory(name="x.csv", write_mode="append")
    for row in ROWS:
        catalog.save("x", MAKERS["pandas"]([row]))
    assert rows_of(catalog.load("x")) == ROWS
    versioned, _ = memory(name="x.parquet", versioned=True)
    for row in ROWS:
        versioned.save("x", MAKERS["pandas"]([row]))
    assert rows_of(versioned.load("x")) == ROWS[1:]
    parted, _ = memory(name="parts", format="parquet", partition_by=("age",))
    parted.save("x", MAKERS["pandas"](ROWS))
    parted.save("x", MAKERS["pandas"](ROWS[:1]))
    assert rows_of(parted.load("x")) == ROWS[:1]


@remote
def test_patterns_and_errors_of_a_remote_store() -> None:
    catalog, folder = memory(name="day-1.csv")
    catalog.save("x", MAKERS["pandas"](ROWS))
    pattern = Catalog({"x": {"path": f"{folder}/day-*.csv"}})
    assert rows_of(pattern.load("x")) == ROWS
    with pytest.raises(DatasetNotFoundError, match=r"Did you mean 'day-1\.csv'"):
        Catalog({"x": {"path": f"{folder}/day1.csv"}}).load("x")
    refusing = Catalog({}, {"x": {"path": f"{folder}/day-1.csv", "write_mode": "error"}})
    with pytest.raises(DatasetError, match="is there already"):
        refusing.save("x", MAKERS["pandas"](ROWS))


@remote
def test_a_scheme_that_nobody_serves() -> None:
    with pytest.raises(DatasetError, match="nosuch"):
        Catalog({"x": {"path": "nosuch://bucket/x.csv"}}).load("x")


@remote
def test_a_remote_folder_keeps_what_was_sent_under_a_name_that_was_there() -> None:
    """Only what the new folder does not have goes."""
    url = f"memory://{uuid.uuid4().hex}/parts"
    files, path = RemoteFiles.open(url, DatasetSpec(name="x", path=url))
    for content in ("old", "new"):
        with files.staged(path) as folder:
            Path(folder).mkdir()
            (Path(folder) / "same.txt").write_text(content)
            (Path(folder) / f"{content}.txt").write_text(content)
    assert [name.rpartition("/")[2] for name in files.walk(path)] == ["new.txt", "same.txt"]
    assert files.read_bytes(f"{path}/same.txt") == b"new"
