"""A tracker against a dictionary: any sequence of verbs, reopened from disk at random moments."""

from __future__ import annotations

import math
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from tauro.errors import RunNotActiveError
from tauro.tracking import ExperimentTracker, RunStatus

KEYS = st.sampled_from(["a", "loss", "val/acc", "ü k"])
VALUES = st.floats(width=64) | st.integers(-(2**53), 2**53)
PARAMETERS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@dataclass
class Model:
    """What a run should hold."""

    name: str
    experiment: str
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    status: RunStatus = RunStatus.RUNNING
    deleted: bool = False
    artifacts: dict[str, bytes] = field(default_factory=dict)
    parent: str | None = None


def same(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))


class TrackerMachine(RuleBasedStateMachine):
    """Rules are verbs; after each the fresh reader and the dictionary agree."""

    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tauro-machine-"))
        self.tracker = ExperimentTracker(self.folder, capture_environment=False)
        self.model: dict[str, Model] = {}
        self.experiments: dict[str, str] = {}
        self.left: list[ExperimentTracker] = []

    def teardown(self) -> None:
        """Let go of the folder."""
        for tracker in (*self.left, self.tracker):
            tracker._open_runs.clear()  # their process ends here, as after a crash
            tracker.close()
        shutil.rmtree(self.folder)

    @rule(target=runs, name=st.text("abcü/", min_size=1, max_size=5), tag=st.text(max_size=4))
    def start(self, name: str, tag: str) -> str:
        """Start a run in an experiment of one of a few names."""
        experiment = self.tracker.create_experiment(f"e{len(name) % 2}")
        self.experiments[experiment.name] = experiment.experiment_id
        run = self.tracker.start_run(experiment, name, tags={"first": tag})
        self.model[run.run_id] = Model(name, experiment.experiment_id, tags={"first": tag})
        return run.run_id

    @rule(target=runs, parent=runs)
    def start_child(self, parent: str) -> str:
        """Start a run that is part of another."""
        assume(parent in self.model)
        run = self.tracker.start_run(self.model[parent].experiment, "child", parent_run_id=parent)
        self.model[run.run_id] = Model("child", self.model[parent].experiment, parent=parent)
        return run.run_id

    def _writable(self, run_id: str) -> bool:
        assume(run_id in self.model)
        expected = self.model[run_id]
        return expected.status is RunStatus.RUNNING and not expected.deleted

    @rule(run_id=runs, key=KEYS, value=PARAMETERS)
    def log_parameter(self, run_id: str, key: str, value: Any) -> None:
        """Log a parameter, or be told that the run has ended."""
        if not self._writable(run_id) and run_id not in self.tracker._open_runs:
            with pytest.raises(RunNotActiveError):
                self.tracker.log_parameter(run_id, key, value)
            return
        self.tracker.log_parameter(run_id, key, value)
        self.model[run_id].parameters[key] = value

    @rule(run_id=runs, key=KEYS, value=VALUES, step=st.integers(-5, 5))
    def log_metric(self, run_id: str, key: str, value: float, step: int) -> None:
        """Log a point, or be told that the run has ended."""
        if not self._writable(run_id) and run_id not in self.tracker._open_runs:
            with pytest.raises(RunNotActiveError):
                self.tracker.log_metric(run_id, key, value, step)
            return
        self.tracker.log_metric(run_id, key, value, step)
        self.model[run_id].points.setdefault(key, []).append((step, float(value)))

    @rule(run_id=runs, key=KEYS, value=st.text(max_size=5))
    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag, also of an ended run."""
        assume(run_id in self.model)
        self.tracker.set_tag(run_id, key, value)
        self.model[run_id].tags[key] = value

    @rule(run_id=runs, data=st.text(max_size=10), path=st.sampled_from(["a.txt", "b/c.txt"]))
    def log_text(self, run_id: str, data: str, path: str) -> None:
        """Keep an artifact, if the run is open."""
        if self._writable(run_id):
            self.tracker.log_text(data, path, run_id=run_id)
            self.model[run_id].artifacts[path] = data.encode()

    @rule(run_id=runs, status=st.sampled_from(["completed", "FAILED", RunStatus.CANCELLED]))
    def end(self, run_id: str, status: Any) -> None:
        """End a run that is open."""
        if self._writable(run_id):
            self.tracker.end_run(run_id, status)
            self.model[run_id].status = RunStatus(str(status).upper())

    @rule(run_id=runs)
    def resume(self, run_id: str) -> None:
        """Open a run again."""
        assume(run_id in self.model)
        expected = self.model[run_id]
        if expected.deleted or expected.status is RunStatus.RUNNING:
            return
        self.tracker.resume_run(run_id)
        expected.status = RunStatus.RUNNING

    @rule(run_id=runs)
    def delete(self, run_id: str) -> None:
        """Delete a run that has ended."""
        assume(run_id in self.model)
        if self.model[run_id].status is not RunStatus.RUNNING:
            self.tracker.delete_run(run_id)
            self.model[run_id].deleted = True

    @rule(run_id=runs)
    def restore(self, run_id: str) -> None:
        """Bring a run back."""
        assume(run_id in self.model)
        self.tracker.restore_run(run_id)
        self.model[run_id].deleted = False

    @precondition(lambda self: self.model)
    @rule(run_id=runs)
    def remove(self, run_id: str) -> None:
        """Delete for good what is deleted."""
        assume(run_id in self.model)
        if not self.model[run_id].deleted:
            return
        gone = set(self.tracker.gc()["runs"])
        assert gone == {key for key, each in self.model.items() if each.deleted}
        self.model = {key: each for key, each in self.model.items() if key not in gone}

    @rule()
    def compact(self) -> None:
        """Merge segments and publish views."""
        self.tracker.compact()

    @rule(closed=st.booleans())
    def reopen(self, closed: bool) -> None:
        """Go on with a fresh tracker; the one before was closed, or just left as by a crash."""
        if closed:
            self.tracker.close()
        self.left.append(self.tracker)
        self.tracker = ExperimentTracker(self.folder, capture_environment=False)

    @invariant()
    def agrees(self) -> None:
        """A fresh reader finds what the dictionary holds."""
        if not self.model:
            return
        reader = ExperimentTracker(self.folder)
        listed = {run["run_id"]: run for run in reader.list_runs()}
        assert set(listed) == {key for key, each in self.model.items() if not each.deleted}
        for run_id, expected in self.model.items():
            self.check(reader, run_id, expected)

    def check(self, reader: ExperimentTracker, run_id: str, expected: Model) -> None:
        run = reader.get_run(run_id)
        assert run.name == expected.name
        assert run.experiment_id == expected.experiment
        assert run.parent_run_id == expected.parent
        assert run.parameters == expected.parameters
        assert run.tags == expected.tags
        assert run.status is expected.status
        assert (run.lifecycle == "deleted") is expected.deleted
        assert set(reader.list_metrics(run)) == set(expected.points)
        for key, points in expected.points.items():
            frame = run.history(key)
            assert frame["step"].tolist() == [step for step, _ in points]
            assert all(
                same(got, wanted)
                for got, (_, wanted) in zip(frame["value"].tolist(), points, strict=True)
            )
        if expected.status is not RunStatus.RUNNING:
            assert all(
                same(run.metrics[key], points[-1][1]) for key, points in expected.points.items()
            )
        for path, data in expected.artifacts.items():
            key = f"experiment_tracking/artifacts/{run_id}/{path}"
            assert reader.storage.read_bytes(key) == data


TrackerMachine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestTracker = TrackerMachine.TestCase


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_long_sequences() -> None:
    """The same machine, many and long sequences."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        TrackerMachine,
        settings=settings(
            max_examples=400,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
