"""The suites of tracker and emitter: ours pass, and what misbehaves does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tauro.events import EventEmitter
from tauro.storage import MemoryStorageBackend
from tauro.testing import EventEmitterSuite, ExperimentTrackerSuite
from tauro.tracking import ExperimentTracker


class TestEmitter(EventEmitterSuite):
    def make_emitter(self) -> EventEmitter:
        return EventEmitter()


class TestLocalTracker(ExperimentTrackerSuite):
    def make_tracker(self, folder: Path) -> ExperimentTracker:
        return ExperimentTracker(folder)


class TestTrackerOfAMemory(ExperimentTrackerSuite):
    stores: ClassVar[dict[Path, MemoryStorageBackend]] = {}

    def make_tracker(self, folder: Path) -> ExperimentTracker:
        return ExperimentTracker(self.stores.setdefault(folder, MemoryStorageBackend()))


class _Forgetful(EventEmitter):
    def unsubscribe(self, event_type: str, callback: Callable[[Any], Any]) -> bool:
        return False


class _Fragile(EventEmitter):
    def emit(self, event_type: Any, data: Any = None, *, source: str = "") -> Any:
        event = super().emit("suite.unheard", data, source=source)
        for one in self._subscriptions.get(event_type, ()):
            one.callback(event)
        return event


@pytest.mark.parametrize(
    ("emitter", "test"),
    [
        (_Forgetful, "test_who_unsubscribed_is_told_nothing_more"),
        (_Forgetful, "test_a_listener_may_subscribe_and_unsubscribe_while_it_is_told"),
        (_Fragile, "test_a_listener_that_raises_disturbs_nobody"),
    ],
)
def test_the_suite_catches_an_emitter_that_misbehaves(
    emitter: type[EventEmitter], test: str
) -> None:
    with pytest.raises((AssertionError, ValueError)):
        getattr(TestEmitter(), test)(emitter())


class _LastOnly(ExperimentTracker):
    """Lists every run, whatever is asked for."""

    def search_runs(self, *_: Any, **__: Any) -> list[str]:
        return super().search_runs()


class _Careless(ExperimentTracker):
    """Takes parameters of an ended run for new ones of nobody."""

    def log_parameter(self, run_id: Any, key: str, value: Any) -> None:
        if self.get_run(run_id).status == "RUNNING":
            super().log_parameter(run_id, key, value)


@pytest.mark.parametrize(
    ("tracker", "test"),
    [
        (_LastOnly, "test_runs_are_listed_and_searched"),
        (_Careless, "test_an_ended_run_takes_no_parameter"),
    ],
)
def test_the_suite_catches_a_tracker_that_misbehaves(
    tracker: type[ExperimentTracker], test: str, tmp_path: Path
) -> None:
    with tracker(tmp_path) as made, pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(TestLocalTracker(), test)(made)
