"""However long a run, its points are on disk and not in memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from tauro.tracking import ExperimentTracker

POINTS = 200_000
POINT_BYTES = 24  # step, time and value: what a point takes at least wherever it is kept


def test_points_do_not_pile_up_in_memory(tmp_path: Path) -> None:
    """Also with a buffer that would hold all of them: it says when to seal, not what waits."""
    with (
        ExperimentTracker(tmp_path, metric_buffer_size=10 * POINTS) as tracker,
        tracker.start_run(name="long") as run,
    ):
        for step in range(1_000):  # what is made once is there
            run.log_metric("loss", 1.0, step=step)
        tracemalloc.start()
        try:
            for step in range(POINTS):
                run.log_metric("loss", 1.0, step=step)
            grown = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
    assert grown < POINTS * POINT_BYTES / 10
    with ExperimentTracker(tmp_path) as reader:
        assert len(reader.get_run(run.run_id).history("loss")) == POINTS + 1_000
