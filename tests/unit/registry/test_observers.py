"""Hooks, events, counters and the audit log around the registry's verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tauro._internal._active import run_closed, run_opened
from tauro.errors import ValidationError
from tauro.events import Event, HookType, Observers, acting_as
from tauro.registry import ModelRegistry
from tauro.storage import MemoryStorageBackend


class QualityError(Exception):
    """A user's own refusal."""


@pytest.fixture
def observers() -> Observers:
    return Observers()


@pytest.fixture
def registry(observers: Observers) -> ModelRegistry:
    return ModelRegistry(MemoryStorageBackend(), observers=observers)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    (tmp_path / "model.bin").write_bytes(b"x")
    return tmp_path / "model.bin"


@pytest.fixture
def events(observers: Observers) -> list[Event]:
    seen: list[Event] = []
    observers.emitter.subscribe("*", seen.append)
    return seen


def test_a_registration_is_told_with_its_name_and_version(
    registry: ModelRegistry, events: list[Event], observers: Observers, artifact: Path
) -> None:
    registry.register_model("fraud", artifact, metrics={"auc": 0.9})
    (event,) = events
    assert event.event_type == "model.registered"
    assert (event.data["name"], event.data["version"]) == ("fraud", 1)
    assert event.data["metrics"] == {"auc": 0.9}
    assert event.data["tags"] == {}
    assert observers.metrics.get_counter("models_registered") == 1


def test_a_hook_sees_mappings_also_where_nothing_was_given(
    registry: ModelRegistry, observers: Observers, artifact: Path
) -> None:
    seen: dict[str, Any] = {}
    observers.hooks.register(HookType.PRE_MODEL_REGISTER, seen.update)
    registry.register_model(name="fraud", artifact_path=artifact)
    for key in ("metrics", "tags", "hyperparameters", "input_schema", "output_schema"):
        assert seen[key] == {}


def test_a_hook_may_change_what_is_registered_but_not_what_the_caller_holds(
    registry: ModelRegistry, observers: Observers, artifact: Path
) -> None:
    @observers.hooks.register(HookType.PRE_MODEL_REGISTER)
    def stamp(data: dict[str, Any]) -> dict[str, Any]:
        data["tags"]["checked"] = "yes"
        return {**data, "description": "stamped"}

    tags = {"team": "ds"}
    version = registry.register_model("fraud", artifact, tags=tags)
    assert version.tags == {"team": "ds", "checked": "yes"}
    assert version.description == "stamped"
    assert tags == {"team": "ds"}


@pytest.mark.parametrize(
    ("hook", "act"),
    [
        (HookType.PRE_MODEL_PROMOTE, lambda r: r.promote_model("fraud", 2, "Staging")),
        (HookType.PRE_MODEL_ROLLBACK, lambda r: r.rollback_model("fraud", to_version=2)),
        (HookType.PRE_ALIAS_SET, lambda r: r.set_alias("fraud", "b", 2)),
        (HookType.PRE_ALIAS_DELETE, lambda r: r.delete_alias("fraud", "a")),
        (HookType.PRE_MODEL_VERSION_DELETE, lambda r: r.delete_model_version("fraud", 2)),
    ],
)
def test_history_and_event_say_what_a_hook_made_of_a_change(
    registry: ModelRegistry, observers: Observers, artifact: Path, hook: HookType, act: Any
) -> None:
    for _ in range(2):
        registry.register_model("fraud", artifact)
    registry.promote_model("fraud", 1, "Production")
    registry.set_alias("fraud", "a", 1)
    seen: list[Event] = []
    observers.emitter.subscribe("*", seen.append)
    observers.hooks.register(hook, lambda data: {**data, "reason": "CHG-7"})
    act(registry)
    assert registry.history("fraud")[-1]["why"] == "CHG-7"
    assert [event.data["reason"] for event in seen] == ["CHG-7"]


def test_the_event_of_a_promotion_names_the_stage_that_a_hook_chose(
    registry: ModelRegistry, observers: Observers, events: list[Event], artifact: Path
) -> None:
    registry.register_model("fraud", artifact)
    observers.hooks.register(HookType.PRE_MODEL_PROMOTE, lambda data: {**data, "stage": "Staging"})
    assert registry.promote_model("fraud", 1, "Production").stage == "Staging"
    assert events[-1].data["stage"] == "Staging"


def test_a_hook_that_adds_an_unknown_field_is_told_so(
    registry: ModelRegistry, observers: Observers, artifact: Path
) -> None:
    observers.hooks.register(HookType.PRE_MODEL_REGISTER, lambda data: {**data, "metricz": {}})
    with pytest.raises(ValidationError, match="Did you mean 'metrics'"):
        registry.register_model("fraud", artifact)


def test_a_hook_that_raises_stops_everything_with_its_own_exception(
    registry: ModelRegistry, observers: Observers, events: list[Event], artifact: Path
) -> None:
    @observers.hooks.register(HookType.PRE_MODEL_REGISTER)
    def gate(data: dict[str, Any]) -> None:
        if data["metrics"].get("auc", 0) < 0.8:
            raise QualityError

    with pytest.raises(QualityError):
        registry.register_model("fraud", artifact, metrics={"auc": 0.5})
    assert registry.list_models() == []
    assert registry.storage.list_paths() == []
    assert events == []
    assert registry.register_model("fraud", artifact, metrics={"auc": 0.9}).version == 1


@pytest.mark.parametrize(
    ("hook", "act"),
    [
        (HookType.PRE_MODEL_PROMOTE, lambda r: r.promote_model("fraud", 1, "Production")),
        (HookType.PRE_ALIAS_SET, lambda r: r.set_alias("fraud", "champion", 1)),
        (HookType.PRE_MODEL_UPDATE, lambda r: r.set_tags("fraud", {"a": "b"}, 1)),
        (HookType.PRE_MODEL_VERSION_DELETE, lambda r: r.delete_model_version("fraud", 1)),
        (HookType.PRE_MODEL_DELETE, lambda r: r.delete_model("fraud")),
        (HookType.PRE_MODEL_UPDATE, lambda r: r.rename_model("fraud", "risk")),
    ],
)
def test_every_change_can_be_stopped(
    registry: ModelRegistry, observers: Observers, artifact: Path, hook: HookType, act: Any
) -> None:
    registry.register_model("fraud", artifact)
    before = registry.storage.list_paths()

    @observers.hooks.register(hook)
    def refuse(data: dict[str, Any]) -> None:
        raise QualityError

    with pytest.raises(QualityError):
        act(registry)
    assert registry.storage.list_paths() == before
    assert registry.list_models()[0]["stage"] == "None"


def test_every_change_is_told_once_and_not_when_nothing_changed(
    registry: ModelRegistry, events: list[Event], artifact: Path
) -> None:
    for _ in range(2):
        registry.register_model("fraud", artifact)
    for _ in range(2):
        registry.promote_model("fraud", 1, "Production", reason="first")
        registry.set_alias("fraud", "champion", 1)
        registry.set_tags("fraud", {"a": "b"}, 2)
        registry.update_description("fraud", "all of them")
    registry.delete_model_version("fraud", 2)
    registry.restore_model_version("fraud", 2)
    registry.promote_model("fraud", 2, "Production")
    registry.rollback_model("fraud", reason="slow")
    registry.delete_alias("fraud", "champion")
    registry.rename_model("fraud", "risk")
    registry.delete_model("risk", force=True)
    registry.restore_model("risk")
    assert [str(event.event_type) for event in events] == [
        "model.registered",
        "model.registered",
        "model.promoted",
        "alias.set",
        "model.updated",
        "model.updated",
        "model_version.deleted",
        "model_version.restored",
        "model.promoted",
        "model.rolled_back",
        "alias.deleted",
        "model.updated",
        "model.deleted",
        "model.restored",
    ]
    assert events[2].data["stage"] == "Production"
    assert events[9].data["version"] == 1
    assert events[9].data["reason"] == "slow"


def test_idempotent_registration_is_told_once(
    registry: ModelRegistry, events: list[Event], observers: Observers, artifact: Path
) -> None:
    for _ in range(3):
        registry.register_model("fraud", artifact, idempotent=True)
    assert len(events) == 1
    assert observers.metrics.get_counter("models_registered") == 1


def test_history_and_audit_name_who_acts(
    registry: ModelRegistry, observers: Observers, artifact: Path
) -> None:
    with acting_as("ada"):
        registry.register_model("fraud", artifact)
        registry.promote_model("fraud", 1, "Production")
    assert [entry["by"] for entry in registry.history("fraud")] == ["ada", "ada"]
    assert registry.get_model_version("fraud").created_by == "ada"
    found = observers.audit.query(action="model.*")
    assert [(record.action, record.actor) for record in found] == [
        ("model.register", "ada"),
        ("model.promote", "ada"),
    ]


def test_the_active_run_is_the_one_that_made_it(registry: ModelRegistry, artifact: Path) -> None:
    run_opened("run-7")
    try:
        assert registry.register_model("fraud", artifact).run_id == "run-7"
        given = registry.register_model("fraud", artifact, experiment_run_id="run-8")
    finally:
        run_closed("run-7")
    assert given.run_id == "run-8"
    assert registry.register_model("fraud", artifact).run_id is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a", "model_name": "b", "model": len}, "mean the same and differ"),
        ({"name": "a"}, "exactly one of artifact_path and model, got neither"),
        ({"name": "a", "artifact_path": "x", "model": len}, "got both"),
        ({"model": len}, "model's name"),
        ({"name": "a", "artifact_path": "x", "metrics": {"auc": "high"}}, "auc"),
        ({"name": "a", "artifact_path": "x", "metrics": {"ok": True}}, "ok"),
        ({"name": "a", "artifact_path": "x", "metrics": [1]}, "metrics is a list"),
        ({"name": "a", "artifact_path": "x", "tags": {"a": object()}}, "'a'"),
        ({"name": "a", "artifact_path": "x", "hyperparameters": {"f": object()}}, "'f'"),
        ({"name": "a", "artifact_path": "x", "input_schema": {"age": "intger"}}, "'integer'"),
        ({"name": "a", "artifact_path": "x", "framework": 3}, "framework is 3"),
        ({"name": "a", "artifact_path": "x", "dependencies": [3]}, "A dependency is 3"),
        ({"name": "a", "artifact_path": "x", "parents": ["b"]}, "A parent is 'b'"),
    ],
)
def test_wrong_arguments_are_named(
    registry: ModelRegistry, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        registry.register_model(**arguments)
    assert registry.storage.list_paths() == []
