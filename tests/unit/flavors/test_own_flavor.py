"""A flavor of somebody else's, and what an input example survives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tauro.errors import CorruptDataError, UntrustedModelError, ValidationError
from tauro.flavors import (
    Flavor,
    ModelSignature,
    Predictor,
    Saved,
    SaveOptions,
    flavor_of,
    get_flavor,
    load_model,
    register_flavor,
    save_model,
)
from tauro.flavors import _registry as table
from tauro.flavors._examples import decode_example, encode_example


class Table:
    """A model that looks its answers up."""

    def __init__(self, answers: dict[str, float]) -> None:
        self.answers = answers


class TableFlavor(Flavor):
    name = "table"
    framework = "tables"
    packages = ("numpy",)

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        (folder / "answers.json").write_text(json.dumps(model.answers))
        return Saved({"file": "answers.json", "default": options.extra.get("default", 0.0)})

    def load(self, source: Any, data: Mapping[str, Any], trust: Any) -> Predictor:
        return self.wrap(Table(json.loads(source.read(data["file"]))), data)

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        return Predictor(
            model,
            lambda frame: np.array(
                [model.answers.get(key, data["default"]) for key in frame["key"]]
            ),
        )

    def signature_of(self, model: Any) -> ModelSignature:
        return ModelSignature.from_schemas({"key": "string"}, {"answer": "float"})


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    flavors, packages = dict(table.FLAVORS), dict(table._PACKAGES)
    register_flavor("table", f"{__name__}:TableFlavor", packages=["tests"])
    yield
    table.FLAVORS.clear()
    table.FLAVORS.update(flavors)
    table._PACKAGES.clear()
    table._PACKAGES.update(packages)


def test_a_flavor_of_somebody_else_is_found_by_class_and_by_name(tmp_path: Path) -> None:
    assert type(get_flavor("table")).__name__ == "TableFlavor"
    model = Table({"a": 1.0})
    if type(model).__module__.startswith("tests"):
        assert flavor_of(model).name == "table"
    spec = save_model(model, tmp_path / "m", flavor="table", default=7.0)
    assert spec.framework == "tables"
    loaded = load_model(tmp_path / "m")
    assert loaded.predict([{"key": "a"}, {"key": "z"}]).tolist() == [1.0, 7.0]
    assert loaded.signature is not None
    assert loaded.signature.input_names == ["key"]


def test_what_it_reads_is_checked_too(tmp_path: Path) -> None:
    save_model(Table({"a": 1.0}), tmp_path / "m", flavor="table")
    (tmp_path / "m" / "answers.json").write_text('{"a": 2.0}')
    with pytest.raises(CorruptDataError):
        load_model(tmp_path / "m")


@pytest.mark.parametrize(
    "example",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, float("nan")]}),
        pd.DataFrame({"a": [True, False]}),
    ],
)
def test_a_frame_survives_as_an_example(example: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(decode_example(encode_example(example)), example)


@pytest.mark.parametrize("example", [np.eye(3), np.arange(4), np.zeros((2, 3, 4))])
def test_an_array_survives_as_an_example(example: Any) -> None:
    np.testing.assert_array_equal(decode_example(encode_example(example)), example)


def test_named_arrays_survive_and_long_examples_are_cut() -> None:
    found = decode_example(
        encode_example({"image": np.ones((300, 2, 2)), "size": np.ones((300, 2))})
    )
    assert {name: value.shape for name, value in found.items()} == {
        "image": (100, 2, 2),
        "size": (100, 2),
    }
    assert len(decode_example(encode_example(pd.DataFrame({"a": range(500)})))) == 100


def test_an_example_of_objects_is_refused() -> None:
    with pytest.raises(ValidationError, match="no table and no array"):
        encode_example(np.array([object()]))


def test_trust_names_every_type_at_once() -> None:
    from tauro.flavors._trust import Trust

    with pytest.raises(UntrustedModelError, match=r"types that are not trusted: a\.B, c\.D"):
        Trust.of(False, []).require_types(["c.D", "a.B"], "model")
    Trust.of(False, ["a.B", "c.D"]).require_types(["c.D", "a.B"], "model")
    Trust.of(False, "a.B").require_types(["a.B"], "model")
    Trust.of(True, []).require_types(["c.D"], "model")
