"""Write modes, versions, patterns, partitions."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.catalog.frames import ENGINES, MAKERS, rows_of

from tauro.catalog import Catalog, ColumnSpec, DatasetError, DatasetNotFoundError

FILES = ("x.parquet", "x.csv", "x.csv.gz", "x.jsonl", "x.json")


def output(folder: Path, **spec: Any) -> Catalog:
    return Catalog({}, {"x": spec}, root=folder)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", FILES)
def test_append_puts_rows_behind(tmp_path: Path, engine: str, path: str) -> None:
    catalog = output(tmp_path, path=path, engine=engine, write_mode="append")
    for number in (1, 2, 3):
        catalog.save("x", MAKERS[engine]([{"a": number, "b": "t"}]))
    assert [row["a"] for row in rows_of(catalog.load("x"))] == [1, 2, 3]
    assert [entry.name for entry in tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("engine", [*ENGINES, "python"])
def test_appending_to_csv_keeps_every_byte(tmp_path: Path, engine: str) -> None:
    (tmp_path / "x.csv").write_text('code,n\n007,1.10\n"a,b",2')
    catalog = output(tmp_path, path="x.csv", engine=engine, write_mode="append")
    catalog.save("x", MAKERS[engine]([{"n": 3, "code": "008"}]))
    text = (tmp_path / "x.csv").read_text()
    assert text.startswith('code,n\n007,1.10\n"a,b",2\n')
    assert text.replace('"008"', "008").endswith("008,3\n"), "in the order of the file's columns"


APPEND = """
import sys
from pathlib import Path
from tauro.catalog import Catalog

engine, path, who = sys.argv[1:]
specs = {"x": {"path": path, "engine": engine, "write_mode": "append"}}
catalog = Catalog({}, specs, root=Path.cwd())
input()  # until all are there
for number in range(30):
    if path.endswith(".txt"):
        catalog.save("x", f"{who} {number}\\n")
    elif engine == "python":
        catalog.save("x", [{"who": int(who), "n": number}])
    else:
        import pandas
        catalog.save("x", pandas.DataFrame({"who": [int(who)], "n": [number]}))
"""


@pytest.mark.parametrize(
    ("engine", "path"),
    [
        ("pandas", "x.parquet"),
        ("python", "x.csv"),
        ("python", "x.jsonl"),
        ("python", "x.json"),
        ("python", "x.txt"),
    ],
)
def test_processes_that_append_at_once_lose_nothing(tmp_path: Path, engine: str, path: str) -> None:
    """The file is read, added to and replaced; one that did so beside another would undo it."""
    command = [sys.executable, "-c", APPEND, engine, path]
    beginning: dict[str, Any] = {"cwd": tmp_path, "stdin": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([*command, str(who)], **beginning) for who in range(3)]
    for each in running:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.close()
    assert [each.wait(240) for each in running] == [0, 0, 0]
    found = output(tmp_path, path=path, engine=engine).load("x")
    rows = found.splitlines() if path == "x.txt" else rows_of(found)
    assert len(rows) == 90
    assert len({str(row) for row in rows}) == 90
    assert [entry.name for entry in tmp_path.iterdir()] == [path]


def test_appending_other_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("code,n\n1,2\n")
    catalog = output(tmp_path, path="x.csv", write_mode="append")
    with pytest.raises(
        DatasetError, match=r"lack code and have further cod[\s\S]*Did you mean 'code'"
    ):
        catalog.save("x", MAKERS["pandas"]([{"cod": 1, "n": 2}]))
    assert (tmp_path / "x.csv").read_text() == "code,n\n1,2\n"


def test_appended_gzip_stays_readable_by_others(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="x.csv.gz", engine="python", write_mode="append")
    catalog.save("x", [{"a": 1}])
    catalog.save("x", [{"a": 2}])
    assert gzip.decompress((tmp_path / "x.csv.gz").read_bytes()) == b"a\n1\n2\n"


@pytest.mark.parametrize("path", [*FILES, "x.txt"])
def test_error_refuses_what_is_there(tmp_path: Path, path: str) -> None:
    data: Any = "text" if path == "x.txt" else MAKERS["pandas"]([{"a": 1}])
    catalog = output(tmp_path, path=path, write_mode="error")
    catalog.save("x", data)
    before = (tmp_path / path).read_bytes()
    with pytest.raises(DatasetError, match="is there already"):
        catalog.save("x", data)
    assert (tmp_path / path).read_bytes() == before


@pytest.mark.parametrize("path", [*FILES, "x.txt"])
def test_ignore_leaves_what_is_there(tmp_path: Path, path: str) -> None:
    catalog = output(tmp_path, path=path, write_mode="ignore")
    first, second = ("one", "two") if path == "x.txt" else ([{"a": 1}], [{"a": 2}])
    catalog.save("x", first)
    before = (tmp_path / path).read_bytes()
    catalog.save("x", second)
    assert (tmp_path / path).read_bytes() == before


def test_versions_are_kept_and_the_newest_is_read(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="out/x.csv", versioned=True)
    for number in (1, 2, 3):
        catalog.save("x", MAKERS["pandas"]([{"a": number}]))
    versions = catalog.describe("x")["versions"]
    assert len(versions) == 3
    assert versions == sorted(versions)
    assert rows_of(catalog.load("x")) == [{"a": 3}]
    first = output(tmp_path, path="out/x.csv", versioned=True, version=versions[0])
    assert rows_of(first.load("x")) == [{"a": 1}]
    assert (tmp_path / "out" / "x.csv" / versions[0] / "x.csv").is_file()


def test_an_unknown_version_is_named(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="x.csv", versioned=True, version="2020-01-01")
    assert not catalog.exists("x")
    with pytest.raises(DatasetNotFoundError, match="no version '2020-01-01'"):
        catalog.load("x")


def test_a_version_that_was_not_finished_is_not_seen(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="x.csv", versioned=True)
    catalog.save("x", MAKERS["pandas"]([{"a": 1}]))
    (tmp_path / "x.csv" / "9999-01-01T00.00.00.000000Z").mkdir()
    assert rows_of(catalog.load("x")) == [{"a": 1}]


@pytest.mark.parametrize("engine", [*ENGINES, "python"])
def test_a_pattern_reads_every_file_in_order(tmp_path: Path, engine: str) -> None:
    for day in (2, 1, 3):
        (tmp_path / f"day-{day}.csv").write_text(f"d\n{day}\n")
    catalog = output(tmp_path, path="day-*.csv", engine=engine)
    assert [int(row["d"]) for row in rows_of(catalog.load("x"))] == [1, 2, 3]
    assert catalog.exists("x")
    with pytest.raises(DatasetError, match="is a pattern"):
        catalog.save("x", MAKERS[engine]([{"d": 4}]))


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="day-*.csv")
    assert not catalog.exists("x")
    with pytest.raises(DatasetNotFoundError, match="no file matches"):
        catalog.load("x")


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("a\n1\n")
    assert rows_of(output(tmp_path, path="a[1].csv").load("x")) == [{"a": 1}]


PARTED: list[dict[str, Any]] = [
    {"year": 2025, "place": "a/b", "n": 1},
    {"year": 2026, "place": None, "n": 2},
    {"year": 2026, "place": "ünder", "n": 3},
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
def test_partitions_come_back_as_columns(tmp_path: Path, engine: str, form: str) -> None:
    catalog = output(
        tmp_path, path="parts", format=form, engine=engine, partition_by=("year", "place")
    )
    catalog.save("x", MAKERS[engine](PARTED))
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == [
        "year=2025",
        "year=2026",
    ]
    rows = sorted(rows_of(catalog.load("x")), key=lambda row: row["n"])
    assert rows == [{key: row[key] for key in rows[0]} for row in PARTED]


def test_saving_partitions_replaces_all_of_them(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="parts", format="parquet", partition_by=("year",))
    catalog.save("x", MAKERS["pandas"]([{"year": 2025, "n": 1}]))
    catalog.save("x", MAKERS["pandas"]([{"year": 2026, "n": 2}]))
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["year=2026"]
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]


def test_appending_partitions_adds_files(tmp_path: Path) -> None:
    catalog = output(
        tmp_path, path="parts", format="parquet", partition_by=("year",), write_mode="append"
    )
    for number in (1, 2):
        catalog.save("x", MAKERS["pandas"]([{"year": 2025, "n": number}]))
    assert sorted(row["n"] for row in rows_of(catalog.load("x"))) == [1, 2]


def test_a_column_to_part_by_must_be_there(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="parts", format="parquet", partition_by=("yaer",))
    with pytest.raises(DatasetError, match="Did you mean 'year'"):
        catalog.save("x", MAKERS["pandas"](PARTED))


def test_versions_and_partitions_do_not_go_together(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="x", format="csv", versioned=True, partition_by=("a",))
    with pytest.raises(DatasetError, match="one of the two"):
        catalog.save("x", [{"a": 1}])


def test_a_declared_text_partition_stays_text(tmp_path: Path) -> None:
    catalog = output(
        tmp_path,
        path="parts",
        format="parquet",
        partition_by=("code",),
        schema=(ColumnSpec("code", "string"),),
    )
    catalog.save("x", MAKERS["pandas"]([{"code": "7", "n": 1}]))
    assert rows_of(catalog.load("x")) == [{"n": 1, "code": "7"}]
