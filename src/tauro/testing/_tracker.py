"""What every experiment tracker keeps to."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tauro.errors import MLOpsError

if TYPE_CHECKING:
    from tauro.mlops import ExperimentTrackerProtocol


class ExperimentTrackerSuite(ABC):
    """Subclass, define :meth:`make_tracker`, and collect with pytest.

    The folder is the test's own: a second tracker on the same folder sees what the first one kept.
    What does not exist is one of ``tauro.errors``.
    """

    @abstractmethod
    def make_tracker(self, folder: Path) -> ExperimentTrackerProtocol:
        """Return a new tracker on a store in ``folder``; the same store for the same folder."""

    @pytest.fixture
    def tracker(self, tmp_path: Path) -> ExperimentTrackerProtocol:
        """A tracker."""
        return self.make_tracker(tmp_path / "store")

    def _run(self, tracker: ExperimentTrackerProtocol, name: str, value: float) -> str:
        experiment = tracker.create_experiment("e")
        run = tracker.start_run(experiment, name, {"depth": 3}, {"team": name})
        tracker.log_metric(run.run_id, "auc", value - 0.1)
        tracker.log_metric(run.run_id, "auc", value, step=1)
        tracker.log_parameter(run.run_id, "late", [1, "x"])
        tracker.end_run(run.run_id)
        return str(run.run_id)

    def test_an_experiment_of_a_name_is_one(self, tracker: ExperimentTrackerProtocol) -> None:
        first = tracker.create_experiment("e", "what it is", {"team": "a"})
        assert str(tracker.create_experiment("e")) == str(first)
        assert str(tracker.create_experiment("f")) != str(first)

    def test_a_run_is_read_back_as_it_was_logged(
        self, tracker: ExperimentTrackerProtocol, tmp_path: Path
    ) -> None:
        run_id = self._run(tracker, "r", 0.9)
        for each in (tracker, self.make_tracker(tmp_path / "store")):
            found = each.get_run(run_id)
            assert (found.run_id, found.name) == (run_id, "r")
            assert found.parameters == {"depth": 3, "late": [1, "x"]}
            assert found.tags == {"team": "r"}
            assert found.metrics == {"auc": 0.9}
            assert str(found.status) == "COMPLETED"

    def test_a_run_ends_as_it_is_told(self, tracker: ExperimentTrackerProtocol) -> None:
        run = tracker.start_run(tracker.create_experiment("e"), "r")
        assert str(tracker.get_run(run.run_id).status) == "RUNNING"
        tracker.end_run(run.run_id, "FAILED")
        assert str(tracker.get_run(run.run_id).status) == "FAILED"

    def test_an_ended_run_takes_no_parameter(self, tracker: ExperimentTrackerProtocol) -> None:
        run_id = self._run(tracker, "r", 0.9)
        with pytest.raises(MLOpsError):
            tracker.log_parameter(run_id, "depth", 4)
        assert tracker.get_run(run_id).parameters["depth"] == 3

    def test_what_does_not_exist_is_named(self, tracker: ExperimentTrackerProtocol) -> None:
        with pytest.raises(MLOpsError, match="nowhere"):
            tracker.get_run("nowhere")
        with pytest.raises(MLOpsError, match="nowhere"):
            tracker.start_run("nowhere", "r")

    def test_runs_are_listed_and_searched(self, tracker: ExperimentTrackerProtocol) -> None:
        ids = [self._run(tracker, name, value) for name, value in (("a", 0.7), ("b", 0.9))]
        experiment = tracker.create_experiment("e")
        other = tracker.create_experiment("other")
        assert {run["run_id"] for run in tracker.list_runs(experiment)} == set(ids)
        [only] = tracker.list_runs(experiment, tag_filter={"team": "b"})
        assert (only["run_id"], only["name"]) == (ids[1], "b")
        assert tracker.list_runs(experiment, status_filter="FAILED") == []
        assert tracker.list_runs(other) == []
        assert tracker.search_runs(experiment, metric_filter={"auc": (">", 0.8)}) == [ids[1]]
        assert tracker.search_runs(experiment, metric_filter={"auc": ("<=", 0.5)}) == []

    def test_runs_are_compared_a_row_each(self, tracker: ExperimentTrackerProtocol) -> None:
        ids = [self._run(tracker, name, value) for name, value in (("a", 0.7), ("b", 0.9))]
        frame = tracker.compare_runs([ids[1], ids[0]])
        assert frame["run_id"].tolist() == [ids[1], ids[0]]
        assert frame["metrics.auc"].tolist() == [0.9, 0.7]
        assert frame["params.depth"].tolist() == [3, 3]

    def test_artifacts_are_copied(self, tracker: ExperimentTrackerProtocol, tmp_path: Path) -> None:
        source = tmp_path / "notes.txt"
        source.write_text("before")
        run = tracker.start_run(tracker.create_experiment("e"), "r")
        assert "notes.txt" in tracker.log_artifact(run.run_id, source)
        source.write_text("after")
        tracker.end_run(run.run_id)
        with pytest.raises((MLOpsError, OSError)):
            tracker.log_artifact(run.run_id, tmp_path / "nothing")

    def test_threads_log_to_one_run(self, tracker: ExperimentTrackerProtocol) -> None:
        run = tracker.start_run(tracker.create_experiment("e"), "r")
        failed: list[Any] = []

        def work(thread: int) -> None:
            try:
                for step in range(50):
                    tracker.log_metric(run.run_id, f"m{thread}", float(step), step)
                tracker.log_parameter(run.run_id, f"p{thread}", thread)
            except MLOpsError as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tracker.end_run(run.run_id)
        found = tracker.get_run(run.run_id)
        assert failed == []
        assert found.metrics == {f"m{number}": 49.0 for number in range(4)}
        assert found.parameters == {f"p{number}": number for number in range(4)}
