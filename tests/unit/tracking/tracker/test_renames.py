"""An experiment's name belongs to it at every moment of a rename, whatever fails on the way."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.errors import ExperimentExistsError, MLOpsError
from tauro.tracking import ExperimentTracker


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


class FailsAt:
    """Lets every call from a number on fail, as a disk that is gone."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = 0

    def __call__(self, operation: str, path: str) -> None:
        if "_tauro/writers" in path:
            return  # the heartbeat's own thread
        self.calls += 1
        if self.calls > self.number:
            raise OSError(errno.EIO, "gone", path)


def test_a_rename_that_is_cut_short_leaves_the_name_with_its_experiment(tmp_path: Path) -> None:
    """At every call: what the document says is found by that name, and no other takes it."""
    done = False
    for number in itertools.count():
        store = tmp_path / str(number)
        with ExperimentTracker(store, capture_environment=False) as tracker:
            made = tracker.create_experiment("before")
        tracker = ExperimentTracker(store, capture_environment=False)
        tracker.find_experiment("before")
        fault = FailsAt(number)
        _fs.set_fault_hook(fault)
        try:
            tracker.rename_experiment(made, "after")
            done = fault.calls <= number
        except (MLOpsError, OSError):
            pass
        finally:
            _fs.set_fault_hook(None)
        tracker.close()
        with ExperimentTracker(store, capture_environment=False) as fresh:
            name = fresh.get_experiment(made).name
            assert name in ("before", "after")
            assert done <= (name == "after")
            found = fresh.find_experiment(name)
            assert found is not None, f"nobody has the name {name!r} after {number} calls"
            assert found.experiment_id == made.experiment_id
            with pytest.raises(ExperimentExistsError):
                fresh.create_experiment(name, exist_ok=False)
            assert fresh.rename_experiment(made, "after").name == "after"
            assert fresh.create_experiment("before").experiment_id != made.experiment_id
        if done:
            break
    assert number > 5, "the hook has seen the calls"
