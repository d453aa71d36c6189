"""What is of the wrong kind is refused, and bars nobody from the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tauro.errors import ConfigError, ValidationError
from tauro.events import HookType, Observers, acting_as
from tauro.mlops import MLOpsConfig
from tauro.registry import ModelRegistry


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    (tmp_path / "weights").write_bytes(b"1")
    registry = ModelRegistry(tmp_path / "store", observers=Observers())
    for _ in range(2):
        registry.register_model("m", tmp_path / "weights")
    return registry


VERBS: dict[str, Callable[[ModelRegistry, Any], Any]] = {
    "promote": lambda registry, why: registry.promote_model("m", 1, "Staging", reason=why),
    "alias": lambda registry, why: registry.set_alias("m", "a", 1, reason=why),
    "delete version": lambda registry, why: registry.delete_model_version("m", 1, reason=why),
    "delete": lambda registry, why: registry.delete_model("m", reason=why),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "reason", [5, 0.5, ["late"], {"a": 1}, object(), "\ud800"], ids=lambda each: type(each).__name__
)
def test_a_reason_that_is_no_text(registry: ModelRegistry, verb: str, reason: Any) -> None:
    """Written once, it would make the model unreadable to everybody."""
    with pytest.raises(ValidationError, match=r"Nothing was written|UTF-8"):
        VERBS[verb](registry, reason)
    for each in (registry, ModelRegistry(registry.storage, observers=Observers())):
        assert [row["version"] for row in each.list_model_versions("m")] == [1, 2]
        assert each.history("m") == registry.history("m")
        assert each.verify() == []
    VERBS[verb](registry, "because")


def test_a_hook_that_makes_it_so(registry: ModelRegistry) -> None:
    registry._core.observers.hooks.register(
        HookType.PRE_MODEL_PROMOTE, lambda data: {**data, "reason": 5}
    )
    with pytest.raises(ValidationError, match="Nothing was written"):
        registry.promote_model("m", 1, "Production")
    assert registry.get_model_version("m", 1).stage == "None"


@pytest.mark.parametrize("name", [5, None, b"ada"])
def test_who_acts_is_a_text(name: Any) -> None:
    with pytest.raises(ValidationError, match="text"), acting_as(name):
        pass


@pytest.mark.parametrize("limit", [0, -1, "3", True, float("nan")], ids=repr)
@pytest.mark.parametrize("what", ["max_versions_per_model", "model_retention_days"])
def test_a_limit_that_would_delete_everything_is_refused(
    tmp_path: Path, what: str, limit: Any
) -> None:
    """Of a negative age every version is older."""
    with pytest.raises(ValidationError, match=what):
        ModelRegistry(tmp_path / "store", **{what: limit})
    with pytest.raises(ConfigError, match=what):
        MLOpsConfig(**{what: limit})


@pytest.mark.parametrize("age", [-1, "3", True, float("nan"), 1e300, None], ids=repr)
@pytest.mark.parametrize("what", ["older_than_days", "unfinished_older_than_days"])
def test_an_age_that_is_no_number_of_days_removes_nothing(
    registry: ModelRegistry, what: str, age: Any
) -> None:
    registry.delete_model_version("m", 1)
    with pytest.raises(ValidationError, match=f"{what} is .*; a number of days from 0"):
        registry.gc(**{what: age})
    assert registry.gc(older_than_days=0)["versions"] == [{"name": "m", "version": 1}]
