"""PRE hooks that change data: what they may is done and told, what they may not is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tauro.errors import (
    ExperimentNotFoundError,
    RunNotFoundError,
    TrackingValidationError,
    ValidationError,
)
from tauro.events import Event, HookType, Observers
from tauro.tracking import ExperimentTracker, Run

Verb = Callable[[ExperimentTracker, Run], Any]


@pytest.fixture
def observers() -> Observers:
    return Observers()


@pytest.fixture
def tracker(tmp_path: Path, observers: Observers) -> Iterator[ExperimentTracker]:
    with ExperimentTracker(tmp_path / "store", observers=observers) as tracker:
        yield tracker


@pytest.fixture
def run(tracker: ExperimentTracker) -> Run:
    return tracker.start_run(tracker.create_experiment("e"), "r")


def _setting(key: str, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a hook that gives back another mapping, and leaves the one it got alone."""
    return lambda data: {**data, key: value}


def _listen(observers: Observers, name: str) -> list[Event]:
    heard: list[Event] = []
    observers.emitter.on(name, heard.append)
    return heard


CHANGES: list[tuple[str, str, Any, Verb, str, Verb]] = [
    (
        "METRIC_LOG",
        "value",
        7.0,
        lambda tracker, run: tracker.log_metric(run, "m", 1.0),
        "metric.logged",
        lambda tracker, run: tracker.get_run(run).metrics["m"],
    ),
    (
        "PARAM_LOG",
        "parameters",
        {"depth": 3},
        lambda tracker, run: tracker.log_parameter(run, "p", 1),
        "param.logged",
        lambda tracker, run: tracker.get_run(run).parameters,
    ),
    (
        "TAG_SET",
        "tags",
        {"team": "b"},
        lambda tracker, run: tracker.set_tag(run, "team", "a"),
        "tag.set",
        lambda tracker, run: tracker.get_run(run).tags,
    ),
    (
        "RUN_UPDATE",
        "note",
        "other",
        lambda tracker, run: tracker.set_note("one", run_id=run),
        "run.updated",
        lambda tracker, run: tracker.get_run(run).note,
    ),
    (
        "RUN_END",
        "status",
        "FAILED",
        lambda tracker, run: tracker.end_run(run),
        "run.failed",
        lambda tracker, run: str(tracker.get_run(run).status),
    ),
    (
        "EXPERIMENT_UPDATE",
        "name",
        "hooked",
        lambda tracker, run: tracker.rename_experiment(run.experiment_id, "asked"),
        "experiment.updated",
        lambda tracker, run: tracker.get_experiment(run.experiment_id).name,
    ),
    (
        "EXPERIMENT_UPDATE",
        "tags",
        {"team": "b"},
        lambda tracker, run: tracker.set_experiment_tags(run.experiment_id, {"team": "a"}),
        "experiment.updated",
        lambda tracker, run: tracker.get_experiment(run.experiment_id).tags,
    ),
    (
        "EXPERIMENT_CREATE",
        "description",
        "by a hook",
        lambda tracker, run: tracker.create_experiment("new", "by a user"),
        "experiment.created",
        lambda tracker, run: tracker.get_experiment(tracker.create_experiment("new")).description,
    ),
    (
        "RUN_START",
        "parameters",
        {"seed": 1},
        lambda tracker, run: tracker.start_run(run.experiment_id, "n", {"seed": 2}),
        "run.started",
        lambda tracker, run: next(
            row["parameters"] for row in tracker.list_runs(run.experiment_id) if row["name"] == "n"
        ),
    ),
]


@pytest.mark.parametrize(
    ("operation", "key", "value", "verb", "event", "read"),
    CHANGES,
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_a_hook_put_in_place_is_done_and_told(
    tracker: ExperimentTracker,
    observers: Observers,
    run: Run,
    operation: str,
    key: str,
    value: Any,
    verb: Verb,
    event: str,
    read: Verb,
) -> None:
    """Listeners, POST hooks and the audit log hear of what was done, not of what was asked."""
    heard = _listen(observers, event)
    after: list[dict[str, Any]] = []
    observers.hooks.register(HookType[f"PRE_{operation}"], _setting(key, value))
    observers.hooks.register(HookType[f"POST_{operation}"], lambda data: after.append(dict(data)))
    verb(tracker, run)
    assert read(tracker, run) == value
    assert [each.data[key] for each in heard] == [value]
    assert [each[key] for each in after] == [value]
    recorded = [each.details for each in observers.audit.query() if key in each.details]
    if operation not in ("METRIC_LOG", "PARAM_LOG"):
        assert recorded[-1][key] == value


FIXED: list[tuple[str, str, Verb]] = [
    ("METRIC_LOG", "run_id", lambda tracker, run: tracker.log_metric(run, "m", 1.0)),
    ("PARAM_LOG", "run_id", lambda tracker, run: tracker.log_parameter(run, "p", 1)),
    ("TAG_SET", "experiment_id", lambda tracker, run: tracker.set_tag(run, "t", "a")),
    ("RUN_UPDATE", "run_id", lambda tracker, run: tracker.set_note("one", run_id=run)),
    ("RUN_END", "run_id", lambda tracker, run: tracker.end_run(run)),
    ("RUN_DELETE", "run_id", lambda tracker, run: tracker.delete_run(run)),
    (
        "ARTIFACT_LOG",
        "artifact",
        lambda tracker, run: tracker.log_text("text", "a.txt", run_id=run),
    ),
    (
        "EXPERIMENT_UPDATE",
        "experiment_id",
        lambda tracker, run: tracker.rename_experiment(run.experiment_id, "asked"),
    ),
    (
        "EXPERIMENT_DELETE",
        "experiment_id",
        lambda tracker, run: tracker.delete_experiment(run.experiment_id),
    ),
]


@pytest.mark.parametrize(("operation", "key", "verb"), FIXED, ids=lambda each: str(each)[:20])
@pytest.mark.parametrize("in_place", [False, True])
def test_what_it_is_done_to_cannot_be_changed(
    tracker: ExperimentTracker,
    observers: Observers,
    run: Run,
    operation: str,
    key: str,
    verb: Verb,
    in_place: bool,
) -> None:
    """Ignored, the hook's author would believe that it worked."""

    def in_its_place(data: dict[str, Any]) -> None:
        data[key] = "another"

    hook = in_its_place if in_place else _setting(key, "another")
    before = tracker.get_run(run).to_dict()
    observers.hooks.register(HookType[f"PRE_{operation}"], hook)
    with pytest.raises(ValidationError, match=rf"PRE_{operation} hook changed {key}"):
        verb(tracker, run)
    assert tracker.get_run(run).to_dict() == before
    refused = [each.action for each in observers.audit.query(outcome="refused")]
    assert len(refused) == (operation not in ("METRIC_LOG", "PARAM_LOG"))


@pytest.mark.parametrize(
    ("key", "error"),
    [("experiment_id", ExperimentNotFoundError), ("parent_run_id", RunNotFoundError)],
)
def test_a_run_cannot_be_started_where_nothing_is(
    tracker: ExperimentTracker, observers: Observers, run: Run, key: str, error: type[Exception]
) -> None:
    """It would be a run that no list of any experiment shows."""
    observers.hooks.register(HookType.PRE_RUN_START, _setting(key, "nowhere"))
    with pytest.raises(error, match="nowhere"):
        tracker.start_run(run.experiment_id, "lost")
    assert tracker.count_runs() == 1
    assert list(tracker.verify()) == []


def test_a_hook_may_start_a_run_elsewhere(
    tracker: ExperimentTracker, observers: Observers, run: Run
) -> None:
    other = tracker.create_experiment("other")
    observers.hooks.register(
        HookType.PRE_RUN_START,
        lambda data: {**data, "experiment_id": str(other), "parent_run_id": run.run_id},
    )
    started = tracker.start_run(run.experiment_id, "moved")
    assert (started.experiment_id, started.parent_run_id) == (str(other), run.run_id)


@pytest.mark.parametrize(
    ("operation", "key", "value", "verb"),
    [
        ("RUN_START", "tags", [1], lambda tracker, run: tracker.start_run(run.experiment_id)),
        ("RUN_END", "status", "DONE", lambda tracker, run: tracker.end_run(run)),
        ("METRIC_LOG", "step", 1.5, lambda tracker, run: tracker.log_metric(run, "m", 1.0)),
        ("PARAM_LOG", "parameters", {"": 1}, lambda tracker, run: tracker.log_param(run, "p", 1)),
    ],
)
def test_what_a_hook_puts_in_place_is_checked_like_what_a_user_gives(
    tracker: ExperimentTracker,
    observers: Observers,
    run: Run,
    operation: str,
    key: str,
    value: Any,
    verb: Verb,
) -> None:
    before = tracker.get_run(run).to_dict()
    observers.hooks.register(HookType[f"PRE_{operation}"], _setting(key, value))
    with pytest.raises(TrackingValidationError):
        verb(tracker, run)
    assert tracker.get_run(run).to_dict() == before
    assert tracker.count_runs() == 1


def test_a_point_of_the_active_run_is_told_with_its_run(
    tracker: ExperimentTracker, observers: Observers
) -> None:
    heard = _listen(observers, "metric.logged")
    with tracker.start_run(tracker.create_experiment("e"), "r") as run:
        tracker.log_metric(None, "m", 1.0)
        tracker.log_metrics({"n": 2.0})
    assert [event.data["run_id"] for event in heard] == [run.run_id] * 2
