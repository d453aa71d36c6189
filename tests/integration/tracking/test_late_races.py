"""Documents that follow their journals, with everything at once that anybody may do to a run.

Processes start, change, end, resume, delete, restore and remove each other's runs, publish, close,
repair and export, and are killed at random moments. What each was told is compared with what a
fresh process finds: nothing acknowledged is lost, nothing removed comes back, nothing is there
twice, and ``verify`` finds nothing.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tauro.errors import RunNotFoundError
from tauro.mlops._verify import verify_around
from tauro.storage import LocalStorageBackend
from tauro.tracking import ExperimentTracker
from tauro.tracking._keys import run_key
from tauro.tracking._models import decode_run

from . import _late_child as child


@dataclass
class Told:
    """What all threads were told until some moment."""

    runs: set[str] = field(default_factory=set)
    keys: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    revs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    doomed: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


def told(logs: Path) -> Told:
    found = Told()
    for what, run_id, *rest in child.records(logs):
        match what:
            case "run":
                found.runs.add(run_id)
            case "tag":
                found.keys[run_id].add(rest[0])
            case "rev":
                found.revs[run_id] = max(found.revs[run_id], int(rest[0]))
            case "doom":
                found.doomed.add(run_id)
            case "gone":
                found.gone.add(run_id)
            case _:
                found.errors.append(" ".join([what, run_id, *rest]))
    return found


def check(store: Path, logs: Path) -> None:
    """Compare what a fresh process finds now with what was acknowledged before."""
    before = told(logs)
    assert before.errors == []
    tracker = ExperimentTracker(store)
    page = tracker.query_runs(include_deleted=True, limit=1_000_000)
    assert len(set(page.run_ids)) == len(page.run_ids), "a run is there twice"
    searched = {record.run_id: record for record in page.records}
    assert not before.gone & searched.keys(), "a run that was removed came back"
    safe = before.runs - told(logs).doomed
    assert safe <= searched.keys(), "a run was lost"
    for run_id in sorted(before.runs)[-200:]:
        try:
            run = tracker.get_run(run_id)
        except RunNotFoundError:
            assert run_id in told(logs).doomed, "a run was lost"
            continue
        assert run_id not in before.gone, "a run that was removed came back"
        for record in (run._record, searched.get(run_id)):
            if record is not None:
                missing = before.keys[run_id] - {*record.tags, *record.parameters}
                assert not missing, f"lost of run {run_id}: {missing}"
                assert record.rev >= before.revs[run_id]


def check_rest(store: Path, logs: Path) -> None:
    """Look at the files themselves, once everybody is gone and one has published."""
    check(store, logs)
    with ExperimentTracker(store) as tracker:
        tracker.compact()
        records = tracker.query_runs(include_deleted=True, limit=1_000_000).records
    for record in records:
        file = store / run_key(record.experiment_id, record.run_id)
        assert decode_run(file.read_bytes()).rev == record.rev, "a document stayed behind"
    there = {file.stem for file in store.glob("experiment_tracking/runs/*/*.json")}
    assert there == {record.run_id for record in records}
    check(store, logs)
    damages = [*ExperimentTracker(store).verify(), *verify_around(LocalStorageBackend(store))]
    assert damages == []


def race(
    folder: Path,
    *,
    processes: int,
    threads: int,
    kills: int,
    seed: int,
    report: Callable[..., None],
) -> None:
    """Let processes work on one store, killing one after the other, and look in between."""
    store, logs = folder / "store", folder / "logs"
    logs.mkdir()
    draw, number = random.Random(seed), 0

    def start() -> subprocess.Popen[bytes]:
        nonlocal number
        number += 1
        command = [
            sys.executable,
            child.__file__,
            store,
            logs,
            f"p{number}",
            threads,
            seed + number,
        ]
        return subprocess.Popen([str(each) for each in command])

    alive = [start() for _ in range(processes)]
    try:
        for _ in range(kills):
            wanted = len(told(logs).runs) + 10
            deadline = time.monotonic() + 120
            while len(told(logs).runs) < wanted:
                assert time.monotonic() < deadline, "nobody makes runs any more"
                time.sleep(0.05)
            time.sleep(draw.uniform(0, 0.5))
            # Another stands still meanwhile, whatever it holds, and goes on with what it knew.
            victim, stopped = draw.sample(alive, 2)
            alive.remove(victim)
            stopped.send_signal(signal.SIGSTOP)
            victim.kill()
            victim.wait()
            check(store, logs)
            time.sleep(draw.choice([0, 0, 3]))
            stopped.send_signal(signal.SIGCONT)
            report(kills=1)
            alive.append(start())
    finally:
        for each in alive:
            each.kill()
            each.wait()
    check_rest(store, logs)
    report(races=1)


def test_everything_at_once(tmp_path: Path, torture_report: Callable[..., None]) -> None:
    """Short."""
    race(tmp_path, processes=3, threads=2, kills=4, seed=1, report=torture_report)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("turn", range(4))
def test_everything_at_once_for_long(
    tmp_path: Path, torture_seed: int, torture_report: Callable[..., None], turn: int
) -> None:
    """The same on several stores, wide."""
    seed = torture_seed * 1000 + turn * 100
    race(tmp_path, processes=6, threads=3, kills=20, seed=seed, report=torture_report)
