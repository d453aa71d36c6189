"""Every order of what trackers of one store may do to a few runs, compared with a plain model."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tauro.errors import RunNotActiveError, RunNotFoundError
from tauro.mlops import export_store
from tauro.mlops._verify import verify_around
from tauro.storage import LocalStorageBackend
from tauro.tracking import ExperimentTracker
from tauro.tracking._core import _trackers
from tauro.tracking._keys import run_key
from tauro.tracking._models import decode_run

TRACKERS = 3


@dataclass
class Model:
    """What a run must be."""

    status: str = "RUNNING"
    lifecycle: str = "active"
    tags: dict[str, str] = field(default_factory=dict)


def kill(tracker: ExperimentTracker) -> None:
    """Leave a tracker as the death of its process would: its locks are free, its files closed."""
    _trackers.discard(tracker)
    stop = tracker._heartbeat._stop
    if stop is not None:
        stop.set()
        thread = tracker._heartbeat._thread
        assert thread is not None
        thread.join()
        # The sign of life of a process that is gone says so; here it is this process.
        with contextlib.suppress(FileNotFoundError):
            tracker.storage.delete(f"_tauro/writers/{tracker._heartbeat.writer_id}.json")
    catalogue = tracker.__dict__.get("_catalogue")
    file = None if catalogue is None else catalogue._writer._file
    if catalogue is not None and file is not None and file.fd >= 0:
        os.close(file.fd)
        file.fd, catalogue._writer._file = -1, None
    log = tracker.__dict__.get("_log")
    if log is not None:
        log.close()


class LateDocuments(RuleBasedStateMachine):
    """Several trackers on one folder, none of whose own threads does anything."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tauro-late-"))
        self.store = self.folder / "store"
        self.trackers: list[ExperimentTracker] = []
        self.runs: dict[str, Model] = {}
        self.owner: dict[str, ExperimentTracker | None] = {}
        self.gone: set[str] = set()
        self.number = 0

    def make(self) -> ExperimentTracker:
        tracker = ExperimentTracker(self.store, capture_environment=False)
        tracker._heartbeat._chores = lambda: None
        return tracker

    @initialize()
    def begin(self) -> None:
        self.trackers = [self.make() for _ in range(TRACKERS)]

    def teardown(self) -> None:
        for each in self.trackers:
            each._open_runs.clear()
            each.close()
        shutil.rmtree(self.folder)

    def pick(self, which: int) -> str:
        return sorted(self.runs)[which % len(self.runs)]

    def key(self) -> str:
        self.number += 1
        return f"k{self.number}"

    # Steps

    who = st.integers(0, TRACKERS - 1)
    which = st.integers(0, 3)

    @precondition(lambda self: len(self.runs) < 4)
    @rule(who=who)
    def start(self, who: int) -> None:
        run = self.trackers[who].start_run(name="r")
        self.runs[run.run_id] = Model()
        self.owner[run.run_id] = self.trackers[who]

    @precondition(lambda self: self.runs)
    @rule(who=who, which=which)
    def tag(self, who: int, which: int) -> None:
        run_id, key = self.pick(which), self.key()
        self.trackers[who].set_tag(run_id, key, "v")
        self.runs[run_id].tags[key] = "v"

    @precondition(lambda self: self.runs)
    @rule(who=who, which=which)
    def end(self, who: int, which: int) -> None:
        run_id = self.pick(which)
        try:
            self.trackers[who].end_run(run_id)
        except RunNotActiveError:
            model = self.runs[run_id]
            assert (model.status, model.lifecycle) != ("RUNNING", "active")
        else:
            self.runs[run_id].status = "COMPLETED"

    @precondition(lambda self: self.runs)
    @rule(who=who, which=which)
    def resume(self, who: int, which: int) -> None:
        run_id = self.pick(which)
        open_here = run_id in self.trackers[who]._open_runs
        try:
            self.trackers[who].resume_run(run_id)
        except RunNotActiveError:
            model = self.runs[run_id]
            assert model.lifecycle != "active" or self.owner[run_id] is not None
        else:
            if not open_here:
                self.runs[run_id].status = "RUNNING"
                self.owner[run_id] = self.trackers[who]

    @precondition(lambda self: self.runs)
    @rule(who=who, which=which)
    def delete(self, who: int, which: int) -> None:
        run_id = self.pick(which)
        self.trackers[who].delete_run(run_id)
        self.runs[run_id].lifecycle = "deleted"

    @precondition(lambda self: self.runs)
    @rule(who=who, which=which)
    def restore(self, who: int, which: int) -> None:
        run_id = self.pick(which)
        self.trackers[who].restore_run(run_id)
        self.runs[run_id].lifecycle = "active"

    @rule(who=who)
    def collect(self, who: int) -> None:
        for run_id in self.trackers[who].gc()["runs"]:
            assert self.runs.pop(run_id).lifecycle == "deleted"
            self.gone.add(run_id)

    @precondition(lambda self: self.runs)
    @rule(who=who, which=which)
    def remove(self, who: int, which: int) -> None:
        self.end(who, which)
        self.delete(who, which)
        self.collect(who)

    @precondition(lambda self: self.runs)
    @rule(who=who, which=which)
    def take_over(self, who: int, which: int) -> None:
        self.end(who, which)
        self.resume(who, which)
        self.tag(who, which)

    @rule(who=who)
    def wait(self, who: int) -> None:
        self.trackers[who]._put_waiting()

    @rule(who=who)
    def publish(self, who: int) -> None:
        self.trackers[who].compact()

    @rule(who=who)
    def close(self, who: int) -> None:
        self.trackers[who].close()

    @rule(who=who)
    def die(self, who: int) -> None:
        for run_id, owner in self.owner.items():
            if owner is self.trackers[who]:
                self.owner[run_id] = None
        kill(self.trackers[who])
        self.trackers[who] = self.make()

    @rule()
    def export(self) -> None:
        if not self.store.exists() or not (self.store / "_tauro" / "format.json").exists():
            return
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        export_store(LocalStorageBackend(self.store), copy)
        self.compare(ExperimentTracker(copy))

    # What must hold

    def compare(self, tracker: ExperimentTracker) -> None:
        page = tracker.query_runs(include_deleted=True)
        assert sorted(page.run_ids) == sorted(self.runs)
        searched = {record.run_id: record for record in page.records}
        for run_id, model in self.runs.items():
            for record in (searched[run_id], tracker.get_run(run_id)._record):
                found = Model(record.status.value, record.lifecycle, record.tags)
                assert found == model

    @invariant()
    def all_agree(self) -> None:
        if not self.trackers:
            return
        for each in (*self.trackers, ExperimentTracker(self.store)):
            self.compare(each)
            for run_id in self.gone:
                with contextlib.suppress(RunNotFoundError):
                    raise AssertionError(each.get_run(run_id))
        assert list(ExperimentTracker(self.store).verify()) == []
        if (self.store / "_tauro").exists():
            assert list(verify_around(LocalStorageBackend(self.store))) == []
        self.check_files()

    def check_files(self) -> None:
        """Look at the documents that are there: none is of a run that is gone, none is ahead."""
        for file in self.store.glob("experiment_tracking/runs/*/*.json"):
            record: Any = decode_run(file.read_bytes())
            assert file == self.store / run_key(record.experiment_id, record.run_id)
            assert record.tags.items() <= self.runs[record.run_id].tags.items()


_SHORT = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class LateDocumentsForLong(LateDocuments):
    """The same, with more orders."""


LateDocuments.TestCase.settings = _SHORT
LateDocumentsForLong.TestCase.settings = settings(_SHORT, max_examples=150, stateful_step_count=50)
TestLateDocuments = LateDocuments.TestCase
TestLateDocumentsForLong = pytest.mark.torture(
    pytest.mark.timeout(7200)(LateDocumentsForLong.TestCase)
)
