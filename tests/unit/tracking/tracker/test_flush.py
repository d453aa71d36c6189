"""What ``run.flush_metrics()`` promises: with durability ``disk``, points survive power loss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.events import Observers
from tauro.tracking import ExperimentTracker


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """The file-system operations of a test, by name."""
    seen: list[str] = []

    def note(operation: str, path: str) -> None:
        seen.append(operation)

    _fs.set_fault_hook(note)
    yield seen
    _fs.set_fault_hook(None)


@pytest.mark.parametrize(("durability", "synced"), [("disk", True), ("process", False)])
def test_flushing_a_run_syncs_where_that_is_asked_for(
    tmp_path: Path, calls: list[str], durability: str, synced: bool
) -> None:
    """The points themselves are readable at once; flushing is about the disk only."""
    tracker = ExperimentTracker(
        tmp_path / "store",
        observers=Observers(),
        durability=durability,  # type: ignore[arg-type]
        metric_buffer_size=1000,
    )
    with tracker.start_run(name="one") as run:
        run.log_metric("loss", 0.5)
        calls.clear()
        run.log_metric("loss", 0.25, step=1)
        assert "fsync" not in calls
        run.flush_metrics()
        assert ("fsync" in calls) is synced
        with ExperimentTracker(tmp_path / "store", observers=Observers()) as other:
            assert other.get_metric_history(run.run_id, "loss")["value"].tolist() == [0.5, 0.25]
    tracker.close()


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_full_buffer_is_synchronised_where_that_is_asked_for(
    tmp_path: Path, calls: list[str], by_itself: bool
) -> None:
    """With ``auto_flush_metrics=False`` only ``flush_metrics`` and the end of the run do."""
    tracker = ExperimentTracker(
        tmp_path / "store",
        observers=Observers(),
        durability="disk",
        metric_buffer_size=10,
        auto_flush_metrics=by_itself,
    )
    with tracker.start_run(name="one") as run:
        run.log_metric("loss", 0.5)
        calls.clear()
        for step in range(1, 25):
            run.log_metric("loss", 0.5, step=step)
        assert ("fsync" in calls) is by_itself
        calls.clear()
        run.flush_metrics()
        assert "fsync" in calls
    tracker.close()
