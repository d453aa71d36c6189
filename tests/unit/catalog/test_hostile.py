"""Broken files, options nobody knows, odd values, many writers: an error that names the dataset, or
the data whole; never a half-written file, never another exception."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.csv
import pytest
from tests.unit.catalog.frames import ENGINES, MAKERS, rows_of

from tauro.catalog import Catalog, ColumnSpec, DatasetError, SchemaMismatchError

FILES = ("x.parquet", "x.csv", "x.csv.gz", "x.tsv", "x.json", "x.jsonl", "x.xlsx")
GARBAGE = b"\x00\xff\xfe{[ not a table"


def dataset(folder: Path, path: str, **spec: Any) -> Catalog:
    return Catalog({"x": {"path": path, **spec}}, root=folder)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


# Polars reads any bytes as a text table of one column.
@pytest.mark.parametrize(
    ("path", "engine"),
    [(p, e) for p in FILES for e in ENGINES if e != "polars" or p[:5] not in ("x.csv", "x.tsv")],
)
def test_garbage_is_an_error_that_names_the_dataset(tmp_path: Path, path: str, engine: str) -> None:
    (tmp_path / path).write_bytes(GARBAGE)
    with pytest.raises(DatasetError, match=r"Dataset 'x' cannot be loaded from .*x\."):
        dataset(tmp_path, path, engine=engine).load("x")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", FILES)
def test_an_option_that_the_library_does_not_know_is_named(
    tmp_path: Path, path: str, engine: str
) -> None:
    frame = MAKERS[engine]([{"a": 1}])
    dataset(tmp_path, path, engine=engine).save("x", frame)
    before = (tmp_path / path).read_bytes()
    with pytest.raises(DatasetError, match="Options passed on: no_such_option"):
        dataset(tmp_path, path, engine=engine, load_options={"no_such_option": 1}).load("x")
    saving = dataset(tmp_path, path, engine=engine, save_options={"no_such_option": 1})
    with pytest.raises(DatasetError, match="Options passed on: no_such_option"):
        saving.save("x", frame)
    assert (tmp_path / path).read_bytes() == before
    assert names(tmp_path) == [path]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", [path for path in FILES if path != "x.json"])
@pytest.mark.parametrize("value", [object(), 3, None, "text", {"a": [1]}, [1, 2], pd.Series([1])])
def test_what_is_no_frame_leaves_the_old_file(
    tmp_path: Path, path: str, engine: str, value: Any
) -> None:
    catalog = dataset(tmp_path, path, engine=engine)
    catalog.save("x", MAKERS[engine]([{"a": 1}]))
    before = (tmp_path / path).read_bytes()
    with pytest.raises(DatasetError, match="'x'"):
        catalog.save("x", value)
    assert (tmp_path / path).read_bytes() == before
    assert names(tmp_path) == [path]


def test_options_of_arrow_are_written_as_mappings(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("code;n\n007;1\n")
    catalog = dataset(
        tmp_path,
        "x.csv",
        engine="pyarrow",
        schema=[{"name": "code", "type": "string"}],
        load_options={"parse_options": {"delimiter": ";"}},
        save_options={"write_options": {"delimiter": ";", "quoting_style": "none"}},
    )
    table = catalog.load("x")
    assert rows_of(table) == [{"code": "007", "n": 1}], "what is not named keeps its default"
    catalog.save("x", table)
    assert (tmp_path / "x.csv").read_text().splitlines()[1] == "007;1"


def test_objects_of_arrow_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a|b\n1|2\n")
    options = {"parse_options": pyarrow.csv.ParseOptions(delimiter="|")}
    catalog = dataset(tmp_path, "x.csv", engine="pyarrow", load_options=options)
    assert rows_of(catalog.load("x")) == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", FILES)
def test_a_frame_without_rows_comes_back_without_rows(
    tmp_path: Path, path: str, engine: str
) -> None:
    catalog = dataset(tmp_path, path, engine=engine)
    full = MAKERS[engine]([{"a": 1, "b": "t"}])
    catalog.save("x", full[:0])
    loaded = catalog.load("x")
    assert len(loaded) == 0
    if "json" not in path:  # rows as objects hold no columns where there are no rows
        columns = loaded.column_names if engine == "pyarrow" else list(loaded.columns)
        assert columns == ["a", "b"]


@pytest.mark.parametrize("key", ["write_mode", "engine"])
def test_a_misspelled_choice_is_refused_before_anything_is_written(
    tmp_path: Path, key: str
) -> None:
    value = {"write_mode": "apend", "engine": "pandsa"}[key]
    with pytest.raises(DatasetError, match=rf"'{key}' must be one of [\s\S]*Did you mean"):
        dataset(tmp_path, "x.csv", **{key: value})


def test_a_schema_may_be_given_as_mappings(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("n,t\n1,a\nb,c\n")
    schema = [{"name": "n", "type": "int"}, ColumnSpec("t", "string", nullable=False)]
    with pytest.raises(SchemaMismatchError, match=r"'n' must be integer"):
        dataset(tmp_path, "x.csv", schema=schema).load("x")
    with pytest.raises(DatasetError, match="cannot be made of these values"):
        dataset(tmp_path, "x.csv", schema=[{"nmae": "n"}])


@pytest.mark.parametrize("path", ["x.csv", "x.parquet", "x.txt"])
def test_a_file_that_few_could_read_stays_so(tmp_path: Path, path: str) -> None:
    data: Any = "text" if path == "x.txt" else MAKERS["pandas"]([{"a": 1}])
    catalog = dataset(tmp_path, path)
    catalog.save("x", data)
    (tmp_path / path).chmod(0o600)
    catalog.save("x", data)
    assert (tmp_path / path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("there", [True, False], ids=["there", "dangling"])
@pytest.mark.parametrize("path", ["x.csv", "x.parquet", "x.txt"])
def test_a_link_stays_and_what_it_leads_to_is_replaced(
    tmp_path: Path, path: str, there: bool
) -> None:
    """Nor does the file get the rights of the link, which are everybody's."""
    data: Any = "text" if path == "x.txt" else MAKERS["pandas"]([{"a": 1}])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if there:
        (elsewhere / "target").write_text("old")
        (elsewhere / "target").chmod(0o640)
    (tmp_path / path).symlink_to(elsewhere / "target")
    catalog = dataset(tmp_path, path)
    catalog.save("x", data)
    assert (tmp_path / path).is_symlink()
    assert names(elsewhere) == ["target"]
    assert (elsewhere / "target").stat().st_mode & 0o022 == 0
    if there:
        assert (elsewhere / "target").stat().st_mode & 0o777 == 0o640
    assert catalog.load("x") is not None


@pytest.mark.parametrize("engine", ENGINES)
def test_values_that_paths_do_not_hold_come_back_from_partitions(
    tmp_path: Path, engine: str
) -> None:
    keys = ["a/b", "c=d", "", "..", ".", "é", "%2F", " x ", "a\nb", "_hidden", "__", None]
    rows = [{"key": key, "n": number} for number, key in enumerate(keys)]
    catalog = dataset(tmp_path, "parts", format="parquet", engine=engine, partition_by=["key"])
    catalog.save("x", MAKERS[engine](rows))
    loaded = {row["n"]: row["key"] for row in rows_of(catalog.load("x"))}
    assert loaded == dict(enumerate(keys))
    assert names(tmp_path) == ["parts"]


@pytest.mark.parametrize(
    ("keys", "loaded"),
    [
        (["-5", "0", "9223372036854775807"], [-5, 0, 9223372036854775807]),
        (["--5", "1"], None),
        (["-0", "1"], None),
        (["007", "1"], None),
        (["99999999999999999999", "1"], None),
        (["٣", "1"], None),
    ],
)
def test_partitions_are_integers_only_where_all_are_written_so(
    tmp_path: Path, keys: list[str], loaded: list[int] | None
) -> None:
    """A sign too many, or a digit too many for 64 bits, makes a text and no failure."""
    rows = [{"key": key, "n": number} for number, key in enumerate(keys)]
    catalog = dataset(tmp_path, "parts", format="parquet", partition_by=["key"])
    catalog.save("x", MAKERS["pandas"](rows))
    found = {row["n"]: row["key"] for row in rows_of(catalog.load("x"))}
    assert found == dict(enumerate(keys if loaded is None else loaded))


def test_writers_of_versions_at_the_same_time_each_keep_theirs(tmp_path: Path) -> None:
    catalog = dataset(tmp_path, "x.json", versioned=True)
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        for turn in range(5):
            catalog.save("x", {"writer": number, "turn": turn})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = set()
    for version in os.listdir(tmp_path / "x.json"):
        kept = dataset(tmp_path, "x.json", versioned=True, version=version).load("x")
        found.add((kept["writer"], kept["turn"]))
    assert len(found) == 40


def test_readers_beside_a_writer_always_see_a_whole_file(tmp_path: Path) -> None:
    catalog = dataset(tmp_path, "x.csv", engine="python")
    catalog.save("x", [{"a": 0}] * 100)
    ended = threading.Event()
    lengths: set[int] = set()

    def read() -> None:
        other = dataset(tmp_path, "x.csv", engine="python")
        while not ended.is_set():
            rows = other.load("x")
            lengths.add(len(rows))
            assert len({row["a"] for row in rows}) == 1

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(100):
        catalog.save("x", [{"a": number}] * (100 + number))
    ended.set()
    for thread in threads:
        thread.join()
    assert lengths
    assert min(lengths) >= 100
    assert names(tmp_path) == ["x.csv"]
