"""The compiled way: taken only where the answers are the same, and said so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.unit.serving.conftest import GOOD, NAME, ROWS, register

from tauro.flavors import ColumnSpec
from tauro.registry import ModelRegistry
from tauro.serving import Limits, ModelChoice, ModelHolder
from tauro.serving._caller import PlainCaller
from tauro.serving._compile import NotCompilableError, OnnxCaller, choose_caller, mixed_rows
from tauro.serving._served import compile_served, load_served

pytest.importorskip("skl2onnx")


def test_a_pipeline_is_compiled_kept_and_answers_as_the_model_does(registry: ModelRegistry) -> None:
    register(registry)
    version = registry.get_model_version(NAME)
    served = load_served(version, Limits(), compiled="require", storage=registry.storage)
    assert served.engine.caller.path == "onnx"
    rows = mixed_rows(ROWS)
    columns = [rows[name].tolist() for name in rows]
    expected = served.model.predict(rows)
    assert np.array_equal(served.engine.caller.predict_columns(columns), expected)
    assert np.array_equal(served.engine.caller.predict_data(rows), expected)
    kept = registry.storage.list_paths("serving/compiled")
    assert len(kept) == 1
    before = registry.storage.stat(kept[0])
    load_served(version, Limits(), compiled="require", storage=registry.storage)
    assert registry.storage.stat(kept[0]) == before


def test_a_graph_that_answers_otherwise_is_not_served(registry: ModelRegistry) -> None:
    """The graph of the flipped model in the place of the first one's: the gate notices."""
    register(registry)
    register(registry, flip=True)
    storage = registry.storage
    graphs = []
    for number in (1, 2):
        version = registry.get_model_version(NAME, number)
        load_served(version, Limits(), compiled="require", storage=storage)
        digest = version.metadata.digest.removeprefix("sha256:")
        graphs.append(f"serving/compiled/{digest}")
    paths = {path.rpartition("-")[0]: path for path in storage.list_paths("serving/compiled")}
    first, second = (paths[graph] for graph in graphs)
    storage.write_bytes(first, storage.read_bytes(second))
    with pytest.raises(NotCompilableError, match="otherwise"):
        load_served(
            registry.get_model_version(NAME, 1), Limits(), compiled="require", storage=storage
        )


def test_what_cannot_be_compiled_is_served_as_it_is_and_says_why(registry: ModelRegistry) -> None:
    register(registry)
    model = registry.load_model(NAME)
    odd = (ColumnSpec("t", "datetime"),)
    caller, why = choose_caller(model, odd, "auto", storage=None, digest="")
    assert caller.path == "plain"
    assert " t " in why
    with pytest.raises(NotCompilableError):
        choose_caller(model, odd, "require", storage=None, digest="")
    assert choose_caller(model, (), "never", storage=None, digest="")[0].path == "plain"


def test_auto_serves_plain_at_once_and_compiled_soon(registry: ModelRegistry) -> None:
    import threading

    register(registry)
    holder = ModelHolder(registry, ModelChoice(NAME))
    assert holder.refresh()
    for thread in threading.enumerate():
        if thread.name == "tauro-compile":
            thread.join(60)
    assert holder.describe()["path"] == "onnx"
    assert holder.describe()["why_plain"] == ""


def test_mixed_rows_hold_the_example_and_only_its_values() -> None:
    rows = mixed_rows(ROWS, 50)
    assert len(rows) == 54
    assert rows.head(4).equals(ROWS)
    assert set(rows["soil"]) == {"sand", "clay"}
    assert rows["n"].isin(ROWS["n"]).all()
    assert rows["height"].between(0.1, 1.1).all()


def test_column_names_that_are_no_names_of_onnx_are_fine(registry: ModelRegistry) -> None:
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame({"a b/ñ": [1.0, 2.0, 3.0], "c": [0.0, 1.0, 0.0]})
    model = LinearRegression().fit(frame, [1.0, 2.0, 3.5])
    registry.register_model(model=model, model_name="odd", input_example=frame)
    version = registry.get_model_version("odd")
    served = load_served(version, Limits(), compiled="require")
    assert isinstance(served.engine.caller, OnnxCaller)
    found = served.engine.caller.predict_columns([[1.0, 2.0], [0.0, 1.0]])
    assert np.allclose(found, model.predict(frame.head(2)), atol=1e-4)


@pytest.mark.parametrize("n", [2**24 + 1, -(2**24) - 1, 2**53 - 1])
@pytest.mark.parametrize("height", [0.5, 1e300])
def test_values_that_a_graph_cannot_hold_are_the_models(
    registry: ModelRegistry, n: int, height: float
) -> None:
    """A graph's numbers have 32 bits; beyond what was compared, the model itself answers."""
    register(registry)
    version = registry.get_model_version(NAME)
    served = load_served(version, Limits(), compiled="require", storage=registry.storage)
    caller = served.engine.caller
    assert isinstance(caller, OnnxCaller)
    asked: list[Any] = []

    class Listening(PlainCaller):
        def predict_columns(self, columns: Sequence[Sequence[Any]]) -> Any:
            asked.append(columns)
            return super().predict_columns(columns)

    caller.fallback = Listening(served.model, served.reader.columns)
    columns: list[list[Any]] = [[0.1, height], ["sand", "clay"], [1, n]]
    frame = pd.DataFrame(dict(zip(ROWS, columns, strict=True)))
    assert np.array_equal(caller.predict_columns(columns), served.model.predict(frame))
    assert asked == [columns]
    caller.predict_columns([[0.1], ["sand"], [2**24]])
    assert asked == [columns]


def test_a_graph_must_answer_recorded_requests_too(registry: ModelRegistry) -> None:
    """Values that the example did not foresee, and that 32 bits do not tell apart."""
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 0.0]})
    model = LinearRegression().fit(frame, frame["a"] - frame["b"])
    registry.register_model(model=model, model_name="fine", input_example=frame)
    loaded = registry.load_model("fine", 1)
    assert loaded.signature is not None
    specs = loaded.signature.inputs
    caller, why = choose_caller(loaded, specs, "auto", storage=None, digest="")
    assert (caller.path, why) == ("onnx", "")
    large = [[1e9 + 1.0, 1e9], [1e9 + 5.0, 1e9]]
    caller, why = choose_caller(loaded, specs, "auto", storage=None, digest="", recorded=large)
    assert caller.path == "plain"
    assert "answers 2 rows otherwise" in why


def test_rows_of_requests_are_recorded_for_the_next_graph(registry: ModelRegistry) -> None:
    register(registry)
    served = load_served(registry.get_model_version(NAME), Limits())

    async def work() -> None:
        for number in range(300):
            rows = served.reader.read_samples([{**GOOD, "n": number}, GOOD])
            await served.engine.predict(rows)
        served.engine.retire()

    asyncio.run(work())
    assert list(served.engine.recorded) == [[0.1, "sand", n] for n in range(44, 300)]


def test_without_a_converter_it_is_served_as_it_is(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pip install tauro[serve]` brings none, and the server must not fall over that."""

    def absent(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("tauro.serving._compile.installed_version", absent)
    register(registry)
    version = registry.get_model_version(NAME)
    served = load_served(version, Limits(), compiled="never", storage=registry.storage)
    compiled = compile_served(served, Limits(), registry.storage)
    assert compiled.engine.caller.path == "plain"
    assert "pip install 'tauro[onnx]'" in compiled.why_plain
