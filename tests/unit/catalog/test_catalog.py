"""Names, fingerprints, descriptions, third parties, atomic replacing."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.unit.catalog.frames import MAKERS, rows_of

from tauro._internal import _fs
from tauro.catalog import Catalog, DatasetError, DatasetSpec


def test_loading_goes_by_the_input_and_saving_by_the_output(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a\n1\n")
    catalog = Catalog({"x": {"path": "in.csv"}}, {"x": {"path": "out.csv"}}, root=tmp_path)
    catalog.save("x", MAKERS["pandas"]([{"a": 2}]))
    assert rows_of(catalog.load("x")) == [{"a": 1}]
    assert (tmp_path / "out.csv").read_text() == "a\n2\n"
    assert list(catalog) == ["x"]
    assert "x" in catalog
    assert len(catalog) == 1


def test_relative_paths_start_at_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    Catalog({}, {"x": {"path": "x.txt"}}, root=root).save("x", "here")
    assert (root / "x.txt").read_text() == "here"
    assert list(elsewhere.iterdir()) == []


def test_file_urls_and_home_are_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.txt").write_text("here")
    specs = {"url": {"path": f"file://{tmp_path}/x.txt"}, "home": {"path": "~/x.txt"}}
    catalog = Catalog(specs, root="/")
    assert catalog.load("url") == catalog.load("home") == "here"


@pytest.mark.parametrize("path", ["x.csv", "x.json", "x.txt", "day-*.csv"])
def test_a_fingerprint_changes_with_the_content_only(tmp_path: Path, path: str) -> None:
    catalog = Catalog({"x": {"path": path}}, root=tmp_path)
    file = tmp_path / path.replace("*", "1")
    assert catalog.fingerprint("x") == ""
    file.write_text("1")
    first = catalog.fingerprint("x")
    os.utime(file, (1, 1))
    assert catalog.fingerprint("x") == first != ""
    file.write_text("2")
    assert catalog.fingerprint("x") != first


def test_the_fingerprint_of_a_large_file_does_not_read_it_all(tmp_path: Path) -> None:
    catalog = Catalog({"x": {"path": "x.txt"}}, root=tmp_path)
    with (tmp_path / "x.txt").open("wb") as file:
        file.truncate(200 << 20)
    first = catalog.fingerprint("x")
    assert first.startswith("ends:")
    with (tmp_path / "x.txt").open("r+b") as file:
        file.write(b"x")
    assert catalog.fingerprint("x") != first


def test_a_description_tells_without_loading_and_hides_secrets(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    spec = DatasetSpec(name="x", path="x.csv", format="csv", storage_options={"secret": "hunter2"})
    catalog = Catalog({"x": spec}, root=tmp_path)
    facts = catalog.describe("x")
    assert (facts["exists"], facts["bytes"], facts["files"]) == (True, 4, 1)
    assert "hunter2" not in repr(facts) + repr(spec)
    assert Catalog({"x": {"path": "no.csv"}}, root=tmp_path).describe("x")["exists"] is False


def test_a_failed_save_leaves_what_was_there(tmp_path: Path) -> None:
    catalog = Catalog({}, {"x": {"path": "x.csv"}}, root=tmp_path)
    catalog.save("x", MAKERS["pandas"]([{"a": 1}]))

    def full(operation: str, path: str) -> None:
        if operation == "rename" and path.endswith("x.csv"):
            raise OSError(28, "No space left on device")

    _fs.set_fault_hook(full)
    try:
        with pytest.raises(DatasetError, match="No space left"):
            catalog.save("x", MAKERS["pandas"]([{"a": 2}]))
    finally:
        _fs.set_fault_hook(None)
    assert rows_of(catalog.load("x")) == [{"a": 1}]
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    """One thread replaces, this one reads: every read is one whole save."""
    catalog = Catalog({}, {"x": {"path": "x.json", "engine": "python"}}, root=tmp_path)
    catalog.save("x", {"round": 0, "body": [0] * 2000})
    stop = threading.Event()

    def writer() -> None:
        for number in range(1, 200):
            catalog.save("x", {"round": number, "body": [number] * 2000})
        stop.set()

    thread = threading.Thread(target=writer)
    thread.start()
    reads = 0
    while not stop.is_set() or reads == 0:
        seen = catalog.load("x")
        assert set(seen["body"]) == {seen["round"]}
        reads += 1
    thread.join()


def test_the_format_of_a_caller_is_stronger_than_ours(tmp_path: Path) -> None:
    class Loud:
        def __init__(self, spec: DatasetSpec, root: Path) -> None:
            self.spec, self.root = spec, root

        def load(self) -> Any:
            return f"{self.spec.model} from {self.root}"

        def save(self, data: Any) -> None:
            raise AssertionError(data)

        def exists(self) -> bool:
            return True

        def fingerprint(self) -> str:
            return "model:1"

        def describe(self) -> dict[str, Any]:
            return {}

    spec = DatasetSpec(name="m", format="model", model="churn", alias="champion")
    catalog = Catalog({"m": spec}, root=tmp_path, formats={"model": Loud})
    assert catalog.load("m") == f"churn from {tmp_path}"
    with pytest.raises(DatasetError, match="has the format 'model', which nothing here reads"):
        Catalog({"m": spec}).load("m")


def test_a_third_party_adds_a_format_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real distribution on the import path: its metadata and its module."""
    package = tmp_path / "site"
    info = package / "shouting-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tauro.datasets]\nshout = shouting:Shout\n")
    (package / "shouting.py").write_text(
        "class Shout:\n"
        "    def __init__(self, spec, root):\n"
        "        self.spec = spec\n"
        "    def load(self):\n"
        "        return self.spec.extra['word'].upper()\n"
    )
    monkeypatch.syspath_prepend(package)
    catalog = Catalog({"x": DatasetSpec(name="x", format="shout", extra={"word": "hey"})})
    assert catalog.load("x") == "HEY"
    with pytest.raises(DatasetError, match="Did you mean 'shout'"):
        Catalog({"x": DatasetSpec(name="x", format="shuot")}).load("x")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (DatasetSpec(name="x", format="csv"), "no path"),
        (
            DatasetSpec(name="x", format="csv", path="x.csv", engine="padas"),
            "Did you mean 'pandas'",
        ),
        (DatasetSpec(name="x", format="cvs", path="x.csv"), "Did you mean 'csv'"),
    ],
)
def test_what_cannot_be_opened_says_why(tmp_path: Path, spec: DatasetSpec, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        Catalog({"x": spec}, root=tmp_path).load("x")


def test_an_unknown_key_of_a_mapping_is_named() -> None:
    with pytest.raises(DatasetError, match="filpath"):
        Catalog({"x": {"filpath": "x.csv"}})
