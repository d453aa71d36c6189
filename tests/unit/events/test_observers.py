"""An operation with everything that looks on."""

from __future__ import annotations

import dataclasses
import gc
from typing import Any

import pytest

from tauro.events import (
    AuditLogger,
    Event,
    EventType,
    HookType,
    Observers,
    Operation,
    get_audit_logger,
    get_event_emitter,
    get_hooks_manager,
    get_metrics_collector,
    get_observers,
    set_observers,
)

REGISTER = Operation.MODEL_REGISTER


@pytest.fixture
def observers() -> Observers:
    return Observers()


def test_an_operation_tells_everybody_in_order(observers: Observers) -> None:
    steps: list[Any] = []
    observers.hooks.register(HookType.PRE_MODEL_REGISTER, lambda data: steps.append("pre"))
    observers.hooks.register(
        HookType.POST_MODEL_REGISTER,
        lambda data: steps.append(
            (
                "post",
                observers.metrics.get_counter("models_registered"),
                len(observers.audit.query()),
            )
        ),
    )
    observers.emitter.on("*", lambda event: steps.append((event.event_type, event.data)))

    def action(data: dict[str, Any]) -> int:
        steps.append(("action", data["name"]))
        return 3

    result = observers.perform(
        REGISTER, {"name": "m"}, action, lambda version: {"name": "m", "version": version}
    )
    assert result == 3
    assert steps == [
        "pre",
        ("action", "m"),
        ("post", 1, 1),
        (EventType.MODEL_REGISTERED, {"name": "m", "version": 3}),
    ]


def test_hooks_change_what_the_action_gets(observers: Observers) -> None:
    observers.hooks.register(HookType.PRE_MODEL_REGISTER, lambda data: {**data, "name": "n"})
    assert observers.perform(REGISTER, {"name": "m"}, lambda data: data["name"]) == "n"
    assert observers.emitter.get_history()[0].data == {"name": "n"}


def test_post_hooks_change_what_the_event_says(observers: Observers) -> None:
    observers.hooks.register(HookType.POST_MODEL_REGISTER, lambda data: {**data, "seen": True})
    observers.perform(REGISTER, {"name": "m"}, lambda data: None)
    assert observers.emitter.get_history()[0].data == {"name": "m", "seen": True}


def test_a_veto_stops_before_the_action_and_is_audited(observers: Observers) -> None:
    def veto(data: dict[str, Any]) -> None:
        raise PermissionError("frozen until Monday")

    def action(data: dict[str, Any]) -> None:
        pytest.fail("the action must not run")

    observers.hooks.register(HookType.PRE_MODEL_REGISTER, veto)
    with pytest.raises(PermissionError, match="frozen") as caught:
        observers.perform(REGISTER, {"name": "m"}, action)
    assert "veto" in caught.value.__notes__[0]
    assert observers.emitter.get_history() == []
    assert observers.metrics.get_counter("models_registered") == 0
    [record] = observers.audit.query()
    assert (record.outcome, record.subject) == ("refused", "m")
    assert "frozen until Monday" in record.error


def test_a_failed_action_is_audited_and_nothing_else_told(observers: Observers) -> None:
    def action(data: dict[str, Any]) -> None:
        raise OSError("disk full")

    observers.hooks.register(
        HookType.POST_MODEL_REGISTER, lambda data: pytest.fail("nothing was registered")
    )
    with pytest.raises(OSError, match="disk full"):
        observers.perform(REGISTER, {"name": "m"}, action)
    assert observers.emitter.get_history() == []
    assert observers.metrics.get_counter("models_registered") == 0
    assert [record.outcome for record in observers.audit.query()] == ["failure"]


def test_what_was_there_already_is_not_told(observers: Observers) -> None:
    result = observers.perform(
        Operation.EXPERIMENT_CREATE, {"name": "e"}, lambda data: "found", lambda found: None
    )
    assert result == "found"
    assert observers.emitter.get_history() == []
    assert observers.audit.query() == []
    assert observers.metrics.get_counter("experiments_created") == 0


@pytest.mark.parametrize(
    ("status", "event", "counter"),
    [
        ("COMPLETED", EventType.RUN_COMPLETED, "runs_completed"),
        ("FAILED", EventType.RUN_FAILED, "runs_failed"),
        ("CANCELLED", EventType.RUN_CANCELLED, "runs_cancelled"),
    ],
)
def test_the_end_of_a_run_is_told_by_its_status(
    observers: Observers, status: str, event: EventType, counter: str
) -> None:
    observers.perform(Operation.RUN_START, {"run_id": "r"}, lambda data: None)
    assert observers.metrics.get_counter("active_runs") == 1
    data = {"run_id": "r", "status": status}
    observers.perform(Operation.RUN_END, data, lambda data: None)
    assert observers.emitter.get_history()[-1].event_type is event
    assert observers.metrics.get_counter(counter) == 1
    assert observers.metrics.get_counter("active_runs") == 0


def test_a_pipeline_tells_start_and_failure(observers: Observers) -> None:
    def action(data: dict[str, Any]) -> None:
        raise RuntimeError("node broke")

    with pytest.raises(RuntimeError):
        observers.perform(Operation.PIPELINE_RUN, {"pipeline": "p"}, action)
    started, failed = observers.emitter.get_history()
    assert started.event_type is EventType.PIPELINE_STARTED
    assert failed.event_type is EventType.PIPELINE_FAILED
    assert failed.data == {"pipeline": "p", "error": "RuntimeError: node broke"}
    assert observers.metrics.get_counter("pipelines_failed") == 1


def test_points_and_parameters_are_not_audited(observers: Observers) -> None:
    observers.perform(Operation.METRIC_LOG, {"run_id": "r"}, lambda data: None)
    observers.perform(Operation.PARAM_LOG, {"run_id": "r"}, lambda data: None)
    assert observers.audit.query() == []


def test_a_watch_follows_hooks_and_listeners(observers: Observers) -> None:
    watch = observers.watch(Operation.METRIC_LOG)

    def active() -> bool:
        return watch.active

    def listener(event: Event) -> None: ...

    def hook(data: dict[str, Any]) -> None: ...

    assert not active()
    observers.emitter.on("*", listener)
    observers.hooks.register(HookType.PRE_PARAM_LOG, hook)
    assert not active()
    for hook_type in (HookType.PRE_METRIC_LOG, HookType.POST_METRIC_LOG):
        observers.hooks.register(hook_type, hook)
        assert active()
        observers.hooks.unregister(hook_type, hook)
        assert not active()
    observers.emitter.on(EventType.METRIC_LOGGED, listener)
    assert active()
    observers.emitter.off(EventType.METRIC_LOGGED, listener)
    assert not active()


def test_watches_are_not_kept_alive(observers: Observers) -> None:
    for _ in range(10):
        observers.watch(Operation.METRIC_LOG)
    gc.collect()
    assert len(observers.hooks.watched._watches) == 0


def test_the_process_has_one_bundle_that_can_be_replaced(observers: Observers) -> None:
    before = set_observers(observers)
    try:
        assert get_observers() is observers
        assert get_event_emitter() is observers.emitter
        assert get_hooks_manager() is observers.hooks
        assert get_metrics_collector() is observers.metrics
        assert get_audit_logger() is observers.audit
    finally:
        assert set_observers(before) is observers
    assert get_observers() is before


def test_a_context_may_differ_in_one_part(observers: Observers) -> None:
    other = dataclasses.replace(observers, audit=AuditLogger())
    other.perform(REGISTER, {"name": "m"}, lambda data: None)
    assert observers.audit.query() == []
    assert len(other.audit.query()) == 1
    assert len(observers.emitter.get_history()) == 1
