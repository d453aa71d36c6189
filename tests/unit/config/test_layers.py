"""Environments: which files, laid over each other how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.config.conftest import Write, load

from tauro.config import AppConfigManager, ConfigError, Context, ContextLoader

BASE = {"global_settings_path": "settings.yaml", "input_config_path": "inputs.yaml"}


def descriptor(**environments: dict[str, str]) -> str:
    return json.dumps({"env_config": {"base": BASE, **environments}})


def layered(write: Write, base: str, over: str, *, part: str = "global_settings_path") -> Context:
    name = Path(BASE[part]).stem
    files = {f"{name}.yaml": base, f"over/{name}.yaml": over}
    folder = write({"settings_json.json": descriptor(dev={part: f"over/{name}.yaml"}), **files})
    return load(folder)


def test_mappings_merge_deeply_and_the_rest_is_replaced(write: Write) -> None:
    context = layered(
        write,
        "a: {one: 1, two: [1, 2], three: {x: 1, y: 2}}\nkept: true\n",
        "a: {two: [3], three: {y: 5}}\nnew: 1\n",
    )
    assert context.global_settings.to_dict() == {  # type: ignore[attr-defined]
        "a": {"one": 1, "two": [3], "three": {"x": 1, "y": 5}},
        "kept": True,
        "new": 1,
    }
    assert context.origin("global_settings.a.three.y").file.endswith("over/settings.yaml")
    assert context.origin("global_settings.a.three.x").file.endswith("settings.yaml")


def test_replace_takes_the_place_of_what_is_below(write: Write) -> None:
    context = layered(
        write,
        "a: {one: 1}\nb: {x: 1}\n",
        "a: {$replace: true, two: 2}\nb: {$replace: false, y: 2}\n",
    )
    assert context.global_settings["a"].to_dict() == {"two": 2}
    assert context.global_settings["b"].to_dict() == {"x": 1, "y": 2}


def test_a_whole_file_is_replaced(write: Write) -> None:
    context = layered(
        write,
        "inputs:\n  a: {path: a.csv}\n",
        "$replace: true\nb: {path: b.csv}\n",
        part="input_config_path",
    )
    assert list(context.inputs) == ["b"]


def test_a_null_stands_for_not_given(write: Write) -> None:
    context = layered(write, "mlops: {storage_path: ./here}\n", "mlops: {storage_path: ~}\n")
    assert context.mlops.storage_path == str(context.root / "mlops_data")


def test_layers_may_spell_and_wrap_differently(write: Write) -> None:
    context = layered(
        write,
        "inputs:\n  a: {filepath: a.csv, load_args: {sep: ;}}\n",
        "a: {path: b.csv, load_options: {nrows: 1}}\n",
        part="input_config_path",
    )
    assert context.inputs["a"].path == "b.csv"
    assert context.inputs["a"].load_options == {"sep": ";", "nrows": 1}
    again = layered(write, "mlops: {backend: local}\n", "mlops: {backend_type: databricks}\n")
    assert again.mlops.backend_type == "databricks"


def test_a_later_function_replaces_module_and_function(write: Write) -> None:
    nodes = {"nodes_config_path": "nodes.yaml"}
    folder = write(
        {
            "settings_json.json": json.dumps(
                {"env_config": {"base": nodes, "dev": {"nodes_config_path": "dev/nodes.yaml"}}}
            ),
            "nodes.yaml": "a: {module: etl.steps, function: load}\nb: {module: etl, function: f}\n",
            "dev/nodes.yaml": "a: {function: fake.load}\n",
        }
    )
    context = load(folder)
    assert context.nodes["a"].function == "fake.load"
    assert context.nodes["b"].function == "etl.f"


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ("development", "dev"),
        ("dev", "development"),
        ("production", "prod"),
        ("PRODUCTION", "prod"),
    ],
)
def test_aliases_of_environments(write: Write, asked: str, listed: str) -> None:
    folder = write({"settings_json.json": descriptor(**{listed: {}}), "settings.yaml": "a: 1\n"})
    paths = AppConfigManager(folder).get_env_config(asked)
    assert paths.env in ("dev", "prod")
    assert [layer.name for layer in paths.layers] == ["base", paths.env]


@pytest.mark.parametrize(
    ("environments", "layers"),
    [
        ({"dev": {}}, ["base", "dev"]),
        ({"dev": {}, "sandbox": {}}, ["base", "sandbox"]),
        ({"sandbox": {}, "sandbox_ann": {}}, ["base", "sandbox", "sandbox_ann"]),
        ({}, ["base"]),
    ],
)
def test_a_sandbox_needs_no_entry(
    write: Write, environments: dict[str, Any], layers: list[str]
) -> None:
    folder = write(
        {"settings_json.json": descriptor(**environments), "settings.yaml": "place: ${env}\n"}
    )
    paths = AppConfigManager(folder).get_env_config("sandbox_ann")
    assert [layer.name for layer in paths.layers] == layers
    assert ContextLoader().load_from_paths(paths).global_settings["place"] == "sandbox_ann"


def test_base_alone_is_an_environment(write: Write) -> None:
    folder = write({"settings_json.json": descriptor(), "settings.yaml": "a: 1\n"})
    context = ContextLoader().load_from_paths(AppConfigManager(folder).get_env_config())
    assert context.env == "base"


@pytest.mark.parametrize("name", ["settings_json.json", "settings_json.yaml", "settings_json.yml"])
def test_the_descriptor_is_found_in_its_folder(write: Write, name: str) -> None:
    folder = write({name: descriptor(dev={})})
    assert AppConfigManager(folder).descriptor_path.name == name
    assert AppConfigManager(folder).list_environments() == ["dev"]


@pytest.mark.parametrize("path", [".", "nothing.json"])
def test_no_descriptor_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="tauro new NAME"):
        AppConfigManager(path)


def test_base_path_moves_the_files_but_not_the_root(write: Write) -> None:
    text = json.dumps({"base_path": "conf", "env_config": {"base": BASE}})
    folder = write({"settings_json.json": text, "conf/settings.yaml": "a: 1\n"})
    context = load(folder, "base")
    assert context.global_settings["a"] == 1
    assert context.root == folder


def test_paths_may_be_a_plain_mapping(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write({"settings.yaml": "a: 1\n"})
    monkeypatch.chdir(folder)
    loader = ContextLoader()
    assert loader.load_from_paths(BASE, "dev").global_settings["a"] == 1
    with pytest.raises(ConfigError, match="Did you mean 'global_settings_path'"):
        loader.load_from_paths({"global_setting_path": "x"}, "dev")


def test_a_json_project(write: Write) -> None:
    parts = {
        "global_settings_path": "c/global_settings.json",
        "pipelines_config_path": "c/pipelines.json",
        "nodes_config_path": "c/nodes.json",
        "input_config_path": "c/input.json",
    }
    folder = write(
        {
            "settings_json.json": json.dumps({"env_config": {"base": parts, "dev": {}}}),
            "c/global_settings.json": '{"mlops": {"enabled": true}}',
            "c/pipelines.json": '{"pipelines": {"p": {"nodes": ["a"]}}}',
            "c/nodes.json": '{"a": {"function": "m.f", "input": "x"}}',
            "c/input.json": '{"input": {"x": {"filepath": "x.json"}}}',
        }
    )
    context = load(folder)
    assert context.mlops.enabled is True
    assert context.nodes["a"].inputs == {"x": "x"}
    assert context.inputs["x"].format == "json"
