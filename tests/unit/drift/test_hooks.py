"""Drift tells: events, alerts, a pipeline node; and others join in by name."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

from tauro import drift
from tauro.drift import (
    DriftDetector,
    DriftWarning,
    NumericSample,
    ProfileStore,
    ReferenceProfile,
    TestOutcome,
    create_drift_detector,
    drift_gate,
    register_test,
)
from tauro.drift import _detector as detector_module
from tauro.drift import _registry as test_registry
from tauro.errors import DriftFoundError, DriftInputError, DriftOptionError
from tauro.events import Event, EventType, Observers, set_observers
from tauro.storage import MemoryStorageBackend

SAME = {"x": np.arange(200.0)}
MOVED = {"x": np.arange(200.0) + 150}


@pytest.fixture
def told() -> Iterator[list[Event]]:
    events: list[Event] = []
    observers = Observers()
    observers.emitter.subscribe(EventType.DRIFT_DETECTED, events.append)
    before = set_observers(observers)
    yield events
    set_observers(before)


def test_each_kind_of_drift_is_an_event(told: list[Event]) -> None:
    detector = DriftDetector("t1")
    detector.detect_data_drift(SAME, MOVED)
    detector.detect_model_drift({"f1": 1.0}, {"f1": 0.5})
    detector.detect_concept_drift([0] * 500 + [1] * 500)
    assert [event.data["kind"] for event in told] == ["data", "model", "concept"]
    assert told[0].data["features"] == ["x"]
    assert told[0].data["tenant_id"] == "t1"
    assert told[1].data["metrics"] == ["f1"]
    assert told[2].data["drift_points"][0] >= 500
    assert "Drift in 1 of 1 feature: x." in told[0].data["summary"]


def test_no_drift_is_no_event(told: list[Event]) -> None:
    called: list[Any] = []
    detector = DriftDetector(on_drift=called.append)
    detector.detect_data_drift(SAME, SAME)
    detector.detect_model_drift({"f1": 1.0}, {"f1": 1.0})
    assert told == called == []


def test_alerts_get_the_report_and_may_raise(told: list[Event]) -> None:
    called: list[Any] = []

    def stop(report: Any) -> None:
        called.append(report)
        raise RuntimeError("page somebody")

    with pytest.raises(RuntimeError, match="page somebody"):
        DriftDetector(on_drift=[stop]).detect_data_drift(SAME, MOVED)
    assert called[0].drifted_features == ("x",)
    assert len(told) == 1


def test_a_node_passes_data_on_or_stops_them() -> None:
    assert drift_gate(SAME, SAME) is SAME
    with pytest.raises(DriftFoundError) as caught:
        drift_gate(SAME, MOVED)
    assert "values are higher" in str(caught.value)
    assert caught.value.context.details == {"features": ["x"]}
    with pytest.warns(DriftWarning, match="Drift in 1 of 1"):
        assert drift_gate(SAME, MOVED, on_drift="warn") is MOVED
    assert drift_gate(SAME, MOVED, on_drift="pass") is MOVED
    assert drift_gate(SAME, MOVED, min_effect=0.9) is MOVED
    with pytest.raises(DriftOptionError, match="on_drift is 'stop'"):
        drift_gate(SAME, SAME, on_drift="stop")  # type: ignore[arg-type]


def median_test(old: NumericSample, new: NumericSample, rng: np.random.Generator) -> TestOutcome:
    """Stand in for a test of the user's own."""
    del rng
    shift = float(np.median(new.values) - np.median(old.values))
    return TestOutcome(shift, 0.0 if shift else 1.0, abs(shift), "own")


def test_own_tests_are_used_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_registry, "_added", {"numeric": {}, "categorical": {}})
    register_test("median", median_test, kind="numeric")
    report = DriftDetector(numeric_test="median").detect_data_drift(SAME, MOVED)
    assert report.features["x"].checks[0].test == "median"
    assert report.features["x"].effect == 150
    assert "median 150" in report.features["x"].verdict.lower()
    gated = DriftDetector(numeric_test="median", min_effect=200).detect_data_drift(SAME, MOVED)
    assert not gated.drift_detected
    with pytest.raises(DriftOptionError, match="Tauro's own"):
        register_test("ks", median_test, kind="numeric")


def test_packages_offer_tests_and_detectors_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = [
        EntryPoint("median", f"{__name__}:median_test", test_registry.ENTRY_POINTS["numeric"]),
        EntryPoint("strict", f"{__name__}:Strict", detector_module.DETECTORS),
    ]

    def points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [p for p in offered if p.group == group and name in {None, p.name}]

    # The module of a test is not importable by name under importlib mode; hand it over.
    monkeypatch.setattr(EntryPoint, "load", lambda point: globals()[point.attr])
    monkeypatch.setattr(test_registry, "entry_points", points)
    monkeypatch.setattr(detector_module, "entry_points", points)
    made = create_drift_detector("t", detector="strict", numeric_test="median")
    assert isinstance(made, Strict)
    assert made.detect_data_drift(SAME, MOVED).features["x"].checks[0].test == "median"
    with pytest.raises(DriftOptionError, match="Did you mean 'strict'"):
        create_drift_detector(detector="strct")


class Strict(DriftDetector):
    """Stands in for a package's detector."""


def test_profiles_are_kept_with_model_versions() -> None:
    storage = MemoryStorageBackend()
    store = ProfileStore(storage)
    profile = ReferenceProfile.from_data(SAME)
    assert store.find("a/b model", 1) is None
    storage.write_json({}, "monitoring/drift_profiles/a%2Fb%20model/v².json")
    store.save("a/b model", 2, profile)
    store.save("a/b model", 10, profile)
    assert store.get("a/b model", 2).to_dict() == profile.to_dict()
    assert store.versions("a/b model") == [2, 10]
    assert store.versions("other") == []
    with pytest.raises(DriftInputError) as caught:
        store.get("a/b model", 3)
    assert "Profiles are kept of versions 2, 10." in str(caught.value)
    renamed = store.get("new name", 2, former_names=["older", "a/b model"])
    assert renamed.to_dict() == profile.to_dict()
    with pytest.raises(DriftInputError, match="of model 'new name'"):
        store.get("new name", 3, former_names=["a/b model"])


def test_every_public_name_is_there() -> None:
    for name in drift.__all__:
        assert getattr(drift, name) is not None
    assert set(drift.__all__) <= set(dir(drift))
