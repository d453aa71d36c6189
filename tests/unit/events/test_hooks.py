"""Hooks before and after operations."""

from __future__ import annotations

import logging
import threading
from types import MappingProxyType
from typing import Any

import pytest

from tauro.errors import ValidationError
from tauro.events import HooksManager, HookType

PRE, POST = HookType.PRE_MODEL_REGISTER, HookType.POST_MODEL_REGISTER


@pytest.fixture
def hooks() -> HooksManager:
    return HooksManager()


def test_a_decorated_hook_runs_and_its_mapping_replaces_the_data(hooks: HooksManager) -> None:
    @hooks.register(PRE)
    def add_tag(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "tags": {"team": "ds"}}

    assert hooks.run(PRE, {"name": "m"}) == {"name": "m", "tags": {"team": "ds"}}
    assert add_tag({}) == {"tags": {"team": "ds"}}


def test_none_keeps_the_data_also_when_changed_in_place(hooks: HooksManager) -> None:
    def change(data: dict[str, Any]) -> None:
        data["name"] = "n"

    hooks.register("PRE_MODEL_REGISTER", change)
    assert hooks.run(PRE, {"name": "m"}) == {"name": "n"}


def test_a_hook_with_two_arguments_gets_its_type(hooks: HooksManager) -> None:
    seen = []
    hooks.register(PRE, lambda hook_type, data: seen.append((hook_type, data)))
    hooks.run(PRE, {"name": "m"})
    assert seen == [(PRE, {"name": "m"})]


def test_optional_arguments_are_left_alone(hooks: HooksManager) -> None:
    def hook(data: dict[str, Any], factor: int = 2, *more: Any, **others: Any) -> dict[str, Any]:
        return {**data, "n": data["n"] * factor}

    hooks.register(PRE, hook)
    assert hooks.run(PRE, {"n": 3}) == {"n": 6}


def test_methods_and_callable_objects_are_hooks(hooks: HooksManager) -> None:
    class Counter:
        calls = 0

        def __call__(self, data: dict[str, Any]) -> None:
            self.calls += 1

        def both(self, hook_type: HookType, data: dict[str, Any]) -> None:
            self.calls += 10

    counter = Counter()
    hooks.register(PRE, counter)
    hooks.register(PRE, counter.both)
    hooks.run(PRE, {})
    assert counter.calls == 11
    assert hooks.unregister(PRE, counter.both)


def test_hooks_run_by_falling_priority_then_in_order(hooks: HooksManager) -> None:
    order: list[str] = []
    for name, priority in [("a", 0), ("b", 5), ("c", 0), ("d", -1), ("e", 5)]:
        hooks.register(PRE, lambda data, name=name: order.append(name), priority=priority)
    hooks.run(PRE, {})
    assert order == ["b", "e", "a", "c", "d"]


def test_a_pre_hook_stops_with_its_own_exception_and_a_note(hooks: HooksManager) -> None:
    after: list[Any] = []

    @hooks.register(PRE)
    def too_bad(data: dict[str, Any]) -> None:
        raise ValueError("Model accuracy too low")

    hooks.register(PRE, after.append)
    with pytest.raises(ValueError, match="Model accuracy too low") as caught:
        hooks.run(PRE, {"name": "m"})
    assert type(caught.value) is ValueError
    assert "too_bad" in caught.value.__notes__[0]
    assert "PRE_MODEL_REGISTER" in caught.value.__notes__[0]
    assert after == []


def test_a_post_hook_that_raises_is_logged_and_the_rest_run(
    hooks: HooksManager, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(data: dict[str, Any]) -> None:
        raise ValueError("no network")

    hooks.register(POST, broken)
    hooks.register(POST, lambda data: {**data, "seen": True})
    with caplog.at_level(logging.ERROR, "tauro.events"):
        assert hooks.run(POST, {"name": "m"}) == {"name": "m", "seen": True}
    assert "broken" in caplog.text
    assert "no network" in caplog.text


def test_a_pre_hook_that_loses_keys_is_named(hooks: HooksManager) -> None:
    @hooks.register(PRE)
    def only_metrics(data: dict[str, Any]) -> dict[str, Any]:
        return {"metrics": data["metrics"]}

    with pytest.raises(ValidationError, match=r"only_metrics.*without name, stage"):
        hooks.run(PRE, {"metrics": {}, "stage": "None", "name": "m"})


def test_a_pre_hook_that_deletes_a_key_in_place_is_named(hooks: HooksManager) -> None:
    hooks.register(PRE, lambda data: data.clear())
    with pytest.raises(ValidationError, match="without name"):
        hooks.run(PRE, {"name": "m"})


def test_a_pre_hook_that_returns_no_mapping_is_named(hooks: HooksManager) -> None:
    hooks.register(PRE, lambda data: True)
    with pytest.raises(ValidationError, match="returned bool"):
        hooks.run(PRE, {"name": "m"})


def test_any_mapping_may_be_returned(hooks: HooksManager) -> None:
    hooks.register(PRE, lambda data: MappingProxyType({"name": "n"}))
    result = hooks.run(PRE, {"name": "m"})
    assert type(result) is dict
    assert result == {"name": "n"}


def test_registered_hooks_are_active_until_removed(hooks: HooksManager) -> None:
    def hook(data: dict[str, Any]) -> None: ...

    assert not hooks.active(PRE)
    hooks.register(PRE, hook)
    assert hooks.active("PRE_MODEL_REGISTER")
    assert not hooks.active(POST)
    assert hooks.unregister(PRE, hook)
    assert not hooks.active(PRE)
    assert not hooks.unregister(PRE, hook)


def test_what_cannot_be_a_hook_is_refused_at_once(hooks: HooksManager) -> None:
    async def later(data: dict[str, Any]) -> None: ...

    not_callable: Any = 3
    for wrong in (
        not_callable,
        later,
        lambda a, b, c: None,
        lambda data, *, needed: None,
    ):
        with pytest.raises(ValidationError, match="hook"):
            hooks.register(PRE, wrong)
    assert not hooks.active(PRE)


def test_threads_register_at_once_and_none_is_lost(hooks: HooksManager) -> None:
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(20):
            hooks.register(PRE, lambda data: {**data, "n": data["n"] + 1})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hooks.run(PRE, {"n": 0}) == {"n": 160}
