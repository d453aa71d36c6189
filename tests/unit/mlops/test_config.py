"""What a configuration is made from, and that it stays what it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tauro.config import CacheSettings, Context, HealthSettings, MLOpsSettings
from tauro.errors import ConfigError
from tauro.mlops import MLOpsConfig, MLOpsContext
from tauro.storage import CachedStorage, LocalStorageBackend


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def test_a_relative_folder_is_the_one_meant_when_the_configuration_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later change of the working directory does not move the store."""
    given = MLOpsContext(storage_path="./x")
    default = MLOpsContext()
    by_path = MLOpsConfig(storage_path=Path("x"))  # type: ignore[arg-type]
    monkeypatch.setenv("TAURO_MLOPS_PATH", "from_env")
    from_environment = MLOpsContext()
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    for context, name in ((given, "x"), (default, "mlops_data"), (from_environment, "from_env")):
        assert context.config.storage_path == str(tmp_path / name)
        assert isinstance(context.storage, LocalStorageBackend)
        assert context.storage.root == tmp_path / name
    assert by_path.storage_path == str(tmp_path / "x")


@pytest.mark.parametrize("url", ["memory://", "file:///srv/store", "s3://bucket/store"])
def test_a_url_stays_as_it_is(url: str) -> None:
    """Only folders are made absolute."""
    assert MLOpsConfig(storage_path=url).storage_path == url


def test_home_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` is understood, as the store understands it."""
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    assert MLOpsConfig(storage_path="~/store").storage_path == str(tmp_path / "me" / "store")


@pytest.mark.skipif(os.name == "nt", reason="a working directory cannot be removed there")
def test_a_working_directory_that_is_gone_is_named_as_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a bare FileNotFoundError without a path."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigError, match=r"working directory is gone[\s\S]*TAURO_MLOPS_PATH"):
        MLOpsContext()
    assert MLOpsConfig(storage_path=str(tmp_path)).storage_path == str(tmp_path)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"storage_path": ""}, "folder or URL"),
        ({"storage_path": 5}, "folder or URL"),
        ({"storage_path": b"x"}, "folder or URL"),
        ({"metric_buffer_size": 0}, "1 or more"),
        ({"metric_buffer_size": -1}, "1 or more"),
        ({"metric_buffer_size": "1"}, "1 or more"),
        ({"cache_max_size": 0}, "1 or more"),
        ({"cache_max_size": "1"}, "1 or more"),
        ({"cache_max_size": True}, "1 or more"),
        ({"cache_default_ttl": 0}, "positive"),
        ({"cache_default_ttl": float("nan")}, "positive"),
        ({"cache_default_ttl": "1"}, "positive"),
        ({"health_memory_threshold": 0}, "fraction"),
        ({"health_memory_threshold": "0.5"}, "fraction"),
        ({"health_disk_threshold": 90}, "fraction"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_at_once(
    settings: dict[str, Any], expected: str
) -> None:
    """The message names the setting, what was got and what was expected."""
    [name] = settings
    with pytest.raises(ConfigError, match=rf"{name} is .*{expected}"):
        MLOpsContext(**settings)


def test_a_projects_cache_and_health_settings_arrive(tmp_path: Path) -> None:
    """Each key of the two blocks is a setting of the context; overrides are above them."""
    settings = MLOpsSettings(
        cache=CacheSettings(enabled=True, max_size=7, default_ttl=1.5),
        health=HealthSettings(enabled=True, memory_threshold=0.7, disk_threshold=0.8),
    )
    config = MLOpsContext.from_settings(settings, tmp_path).config
    assert (config.cache_enabled, config.cache_max_size, config.cache_default_ttl) == (True, 7, 1.5)
    assert config.health_enabled
    assert (config.health_memory_threshold, config.health_disk_threshold) == (0.7, 0.8)
    without = MLOpsContext.from_settings(settings, tmp_path, cache_enabled=False)
    assert without.config.cache_enabled is False
    plain = MLOpsContext.from_settings(MLOpsSettings(), tmp_path).config
    assert plain == MLOpsConfig(storage_path=plain.storage_path)


def test_a_context_of_a_project_follows_its_blocks(tmp_path: Path) -> None:
    """As the blocks are written in global settings."""
    blocks = {"cache": {"enabled": True, "max_size": 3}, "storage_path": "store"}
    project = Context(
        global_settings={"mlops": blocks}, pipelines_config={}, nodes_config={}, root=tmp_path
    )
    with MLOpsContext.from_context(project) as context:
        assert isinstance(context.storage, CachedStorage)
        assert context.config.cache_max_size == 3
        assert context.config.storage_path == str(tmp_path / "store")


@pytest.mark.parametrize("spelled", [{"mode": "databricks"}, {"backend_type": "databricks"}])
def test_a_databricks_project_is_read_and_not_connected(
    spelled: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mode or backend choose it, the environment is above both, and a token is never shown."""
    blocks = {**spelled, "catalog": "main", "schema": "ml", "cache": True, "health": True}
    project = Context(
        global_settings={"mlops": blocks}, pipelines_config={}, nodes_config={}, root=tmp_path
    )
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-secret")
    context = MLOpsContext.from_context(project)
    assert context.config.backend_type == "databricks"
    assert (context.config.databricks_catalog, context.config.databricks_schema) == ("main", "ml")
    assert "dapi-secret" not in repr(context)
    monkeypatch.setenv("TAURO_MLOPS_BACKEND", "local")
    assert MLOpsContext.from_context(project).config.backend_type == "local"
