"""Versions that hang while they are loaded or tried: reported, left alone, and replaced."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from tests.integration.serving.servers import NAME, register_odd

from tauro.registry import ModelRegistry, ModelVersion
from tauro.serving import Limits, ModelChoice, ModelHolder
from tauro.serving._routes import state_of

QUICK = Limits(first_deadline=0.2)


def holder_of(registry: ModelRegistry, limits: Limits) -> ModelHolder:
    return ModelHolder(
        registry, ModelChoice(NAME), allow_pickle=True, compiled="never", limits=limits
    )


def promote(registry: ModelRegistry, number: int, gate: Path | None = None) -> None:
    registry.promote_model(NAME, register_odd(registry, number, gate), "Production")


def test_a_version_that_hangs_at_its_example_never_serves(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    """It is told as the reason, tried once only while it hangs, and the next version is served."""
    promote(registry, 1)
    # The first version has the time that a busy machine needs.
    first = holder_of(registry, Limits())
    assert first.refresh()
    gate = tmp_path / "gate"
    promote(registry, 2, gate)
    gate.touch()
    holder = holder_of(registry, QUICK)
    holder._served = first._served
    assert not holder.refresh()
    state = state_of(holder)
    assert (state["status"], state["version"], state["loading"]) == ("degraded", 1, None)
    assert state["refused"]["version"] == 2
    assert "did not answer its own input example within 0.2 s" in state["refused"]["reason"]
    hanging = [thread for thread in threading.enumerate() if thread.name == "tauro-load"]
    for force in (False, True):
        assert not holder.refresh(force=force)
    assert hanging == [t for t in threading.enumerate() if t.name == "tauro-load"]
    promote(registry, 3)
    holder.limits = Limits()
    assert holder.refresh()
    assert holder.served.version.version == 3


def test_what_is_loading_is_told_meanwhile(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(registry, 1)
    holder = holder_of(registry, Limits())
    entered, go_on = threading.Event(), threading.Event()
    load = ModelVersion.load

    def slow(version: ModelVersion, **options: Any) -> Any:
        entered.set()
        assert go_on.wait(240)
        return load(version, **options)

    monkeypatch.setattr(ModelVersion, "load", slow)
    first = holder.follow(3600)
    assert entered.wait(240)
    assert state_of(holder)["loading"] == 1
    go_on.set()
    assert first.wait(240)
    assert state_of(holder)["loading"] is None
    assert holder.served.version.version == 1
    holder.close()


def test_a_version_that_ends_the_process_when_loaded_is_refused(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(registry, 1)

    def leave(*_: Any, **__: Any) -> Any:
        raise SystemExit(3)

    monkeypatch.setattr(ModelVersion, "load", leave)
    holder = holder_of(registry, Limits())
    assert not holder.refresh()
    assert holder.refusal is not None
    assert "cannot be loaded: SystemExit: 3" in holder.refusal.reason


def test_a_follower_goes_on_whatever_the_registry_raises(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(registry, 1)
    holder = holder_of(registry, Limits())
    turns = iter([RuntimeError("odd"), None])
    refresh, done = holder.refresh, threading.Event()

    def sometimes() -> bool:
        error = next(turns, None)
        if error is not None:
            raise error
        found = refresh()
        done.set()
        return found

    monkeypatch.setattr(holder, "refresh", sometimes)
    first = holder.follow(0.001)
    assert first.wait(240)
    assert done.wait(240)
    assert holder.served.version.version == 1
    holder.close()
