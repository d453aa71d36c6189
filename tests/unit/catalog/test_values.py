"""JSON values, texts, pickles, memory."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.unit.catalog.frames import rows_of

from tauro.catalog import Catalog, DatasetError, DatasetNotFoundError, SchemaMismatchError
from tauro.catalog import ColumnSpec as Column


def output(folder: Path, **spec: Any) -> Catalog:
    return Catalog({}, {"x": spec}, root=folder)


@pytest.mark.parametrize("value", [{"accuracy": 0.9}, [], [1, 2], "text", 3, None, {"rows": [{}]}])
def test_a_json_value_comes_back_as_it_is(tmp_path: Path, value: Any) -> None:
    catalog = output(tmp_path, path="x.json")
    catalog.save("x", value)
    assert catalog.load("x") == value


def test_json_rows_come_back_as_a_frame_unless_python_is_asked_for(tmp_path: Path) -> None:
    rows = [{"code": "007", "when": "2026-01-02"}]
    output(tmp_path, path="x.json").save("x", rows)
    frame = output(tmp_path, path="x.json").load("x")
    assert isinstance(frame, pd.DataFrame)
    assert rows_of(frame) == rows, "texts that look like numbers or dates stay texts"
    assert output(tmp_path, path="x.json", engine="python").load("x") == rows


def test_the_values_of_models_are_json(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="x.json")
    catalog.save(
        "x", {"a": np.float32(0.5), "b": np.arange(2), "d": date(2026, 1, 2), "p": tmp_path}
    )
    assert catalog.load("x") == {"a": 0.5, "b": [0, 1], "d": "2026-01-02", "p": str(tmp_path)}


def test_what_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="x.json")
    catalog.save("x", {"a": 1})
    with pytest.raises(DatasetError, match="a object is not a JSON value"):
        catalog.save("x", {"a": object()})
    assert catalog.load("x") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_json_lists_are_appended_to_and_mappings_are_not(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="x.json", engine="python", write_mode="append")
    catalog.save("x", [1])
    catalog.save("x", [2])
    assert catalog.load("x") == [1, 2]
    with pytest.raises(DatasetError, match="only a list"):
        catalog.save("x", {"a": 1})


def test_json_rows_are_checked_by_their_schema(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"a": "one"}]')
    with pytest.raises(SchemaMismatchError, match="row 0: 'one'"):
        output(tmp_path, path="x.json", schema=(Column("a", "integer"),)).load("x")


def test_text_comes_back(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="x.txt", write_mode="append")
    catalog.save("x", "eins\r\n")
    catalog.save("x", "zwölf")
    assert catalog.load("x") == "eins\r\nzwölf"
    with pytest.raises(DatasetError, match="takes a str, got int"):
        catalog.save("x", 3)


def test_texts_of_a_pattern_are_a_dict(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    loaded = output(tmp_path, path="*.txt").load("x")
    assert {Path(path).name: text for path, text in loaded.items()} == {
        "a.txt": "a.txt",
        "b.txt": "b.txt",
    }


def test_text_of_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes("zwölf".encode("latin-1"))
    with pytest.raises(DatasetError, match="UnicodeDecodeError"):
        output(tmp_path, path="x.txt").load("x")
    assert output(tmp_path, path="x.txt", load_options={"encoding": "latin-1"}).load("x") == "zwölf"


class Trap:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("sprung"),))


def test_a_pickle_is_read_only_with_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DatasetError, match="allow_pickle: true"):
        output(tmp_path, path="x.pkl").load("x")
    assert not (tmp_path / "sprung").exists()
    output(tmp_path, path="x.pkl", allow_pickle=True).load("x")
    assert (tmp_path / "sprung").exists()


def test_a_pickle_comes_back(tmp_path: Path) -> None:
    catalog = output(tmp_path, path="x.pkl", allow_pickle=True)
    catalog.save("x", {"a": {1, 2}})
    assert catalog.load("x") == {"a": {1, 2}}
    (tmp_path / "x.pkl").write_bytes(b"rubbish")
    with pytest.raises(DatasetError, match="cannot be loaded"):
        catalog.load("x")


def test_memory_returns_the_object_itself() -> None:
    catalog = Catalog({"x": {}}, {"x": {}})
    assert not catalog.exists("x")
    with pytest.raises(DatasetNotFoundError, match="lives in memory"):
        catalog.load("x")
    value = object()
    catalog.save("x", value)
    assert catalog.load("x") is value
    assert catalog.describe("x")["type"] == "object"
    assert catalog.fingerprint("x") == ""
