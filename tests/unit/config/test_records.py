"""Pipelines, nodes and datasets in every form that is read."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tauro.config import ConfigError, Context, DatasetConfig, NodeConfig


def node(**keys: Any) -> NodeConfig:
    inputs = {name: {"path": f"{name}.csv"} for name in ("x", "y")}
    context = Context(
        nodes_config={"a": {"function": "m.f", **keys}, "b": {"function": "m.g"}},
        input_config=inputs,
    )
    return context.nodes["a"]


def dataset(**keys: Any) -> DatasetConfig:
    return Context(input_config={"a": keys}).inputs["a"]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"inputs": {"frame": "x", "other": "y"}}, {"frame": "x", "other": "y"}),
        ({"inputs": ["x", "y"]}, {"x": "x", "y": "y"}),
        ({"inputs": "x"}, {"x": "x"}),
        ({"input": "x"}, {"x": "x"}),
        ({"input": ["x"]}, {"x": "x"}),
        ({"inputs": None}, {}),
    ],
)
def test_inputs(inputs: dict[str, Any], expected: dict[str, str]) -> None:
    assert node(**inputs).inputs == expected


@pytest.mark.parametrize(
    ("outputs", "expected", "keys"),
    [
        ({"outputs": ["o", "p"]}, ("o", "p"), {}),
        ({"output": "o"}, ("o",), {}),
        ({"outputs": {"train": "o", "test": "p"}}, ("o", "p"), {"train": "o", "test": "p"}),
    ],
)
def test_outputs(outputs: dict[str, Any], expected: tuple[str, ...], keys: dict[str, str]) -> None:
    found = node(**outputs)
    assert found.outputs == expected
    assert found.output_keys == keys


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"function": "a.b.c"}, "a.b.c"),
        ({"module": "a.b", "function": "c"}, "a.b.c"),
        ({"function": "a.b:c"}, "a.b.c"),
    ],
)
def test_functions(given: dict[str, str], expected: str) -> None:
    assert node(**given).function == expected


def test_everything_a_node_may_say() -> None:
    found = node(
        description="d",
        dependencies=["b"],
        params={"depth": 3, "none": None},
        retries={"count": 2, "delay": "500ms", "backoff": 3},
        timeout="1.5m",
        tags="nightly",
        type="ml_training",
        requires_dates=True,
        hyperparams={"c": 1},
        metrics=["f1"],
    )
    assert (found.retries, found.retry_delay, found.retry_backoff) == (2, 0.5, 3)
    assert found.timeout == 90
    assert found.dependencies == ("b",)
    assert found.params == {"depth": 3, "none": None}, "a null among the user's own keys stays"
    assert (found.tags, found.type, found.requires_dates) == (("nightly",), "ml_training", True)
    assert (found.hyperparams, found.metrics) == ({"c": 1}, ("f1",))
    assert found.ml_keys == ("hyperparams", "metrics")
    flat = node(retries=1, retry_delay=2, depends_on="b", parameters={"x": 1}, timeout=3)
    assert (flat.retries, flat.retry_delay, flat.timeout) == (1, 2, 3)
    assert flat.dependencies == ("b",)
    assert flat.params == {"x": 1}


@pytest.mark.parametrize("timeout", [0, -1, "5 days", "", True, [1]])
def test_no_time_out(timeout: Any) -> None:
    with pytest.raises(ConfigError, match="'timeout' must be"):
        node(timeout=timeout)


HUGE = 10**400
"""A whole number that is no float."""


@pytest.mark.parametrize("key", ["retry_backoff", "retry_delay", "timeout"])
@pytest.mark.parametrize(
    "number",
    [HUGE, -HUGE, -0.5, "x", math.inf, math.nan],
    ids=["huge", "-huge", "negative", "text", "infinite", "nan"],
)
def test_numbers_that_are_none_here(key: str, number: Any) -> None:
    with pytest.raises(ConfigError, match=f"'{key}' must be") as caught:
        node(**{key: number})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("form", ["wrapped", "flat"])
def test_wrapped_or_flat(form: str) -> None:
    def wrap(key: str, value: Any) -> Any:
        return {key: value, "x-anchors": 1} if form == "wrapped" else value

    context = Context(
        pipelines_config=wrap("pipelines", {"p": {"nodes": ["a"]}}),
        nodes_config=wrap("nodes", {"a": {"function": "m.f", "inputs": ["x"], "outputs": ["y"]}}),
        input_config=wrap("input", {"x": {"path": "x.csv"}}),
        output_config=wrap("outputs", {"y": {"path": "y.csv"}}),
    )
    assert (list(context.pipelines), list(context.nodes)) == (["p"], ["a"])
    assert (list(context.inputs), list(context.outputs)) == (["x"], ["y"])


def test_a_record_may_be_called_as_a_wrapper_is() -> None:
    context = Context(
        nodes_config={"nodes": {"function": "m.f", "inputs": ["x"]}}, input_config={"x": {}}
    )
    assert list(context.nodes) == ["nodes"]


def test_a_node_may_read_what_another_makes_or_returns() -> None:
    Context(
        nodes_config={
            "a": {"function": "m.a", "outputs": ["made"]},
            "b": {"function": "m.b", "inputs": ["made"]},
            "c": {"function": "m.c", "inputs": {"previous": "b"}},
        }
    )


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"path": "x.parquet"}, "parquet"),
        ({"filepath": "x.CSV"}, "csv"),
        ({"path": "s3://b/x.jsonl"}, "json"),
        ({"path": "x.xlsx"}, "excel"),
        ({"path": "x.pkl"}, "pickle"),
        ({"path": "x", "format": "CSV"}, "csv"),
        ({"path": "x", "type": "delta"}, "delta"),
        ({}, "memory"),
    ],
)
def test_formats(keys: dict[str, str], expected: str) -> None:
    assert dataset(**keys).format == expected


def test_everything_a_dataset_may_say() -> None:
    found = dataset(
        path="x.csv",
        engine="Polars",
        options={"separator": ";"},
        load_args={"n_rows": 1},
        save_options={"separator": ","},
        mode="append",
        versioned=True,
        version="2026",
        description="d",
        storage_options={"key": "k"},
    )
    assert found.engine == "polars"
    assert found.load_options == {"separator": ";", "n_rows": 1}
    assert found.save_options == {"separator": ","}
    assert (found.write_mode, found.versioned, found.version) == ("append", True, "2026")
    assert dataset(path="x", format="csv", partitions=["year"]).partition_by == ("year",)
    sql = dataset(format="sql", connection_string="sqlite:///x", sql="select 1")
    assert (sql.connection, sql.query) == ("sqlite:///x", "select 1")
    model = dataset(format="model", model="churn", alias="champion")
    assert (model.model, model.alias) == ("churn", "champion")


@pytest.mark.parametrize(
    "schema",
    [
        [{"name": "a", "type": "int64", "nullable": False}, {"name": "b", "type": "str"}],
        {"a": "integer", "b": "string"},
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
            "required": ["a"],
        },
    ],
)
def test_schemas(schema: Any) -> None:
    a, b = dataset(path="x.csv", schema=schema).schema
    assert (a.name, a.type, b.name, b.type) == ("a", "integer", "b", "string")
    assert b.nullable


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ([{"type": "integer"}], "has no 'name'"),
        (["a"], "must be a mapping, got 'a'"),
        ([{"name": "a"}, {"name": "a"}], "the column 'a' twice"),
        ([{"name": "a", "kind": "integer"}], "unknown key 'kind'"),
        ({"a": "intger"}, "Did you mean"),
        (3, "must be a list of columns"),
    ],
)
def test_broken_schemas(schema: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataset(path="x.csv", schema=schema)


def test_a_dataset_is_not_versioned_and_partitioned_at_once() -> None:
    with pytest.raises(ConfigError, match="one of the two"):
        dataset(path="x", format="csv", versioned=True, partition_by=["a"])


def test_a_third_partys_format_keeps_its_own_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "shouting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tauro.datasets]\nshout = shouting:Shout\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = dataset(format="shout", word="hey", path="x")
    assert found.extra == {"word": "hey"}
    with pytest.raises(ConfigError, match="Did you mean 'shout'"):
        dataset(format="shuot")


def test_records_and_settings_do_not_show_secrets() -> None:
    context = Context(
        global_settings={"db": {"password": "hunter2", "user": "ann"}, "api_key": "hunter2"},
        input_config={
            "a": {"format": "sql", "connection": "postgresql://ann:hunter2@h/db", "table": "t"},
            "b": {"path": "s3://b/x.csv", "storage_options": {"secret": "hunter2"}},
        },
    )
    shown = (
        repr(context)
        + repr(context.global_settings)
        + repr(context.inputs)
        + repr(context.global_settings["db"])
    )
    assert "hunter2" not in shown
    assert "ann" in shown
    assert context.global_settings["db"]["password"] == "hunter2"
    assert context.inputs["a"].connection == "postgresql://ann:hunter2@h/db"


def test_settings_cannot_be_changed() -> None:
    context = Context(global_settings={"a": {"b": 1}})
    with pytest.raises(TypeError):
        context.global_settings["a"] = 1  # type: ignore[index]
    with pytest.raises(AttributeError):
        node().name = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        context.nodes["a"] = node()  # type: ignore[index]


def test_records_cross_process_boundaries() -> None:
    found = node(inputs=["x"], params={"a": 1})
    assert pickle.loads(pickle.dumps(found)) == found
    assert pickle.loads(pickle.dumps(dataset(path="x.csv"))) == dataset(path="x.csv")


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        (
            "import tauro.config",
            "pandas numpy pyarrow yaml msgspec difflib tauro.catalog tauro.storage",
        ),
        (
            "from tauro.config import Context; Context(nodes_config='n.json')",
            "pandas numpy pyarrow yaml difflib importlib.metadata",
        ),
        (
            "from tauro.config import Context; Context(nodes_config='n.yaml')",
            "pandas numpy pyarrow difflib",
        ),
    ],
)
def test_reading_imports_little(tmp_path: Path, code: str, absent: str) -> None:
    (tmp_path / "n.json").write_text('{"a": {"function": "m.f"}}')
    (tmp_path / "n.yaml").write_text("a: {function: m.f}\n")
    names = f"set({absent!r}.split()) & set(sys.modules)"
    check = f"import sys\n{code}\nfound = {names}\nassert not found, found\n"
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
