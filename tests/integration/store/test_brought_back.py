"""Documents of runs and experiments that are lost come back with a repair, as they last were."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tauro.mlops import MLOpsContext, repair_store
from tauro.tracking import ExperimentTracker

from ._stores import fill, problems

KILLED = """
import os, sys
from tauro.tracking import ExperimentTracker
tracker = ExperimentTracker(sys.argv[1])
with tracker.start_run(name="told", experiment_name="killed") as run:
    run.log_metric("m", 1.0)
run.set_tag("late", "yes")
tracker.create_experiment("killed", "described later")
os._exit(0)
"""


def repaired(store: Path) -> tuple[int, list[str]]:
    with MLOpsContext(storage_path=str(store)) as context:
        done = repair_store(context)
    return done["documents"], done["put_aside"]


@pytest.mark.parametrize("kind", ["runs/*", "experiments"])
@pytest.mark.parametrize("lost", [True, False])
def test_what_was_published_comes_back(tmp_path: Path, kind: str, lost: bool) -> None:
    """Byte for byte; a damaged document is put aside, not removed."""
    store = tmp_path / "store"
    fill(store, runs=2)
    file = min(store.glob(f"experiment_tracking/{kind}/0*.json"))
    before = file.read_bytes()
    if lost:
        file.unlink()
    else:
        file.write_bytes(before[:50])
    count, aside = repaired(store)
    assert count == 1
    assert file.read_bytes() == before
    assert [(store / each).read_bytes() for each in aside] == ([] if lost else [before[:50]])
    assert problems(store) == []
    assert repaired(store) == (0, [])


def test_what_only_a_journal_holds_comes_back(tmp_path: Path) -> None:
    """A process that was killed has published nothing."""
    store = tmp_path / "store"
    subprocess.run([sys.executable, "-c", KILLED, str(store)], check=True)
    [run] = store.glob("experiment_tracking/runs/*/0*.json")
    [experiment] = store.glob("experiment_tracking/experiments/0*.json")
    before = {file: file.read_bytes() for file in (run, experiment)}
    run.write_bytes(b"{")
    experiment.unlink()
    assert repaired(store)[0] == 2
    assert {file: file.read_bytes() for file in before} == before
    assert problems(store) == []


def test_what_a_journal_holds_later_is_what_comes_back(tmp_path: Path) -> None:
    """The published index is behind it."""
    store = tmp_path / "store"
    fill(store, runs=1)
    with ExperimentTracker(store, capture_environment=False) as first:
        [run] = first.list_runs()
    tag = (
        "import os, sys; from tauro.tracking import ExperimentTracker;"
        "ExperimentTracker(sys.argv[1]).set_tags({'late': 'yes'}, run_id=sys.argv[2]); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", tag, str(store), str(run["run_id"])], check=True)
    file = next(store.glob(f"experiment_tracking/runs/*/{run['run_id']}.json"))
    file.write_bytes(b"")
    assert repaired(store)[0] == 1
    with ExperimentTracker(store, capture_environment=False) as tracker:
        assert tracker.get_run(str(run["run_id"])).tags == {"late": "yes"}


def test_what_was_removed_for_good_does_not_come_back(tmp_path: Path) -> None:
    """Also where the removal was published by nobody yet."""
    store = tmp_path / "store"
    fill(store, runs=2)
    remove = (
        "import os, sys; from tauro.tracking import ExperimentTracker;"
        "tracker = ExperimentTracker(sys.argv[1]); run = tracker.list_runs()[0]['run_id'];"
        "tracker.delete_run(run); tracker.gc(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", remove, str(store)], check=True)
    assert repaired(store) == (0, [])
    with ExperimentTracker(store, capture_environment=False) as tracker:
        assert tracker.count_runs(include_deleted=True) == 1
    assert problems(store) == []
