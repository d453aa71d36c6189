"""Python callables and objects, with the user's code; files and folders as they are."""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tauro.errors import FlavorError, UntrustedModelError
from tauro.flavors import flavor_of, get_flavor, load_model, save_model

FRAME = pd.DataFrame({"a": [1, 2, 3]})


class Threshold:
    """A model of the user's own."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def predict(self, data: pd.DataFrame) -> Any:
        return (data["a"] > self.limit).to_numpy()


class Locked:
    """Something that no pickle can hold."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def predict(self, data: Any) -> Any:
        return data


def test_an_object_with_predict_needs_permission_and_predicts(tmp_path: Path) -> None:
    spec = save_model(Threshold(1), tmp_path / "m", input_example=FRAME)
    assert (spec.flavor, spec.data["format"]) == ("python", "pickle")
    with pytest.raises(UntrustedModelError, match="pickle"):
        load_model(tmp_path / "m")
    loaded = load_model(tmp_path / "m", allow_pickle=True)
    assert list(loaded.predict([{"a": 1}, {"a": 5}])) == [False, True]


def test_a_closure_comes_back(tmp_path: Path) -> None:
    limit = 2
    save_model(lambda frame: frame["a"] > limit, tmp_path / "m")
    assert list(load_model(tmp_path / "m", allow_pickle=True).predict(FRAME)) == [
        False,
        False,
        True,
    ]


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the user's that will be gone when the model is loaded."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "own_helpers_of_a_test.py").write_text("FACTOR = 3\n")
    (folder / "own_model_of_a_test.py").write_text(
        "import own_helpers_of_a_test as helpers\n"
        "class Model:\n"
        "    def predict(self, data):\n"
        "        return (data['a'] * helpers.FACTOR).tolist()\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module("own_model_of_a_test")
    for name in ("own_model_of_a_test", "own_helpers_of_a_test"):
        sys.modules.pop(name, None)


def test_code_travels_with_the_model(
    own_module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    save_model(
        own_module.Model(), tmp_path / "m", code_paths=[project / "own_helpers_of_a_test.py"]
    )
    for name in ("own_model_of_a_test", "own_helpers_of_a_test"):
        sys.modules.pop(name, None)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(project)])
    for _ in range(2):  # what the first import leaves behind is no change of the model
        loaded = load_model(tmp_path / "m", allow_pickle=True)
        assert loaded.predict(FRAME) == [3, 6, 9]


def test_a_flavor_that_keeps_no_code_says_so(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    with pytest.raises(FlavorError, match="keeps no code"):
        save_model(LinearRegression(), tmp_path / "m", code_paths=[tmp_path])


def test_a_module_that_came_first_is_said(own_module: Any, tmp_path: Path) -> None:
    save_model(
        own_module.Model(),
        tmp_path / "m",
        code_paths=[tmp_path / "project" / "own_helpers_of_a_test.py"],
    )
    with pytest.warns(UserWarning, match="'own_helpers_of_a_test'.*is used instead"):
        load_model(tmp_path / "m", allow_pickle=True)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Locked(), "cannot be pickled.*\n.*in predict, not in __init__"),
        (Threshold, "neither callable.*\n.*Give an instance"),
    ],
)
def test_what_cannot_be_saved_says_why(model: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(FlavorError, match=message):
        save_model(model, tmp_path / "m")


def test_something_that_is_no_model_is_refused() -> None:
    with pytest.raises(FlavorError, match=r"builtins\.int is no model"):
        flavor_of(3)


def test_a_misspelt_flavor_has_a_close_match() -> None:
    with pytest.raises(FlavorError, match="Did you mean 'sklearn'"):
        get_flavor("sklern")


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(FlavorError, match="not empty"):
        save_model(Threshold(1), tmp_path)


def test_any_file_is_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "weights.xyz").write_bytes(b"123")
    save_model(tmp_path / "weights.xyz", tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert (loaded.native / "weights.xyz").read_bytes() == b"123"
    with pytest.raises(FlavorError, match="cannot predict"):
        loaded.predict(FRAME)


def test_any_folder_is_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a").write_text("a")
    save_model(tmp_path / "in", tmp_path / "m")
    assert (load_model(tmp_path / "m").native / "deep" / "a").read_text() == "a"
