"""A file system without locks: what needs one is refused, what does without goes on."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from tauro.errors import StorageError
from tauro.storage import LocalStorageBackend
from tauro.tracking import ExperimentTracker

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there, locks are other calls")


def no_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def test_nothing_is_done_unlocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file, the reason and the remedy."""
    storage = LocalStorageBackend(tmp_path)
    monkeypatch.setattr("fcntl.flock", no_locks)
    entered = []
    with (
        pytest.raises(StorageError, match="has no locks: No locks available") as caught,
        storage.lock("a document"),
    ):
        entered.append("in")
    assert entered == []
    assert str(tmp_path) in str(caught.value)
    assert "mounted with locks" in str(caught.value)


def test_a_store_whose_place_lost_its_locks_is_read_and_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a share does whose lock daemon is gone."""
    with ExperimentTracker(tmp_path) as tracker, tracker.start_run(name="r") as run:
        run.log_metric("m", 0.5)
    monkeypatch.setattr("fcntl.flock", no_locks)
    tracker = ExperimentTracker(tmp_path)
    assert tracker.search_runs(filter="metrics.m = 0.5") == [run.run_id]
    with pytest.raises(StorageError, match="has no locks"):
        tracker.set_tag(run.run_id, "t", "v")
    with pytest.raises(StorageError, match="has no locks"):
        tracker.create_experiment("new")
    monkeypatch.undo()
    assert tracker.get_run(run.run_id).tags == {}
    assert tracker.find_experiment("new") is None
    tracker.close()
