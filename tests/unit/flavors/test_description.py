"""The description beside a model's files: what is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sklearn.linear_model import LinearRegression

from tauro.errors import FlavorError
from tauro.flavors import load_model, read_spec, save_model

MODEL = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(MODEL, tmp_path / "m", input_example=[[0.5]])
    return tmp_path / "m"


def test_a_description_says_what_the_files_are(folder: Path) -> None:
    found = json.loads((folder / "model.json").read_text())
    assert found["flavor"] == "sklearn"
    assert found["model_class"] == "sklearn.linear_model._base.LinearRegression"
    assert set(found["files"]) == {"model.skops", "input_example.json"}
    assert found["environment"]["packages"]["scikit-learn"]


def test_the_same_model_has_the_same_description(folder: Path, tmp_path: Path) -> None:
    save_model(MODEL, tmp_path / "again", input_example=[[0.5]])
    first, second = read_spec(folder).to_dict(), read_spec(tmp_path / "again").to_dict()
    assert first.pop("files").keys() == second.pop("files").keys()
    assert first == second


def test_a_newer_format_is_refused_with_the_remedy(folder: Path) -> None:
    file = folder / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": 99}))
    with pytest.raises(FlavorError, match=r"format 99(.|\n)*pip install --upgrade tauro"):
        load_model(folder)


@pytest.mark.parametrize("text", ["", "[", "[]", '{"flavor": 3}'])
def test_a_damaged_description_is_said(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(FlavorError, match="does not describe a model"):
        load_model(folder)


def test_somebody_elses_model_json_is_a_file_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.json").write_text('{"weights": [1, 2]}')
    loaded = load_model(tmp_path / "m")
    assert loaded.spec.flavor == "files"
    assert (loaded.native / "model.json").exists()


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlavorError, match="is no folder with a model"):
        load_model(tmp_path / "absent")


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize("name", ["../outside.skops", "{outside}", "a/../../outside.skops"])
def test_a_description_that_points_out_of_its_folder_is_refused(
    folder: Path, name: str, hashed: bool
) -> None:
    """Somebody else's folder, of which no hash was recorded anywhere else."""
    outside = folder.parent / "outside.skops"
    outside.write_bytes((folder / "model.skops").read_bytes())
    found = json.loads((folder / "model.json").read_text())
    named = name.format(outside=outside)
    found["data"]["file"] = named
    if not hashed:
        del found["files"]
    (folder / "model.json").write_text(json.dumps(found))
    with pytest.raises(FlavorError, match="has no file"):
        load_model(folder)
