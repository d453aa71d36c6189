"""Which store a command works on: ``--store``, environment, the project here, ``./mlops_data``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tauro.cli import _stores
from tauro.config import _descriptor
from tauro.mlops import MLOpsContext
from tauro.tracking import ExperimentTracker

from .conftest import Tauro

BASE: dict[str, Any] = {"mlops": {"storage_path": "of_project"}}
DEV: dict[str, Any] = {"mlops": {"storage_path": "of_dev"}}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without what the user's shell says."""
    for name in ("TAURO_ENV", "TAURO_MLOPS_PATH", "TAURO_MLOPS_BACKEND"):
        monkeypatch.delenv(name, raising=False)


def write_project(folder: Path, base: dict[str, Any] = BASE, descriptor: str = "") -> None:
    """Write a project with an environment dev."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, settings in (("base", base), ("dev", DEV)):
        (folder / f"{name}.json").write_text(json.dumps(settings))
    env = {name: {"global_settings_path": f"{name}.json"} for name in ("base", "dev")}
    path = folder / (descriptor or "settings_json.json")
    path.write_text(json.dumps({"env_config": env}))


def make_store(path: Path) -> None:
    """Make a store with a run of the folder's name."""
    with ExperimentTracker(path) as tracker:
        tracker.start_run(name=path.name).end()


def names(tauro: Tauro, *options: object) -> list[str]:
    """Return the names of the runs that a command finds."""
    return [run["name"] for run in tauro("runs", "list", "--json", *options).json]


@pytest.fixture
def stores(here: Path) -> Path:
    """A project, and a store at each place that a command may choose."""
    write_project(here)
    for name in ("of_project", "of_dev", "of_variable", "of_option", "mlops_data"):
        make_store(here / name)
    return here


def test_option_over_environment_over_project_over_default(
    tauro: Tauro, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is taken away, and the next one holds."""
    monkeypatch.setenv("TAURO_MLOPS_PATH", "of_variable")
    assert names(tauro, "--store", "of_option") == ["of_option"]
    assert names(tauro) == ["of_variable"]
    monkeypatch.delenv("TAURO_MLOPS_PATH")
    assert names(tauro) == ["of_project"]
    (stores / "settings_json.json").unlink()
    assert names(tauro) == ["mlops_data"]


def test_the_environment_of_the_project_is_the_variables(
    tauro: Tauro, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``TAURO_ENV``, else base; an unknown one is an error that names those there are."""
    monkeypatch.setenv("TAURO_ENV", "dev")
    assert names(tauro) == ["of_dev"]
    monkeypatch.setenv("TAURO_ENV", "")
    assert names(tauro) == ["of_project"]
    monkeypatch.setenv("TAURO_ENV", "dve")
    wrong = tauro("runs", "list")
    assert wrong.code == 2
    assert "dev" in wrong.err
    assert names(tauro, "--store", "of_option") == ["of_option"]


@pytest.mark.parametrize("name", _descriptor.DESCRIPTORS)
def test_every_name_of_a_descriptor_is_one_here(tauro: Tauro, here: Path, name: str) -> None:
    """Those that ``tauro run`` finds, and no others."""
    assert _stores.DESCRIPTORS == _descriptor.DESCRIPTORS
    write_project(here, descriptor=name)
    make_store(here / "of_project")
    assert names(tauro) == ["of_project"]


def test_a_file_of_another_program_is_no_project(tauro: Tauro, here: Path) -> None:
    """``settings.json`` is the name of many things."""
    (here / "settings.json").write_text('{"editor.tabSize": 4}')
    make_store(here / "mlops_data")
    assert names(tauro) == ["mlops_data"]


def test_a_project_above_is_not_used_and_is_named(tauro: Tauro, here: Path) -> None:
    """As ``tauro run``: the working directory only. Who stands in a subfolder is told."""
    write_project(here)
    make_store(here / "of_project")
    (here / "notebooks" / "deep").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here / "notebooks" / "deep")
        called = tauro("runs", "list", "--json")
        assert called.json == []
        assert f"{here} is" in called.err
        assert "--store" in called.err
        assert called.err.count("no project") == 1
        make_store(here / "notebooks" / "deep" / "mlops_data")
        called = tauro("runs", "list", "--json")
        assert ([run["name"] for run in called.json], called.err) == (["mlops_data"], "")
        assert tauro("runs", "list", "--store", here / "of_project").err == ""


def test_help_says_which_store(tauro: Tauro) -> None:
    """The order, and that the project is this folder's."""
    said = " ".join(tauro("runs", "list", "--help").out.split())
    for part in ("TAURO_MLOPS_PATH", "the project in this folder", "TAURO_ENV", "./mlops_data"):
        assert part in said


def test_the_variable_moves_the_store_and_keeps_the_projects_settings(
    tauro: Tauro, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many versions are kept does not depend on where they are."""
    rules = {"registry": {"max_versions_per_model": 2}, "backend_type": "local"}
    write_project(here, {"mlops": {**BASE["mlops"], **rules}})
    monkeypatch.setenv("TAURO_MLOPS_PATH", str(here / "of_variable"))
    (here / "model.txt").write_text("x")
    for number in range(4):
        (here / "model.txt").write_text(str(number))
        assert tauro("models", "register", "m", here / "model.txt").code == 0
    found = MLOpsContext(storage_path=here / "of_variable").model_registry.list_model_versions("m")
    assert len(found) == 2
    assert not (here / "of_project").exists()


def test_commands_read_what_is_there_also_where_the_project_caches(
    tauro: Tauro, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is told of a revoked key must not go on with what it remembers."""
    write_project(here, {"mlops": {**BASE["mlops"], "cache": True}})
    made: list[MLOpsContext] = []
    plain = MLOpsContext.from_context.__func__  # type: ignore[attr-defined]

    def kept(cls: type[MLOpsContext], *args: Any, **options: Any) -> MLOpsContext:
        made.append(plain(cls, *args, **options))
        return made[-1]

    monkeypatch.setattr(MLOpsContext, "from_context", classmethod(kept))
    assert tauro("runs", "list").code == 0
    assert [context.config.cache_enabled for context in made] == [False]
    assert made[0].config.storage_path == str(here / "of_project")


def test_health_warns_from_the_projects_thresholds(tauro: Tauro, here: Path) -> None:
    """As its settings have them, and from 0.9 where there are none."""

    def thresholds() -> dict[str, float]:
        checks = tauro("health", "--json").json["checks"]
        found = {each["name"]: each["details"].get("warning_threshold") for each in checks}
        return {name: found[name] for name in ("disk", "memory")}

    assert thresholds() == {"disk": 0.9, "memory": 0.9}
    health = {"enabled": True, "memory_threshold": 0.7, "disk_threshold": 0.6}
    write_project(here, {"mlops": {**BASE["mlops"], "health": health}})
    assert thresholds() == {"disk": 0.6, "memory": 0.7}
