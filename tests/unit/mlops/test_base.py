"""What components of one's own are built on."""

from __future__ import annotations

import threading
from typing import Any

import pandas as pd
import pytest

from tauro.errors import MLOpsError, TrackingValidationError, ValidationError
from tauro.events import Observers
from tauro.health import ComponentHealthCheck, HealthStatus
from tauro.mlops._base import BaseMLOpsComponent, ComponentState, ValidationMixin
from tauro.storage import MemoryStorageBackend, set_storage_provider
from tauro.testing._threads import at_once


class Cleaner(BaseMLOpsComponent):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: list[str] = []
        self.failing = ""

    def on_start(self) -> None:
        self._note("start")

    def on_stop(self) -> None:
        self._note("stop")

    def _note(self, verb: str) -> None:
        self.calls.append(verb)
        if self.failing == verb:
            raise ConnectionError(f"cannot {verb}")


def test_a_life() -> None:
    cleaner = Cleaner()
    assert cleaner.state is ComponentState.CREATED
    with cleaner as running:
        assert running is cleaner
        assert cleaner.state.value == "running"
        cleaner.require_running()
    assert cleaner.state.value == "stopped"
    cleaner.start()
    cleaner.stop()
    assert cleaner.calls == ["start", "stop", "start", "stop"]


def test_starting_and_stopping_twice_is_once() -> None:
    cleaner = Cleaner()
    cleaner.stop()
    cleaner.start().start()
    cleaner.stop()
    cleaner.stop()
    assert cleaner.calls == ["start", "stop"]


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_a_failure_is_raised_remembered_and_may_be_mended(verb: str) -> None:
    cleaner = Cleaner(name="nightly cleaner")
    cleaner.failing = verb
    if verb == "stop":
        cleaner.start()
    with pytest.raises(ConnectionError, match=f"cannot {verb}"):
        getattr(cleaner, verb)()
    assert cleaner.state is ComponentState.FAILED
    with pytest.raises(MLOpsError, match="nightly cleaner is failed") as caught:
        cleaner.require_running()
    assert isinstance(caught.value.__cause__, ConnectionError)
    cleaner.failing = ""
    cleaner.start().require_running()


def test_a_body_that_raises_stops_it() -> None:
    cleaner = Cleaner()
    with pytest.raises(RuntimeError), cleaner:
        raise RuntimeError
    assert cleaner.state is ComponentState.STOPPED


def test_what_does_not_run_says_what_to_do() -> None:
    with pytest.raises(MLOpsError, match="Cleaner is created, not running") as caught:
        Cleaner().require_running()
    assert "start()" in str(caught.value)


def test_it_answers_a_health_check() -> None:
    cleaner = Cleaner()
    check = ComponentHealthCheck("cleaner", cleaner)
    assert check.check().status is HealthStatus.UNKNOWN
    cleaner.start()
    assert check.check().status is HealthStatus.HEALTHY
    cleaner.failing = "stop"
    with pytest.raises(ConnectionError):
        cleaner.stop()
    found = check.check()
    assert found.status is HealthStatus.UNHEALTHY
    assert "cannot stop" in found.message


def test_its_parts_are_the_processs_or_its_own() -> None:
    backend, observers = MemoryStorageBackend(), Observers()
    own = Cleaner(storage=backend, observers=observers)
    assert (own.storage, own.observers) == (backend, observers)
    set_storage_provider(lambda: backend)
    try:
        assert Cleaner().storage is backend
    finally:
        set_storage_provider(None)


def test_threads_start_it_once() -> None:
    class Slow(Cleaner):
        def on_start(self) -> None:
            super().on_start()
            threading.Event().wait(0.02)  # time for the others to come in, were they let in

    cleaner = Slow()
    at_once([cleaner.start] * 8)
    assert cleaner.calls == ["start"]


class Checked(ValidationMixin):
    validation_error = TrackingValidationError


def test_the_mixin_returns_what_may_be_kept() -> None:
    checked = Checked()
    checked.require(name="m", frame=pd.DataFrame(), number=0, flag=False)
    assert checked.check_metrics({"loss": 1}) == {"loss": 1.0}
    assert checked.check_parameters({"layers": (1, 2)}) == {"layers": [1, 2]}
    assert checked.check_tags({"team": 3}) == {"team": "3"}


@pytest.mark.parametrize(
    ("verb", "argument"),
    [
        ("check_metrics", {"loss": "low"}),
        ("check_metrics", {"": 1.0}),
        ("check_metrics", [("loss", 1.0)]),
        ("check_parameters", {"p": object()}),
        ("check_parameters", ...),
        ("check_tags", {"t": None}),
        ("check_tags", None),
    ],
)
def test_the_mixin_raises_the_components_own_error(verb: str, argument: Any) -> None:
    with pytest.raises(TrackingValidationError):
        getattr(Checked(), verb)(argument)


def test_missing_arguments_are_named() -> None:
    with pytest.raises(ValidationError, match="name, version are needed"):
        ValidationMixin().require(name=..., version=None, stage="Production")
    with pytest.raises(ValidationError, match="name is needed"):
        ValidationMixin().require(name="")
