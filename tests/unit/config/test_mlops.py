"""MLOps settings: spellings, five levels, and where each value comes from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.config.conftest import Write, load

from tauro.config import SETTING_KEYS, ConfigError, Context, MLOpsSettings, explain_settings


def settings(mlops: Any = None, **others: Any) -> MLOpsSettings:
    given = {} if mlops is None else {"mlops": mlops}
    return Context(global_settings={**given, **others}, root="/p").mlops


def test_nothing_is_required() -> None:
    found = settings()
    assert found.enabled is None
    assert found.backend_type == "local"
    assert found.storage_path == "/p/mlops_data"
    assert found.default_experiment_name is None
    assert found.auto_log is None
    assert not found.mlflow.is_configured
    assert set(found.origins) == set()
    assert found.origin("backend_type").level == "default"


@pytest.mark.parametrize(
    ("mlops", "key", "expected"),
    [
        ({"backend": "databricks"}, "backend_type", "databricks"),
        ({"experiment": {"name": "churn", "description": "d"}}, "default_experiment_name", "churn"),
        ({"experiment": {"name": "churn", "description": "d"}}, "description", "d"),
        ({"experiment": "churn"}, "default_experiment_name", "churn"),
        ({"experiment_name": "churn"}, "default_experiment_name", "churn"),
        ({"mode": "distributed"}, "execution_mode", "distributed"),
        ({"databricks_catalog": "main"}, "catalog", "main"),
        ({"databricks_workspace_url": "https://x"}, "workspace_url", "https://x"),
        ({"enabled": "yes"}, "enabled", True),
        (False, "enabled", False),
        (True, "enabled", True),
        ({"backend": "local", "backend_type": "local"}, "backend_type", "local"),
    ],
)
def test_spellings(mlops: Any, key: str, expected: Any) -> None:
    assert getattr(settings(mlops), key) == expected


def test_the_blocks_of_the_seeds() -> None:
    """ml_info.yaml as the second seed has it."""
    found = Context(
        ml_info={
            "mlops": {
                "enabled": True,
                "backend": "databricks",
                "experiment": {"name": "customer-churn-prediction", "description": "Model"},
                "model_registry": {"catalog": "main", "schema": "ml_models"},
                "tracking": {"catalog": "main", "schema": "ml_experiments"},
                "auto_log": True,
                "cache": {"enabled": True, "max_size": 1000, "default_ttl": 300},
                "health": {"enabled": True, "memory_threshold": 0.85, "disk_threshold": 0.90},
            }
        }
    ).mlops
    assert (found.registry.catalog, found.registry.schema) == ("main", "ml_models")
    assert found.experiment_tracking.schema == "ml_experiments"
    assert (found.cache.enabled, found.cache.max_size, found.cache.default_ttl) == (True, 1000, 300)
    assert (found.health.memory_threshold, found.health.disk_threshold) == (0.85, 0.9)
    assert found.auto_log is True


def test_global_switches() -> None:
    assert settings(mlops_enabled=False).enabled is False
    assert settings({"backend_type": "local"}, mlops_enabled=True).enabled is True
    assert settings(mode="databricks").execution_mode == "databricks"
    assert settings(execution_mode="distributed").execution_mode == "distributed"
    with pytest.raises(ConfigError, match="different values"):
        settings({"enabled": True}, mlops_enabled=False)
    with pytest.raises(ConfigError, match="different values"):
        settings({"mode": "local"}, mode="databricks")


def test_databricks_mode_chooses_the_backend_unless_one_is_named() -> None:
    assert settings(mode="databricks").backend_type == "databricks"
    assert settings({"backend": "local"}, mode="databricks").backend_type == "local"
    assert settings(mode="distributed").backend_type == "local"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("./x", "/p/x"),
        ("x/../y", "/p/y"),
        ("/abs", "/abs"),
        ("memory://", "memory://"),
        ("s3://b/k", "s3://b/k"),
    ],
)
def test_a_relative_store_starts_at_the_root(path: str, expected: str) -> None:
    assert settings({"storage_path": path}).storage_path == expected


@pytest.mark.parametrize(
    "mlops",
    [
        {"tracking": {"catalog": "a"}, "experiment_tracking": {"catalog": "b"}},
        {"experiment": {"name": "a"}, "experiment_name": "b"},
        {"experiment_name": "a", "default_experiment_name": "b"},
    ],
)
def test_two_spellings_with_different_values_are_refused(mlops: Any) -> None:
    with pytest.raises(ConfigError, match="the same setting with different values"):
        settings(mlops)


def test_two_spellings_of_a_block_are_merged() -> None:
    found = settings({"tracking": {"catalog": "a"}, "experiment_tracking": {"schema": "b"}})
    assert (found.experiment_tracking.catalog, found.experiment_tracking.schema) == ("a", "b")


@pytest.mark.parametrize(
    ("mlops", "message"),
    [
        ({"model_retention_days": 0}, "whole number of at least 1"),
        ({"model_retention_days": 1.5}, "whole number"),
        ({"model_retention_days": True}, "whole number"),
        ({"cache": {"default_ttl": -1}}, "duration above 0"),
        ({"health": {"disk_threshold": float("nan")}}, "a number of at least 0"),
        ({"experiment_tracking": {"durability": "ram"}}, "one of process, disk"),
        ({"registry": [1]}, "must be a mapping"),
        ({"cache": {"size": 1}}, "unknown key 'size' in mlops.cache of the global settings"),
        ("local", "must be a mapping"),
        ({"storage_path": ""}, "a text that is not empty"),
        ({"experiment": {"title": "x"}}, "unknown key 'title' in 'experiment'"),
        ({"databricks_token": "dapi"}, "DATABRICKS_TOKEN"),
    ],
)
def test_what_is_wrong_is_said(mlops: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(mlops)


FIVE = {
    "global_settings": {
        "mlops": {
            "experiment_name": "g",
            "auto_log": True,
            "registry": {"catalog": "g"},
            "tracking": {"catalog": "g", "schema": "g"},
        }
    },
    "ml_info": {"mlops": {"experiment_name": "i", "tracking": {"catalog": "i"}, "cache": True}},
    "pipelines_config": {
        "p": {"nodes": ["a", "b"], "mlops": {"experiment_name": "p", "catalog": "p"}}
    },
    "nodes_config": {
        "a": {"function": "m.a", "mlops": {"experiment_name": "n"}},
        "b": {"function": "m.b"},
    },
}


def test_node_over_pipeline_over_ml_info_over_global_over_defaults() -> None:
    context = Context(**FIVE)  # type: ignore[arg-type]
    a, b, neither = context.mlops_for("p", "a"), context.mlops_for("p", "b"), context.mlops
    names = (a.default_experiment_name, b.default_experiment_name, neither.default_experiment_name)
    assert names == ("n", "p", "i")
    assert a.catalog == "p"
    assert neither.catalog is None
    assert (a.experiment_tracking.catalog, a.experiment_tracking.schema) == ("i", "g")
    assert a.registry.catalog == "g"
    assert a.cache.enabled is True
    levels = {
        key: a.origin(key).level
        for key in (
            "default_experiment_name",
            "catalog",
            "cache.enabled",
            "auto_log",
            "backend_type",
        )
    }
    assert list(levels.values()) == ["node", "pipeline", "ml_info", "global", "default"]


def test_what_a_level_overrides_is_told() -> None:
    told = {one.key: one for one in explain_settings(Context(**FIVE), "p", "a")}  # type: ignore[arg-type]
    assert list(told) == list(SETTING_KEYS)
    name = told["default_experiment_name"]
    assert (name.value, name.origin.level) == ("n", "node")
    assert [origin.level for origin in name.overridden] == ["pipeline", "ml_info", "global"]
    assert told["schema"].overridden == ()


def test_a_nodes_own_parts_rise_from_ml_to_config_to_mlops() -> None:
    node = {
        "function": "m.a",
        "ml": {"experiment_name": "ml", "catalog": "ml", "schema": "ml"},
        "config": {"mlops": {"experiment_name": "config", "catalog": "config"}, "depth": 3},
        "mlops": {"experiment_name": "mlops"},
    }
    context = Context(nodes_config={"a": node})
    found = context.mlops_for(None, "a")
    assert (found.default_experiment_name, found.catalog, found.schema) == ("mlops", "config", "ml")
    assert context.nodes["a"].ml_keys == ("ml", "mlops", "config.mlops")
    assert context.nodes["a"].config == {"depth": 3}


def test_an_ml_block_may_hold_what_describes_the_model() -> None:
    context = Context(
        nodes_config={
            "a": {
                "function": "m.a",
                "ml": {"hyperparams": {"depth": 3}, "metrics": ["f1"], "auto_log": False},
            },
            "b": {"function": "m.b", "ml": True},
        }
    )
    assert context.nodes["a"].hyperparams == {"depth": 3}
    assert context.nodes["a"].metrics == ("f1",)
    assert context.mlops_for(None, "a").auto_log is False
    assert context.mlops_for(None, "b").enabled is True


def test_unknown_pipelines_and_nodes_are_named() -> None:
    context = Context(**FIVE)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="There is no node 'c'"):
        context.mlops_for("p", "c")
    with pytest.raises(ConfigError, match="There is no pipeline 'q'"):
        context.mlops_for("q")


def project(write: Write, *, descriptor: dict[str, str], files: dict[str, str]) -> Context:
    base = {"global_settings_path": "config/global_settings.yaml"}
    text = json.dumps({"env_config": {"base": base, "dev": {}}, **descriptor})
    return load(
        write({"settings_json.json": text, "config/global_settings.yaml": "a: 1\n", **files})
    )


def named(name: str, *, flat: bool = False) -> str:
    return (
        f"experiment_name: {name}\n" if flat else f"mlops:\n  experiment_name: {name}\nnote: mine\n"
    )


def test_ml_info_beside_the_settings(write: Write) -> None:
    context = project(write, descriptor={}, files={"config/ml_info.yaml": named("sibling")})
    assert context.mlops.default_experiment_name == "sibling"
    assert context.ml_info["note"] == "mine"
    assert context.mlops.origin("default_experiment_name").level == "ml_info"


def test_ml_info_may_be_flat_or_json(write: Write) -> None:
    flat = project(write, descriptor={}, files={"config/ml_info.yml": named("flat", flat=True)})
    assert flat.mlops.default_experiment_name == "flat"
    (flat.root / "config" / "ml_info.yml").unlink()
    as_json = {"config/ml_info.json": '{"mlops": {"experiment": {"name": "json"}}}'}
    assert project(write, descriptor={}, files=as_json).mlops.default_experiment_name == "json"


def test_ml_info_by_precedence(write: Write) -> None:
    """Argument > descriptor > settings > sibling; the others are not read."""
    files = {
        "config/ml_info.yaml": named("sibling"),
        "other/info.yaml": named("settings"),
        "third/info.yaml": named("descriptor"),
    }
    by_settings = {**files, "config/global_settings.yaml": "ml_info: other/info.yaml\n"}
    assert (
        project(write, descriptor={}, files=by_settings).mlops.default_experiment_name == "settings"
    )
    inline = {
        **files,
        "config/global_settings.yaml": "ml_info:\n  mlops: {experiment_name: inline}\n",
    }
    assert project(write, descriptor={}, files=inline).mlops.default_experiment_name == "inline"
    described = project(write, descriptor={"ml_info_path": "third/info.yaml"}, files=by_settings)
    assert described.mlops.default_experiment_name == "descriptor"
    given = Context(
        global_settings=described.root / "config/global_settings.yaml",
        ml_info={"mlops": {"experiment_name": "argument"}},
        root=described.root,
    )
    assert given.mlops.default_experiment_name == "argument"


def test_passwords_in_addresses_are_not_shown() -> None:
    found = settings({"mlflow": {"tracking_uri": "http://ann:hunter2@host/"}})
    assert found.mlflow.tracking_uri == "http://ann:hunter2@host/"
    assert "hunter2" not in repr(found)
