"""Whole columns: one call of hooks and listeners for all of them, none where nobody asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tauro.errors import TrackingValidationError
from tauro.events import Event, EventType, HookType, Observers
from tauro.tracking import ExperimentTracker


@pytest.fixture
def observers() -> Observers:
    return Observers()


@pytest.fixture
def tracker(tmp_path: Path, observers: Observers) -> ExperimentTracker:
    return ExperimentTracker(tmp_path / "store", observers=observers, capture_environment=False)


def test_a_hook_sees_and_replaces_the_columns(
    tracker: ExperimentTracker, observers: Observers
) -> None:
    seen: list[dict[str, Any]] = []

    def double(data: dict[str, Any]) -> dict[str, Any]:
        seen.append(data)
        return {**data, "columns": {f"{k}2": v * 2 for k, v in data["columns"].items()}}

    observers.hooks.register(HookType.PRE_METRIC_LOG_BATCH, double)
    with tracker.start_run() as run:
        run.log_metrics_batch({"a": [1.0, 2.0], "b": [3.0, 4.0]}, steps=[5, 6])
    assert [sorted(data["columns"]) for data in seen] == [["a", "b"]], "one call for all"
    assert seen[0]["run_id"] == run.run_id
    history = run.history("a2")
    assert history["value"].tolist() == [2.0, 4.0]
    assert history["step"].tolist() == [5, 6]
    assert len(run.history("a")) == 0


def test_a_hook_that_raises_stops_the_batch(
    tracker: ExperimentTracker, observers: Observers
) -> None:
    def refuse(data: dict[str, Any]) -> None:
        raise PermissionError("not today")

    observers.hooks.register(HookType.PRE_METRIC_LOG_BATCH, refuse)
    with tracker.start_run() as run, pytest.raises(PermissionError, match="not today"):
        run.log_metrics_batch({"a": [1.0]})
    assert len(run.history("a")) == 0


def test_what_a_hook_leaves_is_checked(tracker: ExperimentTracker, observers: Observers) -> None:
    observers.hooks.register(
        HookType.PRE_METRIC_LOG_BATCH, lambda data: {**data, "columns": {"a": [["x"]]}}
    )
    with tracker.start_run() as run, pytest.raises(TrackingValidationError, match="'a'"):
        run.log_metrics_batch({"a": [1.0]})


def test_a_listener_that_names_it_is_told_once_and_others_never(
    tracker: ExperimentTracker, observers: Observers
) -> None:
    """As of single points: neither listeners of everything nor the history get the arrays."""
    told: list[Event] = []
    everything: list[Event] = []
    points: list[Event] = []
    observers.emitter.on("*", everything.append)
    observers.emitter.on(EventType.METRIC_LOGGED, points.append)
    with tracker.start_run() as run:
        run.log_metrics_batch({"a": np.arange(3.0)})
        observers.emitter.on(EventType.METRIC_BATCH_LOGGED, told.append)
        run.log_metrics_batch({"a": np.arange(4.0)}, timestamps=[1, 2, 3, 4])
    assert [event.data["columns"]["a"].tolist() for event in told] == [[0.0, 1.0, 2.0, 3.0]]
    assert points == []
    assert EventType.METRIC_BATCH_LOGGED not in {event.event_type for event in everything}
    assert observers.emitter.get_history(EventType.METRIC_BATCH_LOGGED) == []
    assert len(run.history("a")) == 7
