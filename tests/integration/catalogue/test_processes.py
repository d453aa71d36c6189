"""Several processes on one store: killed, racing, reading meanwhile, forked."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.catalogue.writer import SLOT, read_acknowledged, run_id
from tests.unit.tracking.catalogue.support import Store, make_run

THREADS = 3
REPOSITORY = Path(__file__).parents[3]


class Writer:
    """A child that records runs."""

    def __init__(self, root: Path, name: str, *, publish_every: int = 0, most: int = 10**6) -> None:
        self.name = name
        self.path = root.parent / f"{name}.acknowledged"
        self.path.write_bytes(bytes(SLOT.size * THREADS))
        arguments = [root, name, self.path, THREADS, publish_every, most]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.catalogue.writer", *map(str, arguments)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def acknowledged(self) -> list[tuple[int, int]]:
        return read_acknowledged(self.path, THREADS)

    def wait_for(self, runs: int) -> None:
        """Wait until so many runs were acknowledged."""
        while sum(created for created, _ in self.acknowledged()) < runs:
            assert self.process.poll() is None
            time.sleep(0.002)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[list[Writer]]:
    """Return a list; writers put in it are killed at the end."""
    started: list[Writer] = []
    yield started
    for writer in started:
        writer.kill()


def _root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    root.mkdir()
    return root


def _check_all(store: Store, writers: list[Writer]) -> None:
    """Check that search has all that was acknowledged, and agrees with every document."""
    records = {run.run_id: run for run in store.catalogue.query(limit=None).records}
    for writer in writers:
        for thread, (created, ended) in enumerate(writer.acknowledged()):
            for number in range(created):
                found = records[run_id(writer.name, thread, number)]
                assert found.status == "COMPLETED" or number >= ended
    documents = (store.root / "experiment_tracking" / "runs").glob("*/*.json")
    assert {path.stem for path in documents} == set(records)
    assert all(store.read(run) == run for run in records.values())


def _kill_round(
    tmp_path: Path, writers: list[Writer], seed: int, torture_report: Callable[..., None]
) -> None:
    chance = random.Random(seed)
    root = _root(tmp_path)
    for number in range(3):
        publish_every = chance.choice([0, 1, 7, 40])
        writers.append(Writer(root, f"w{number}", publish_every=publish_every))
        writers[-1].wait_for(chance.randrange(1, 120))
        writers[-1].kill()
        _check_all(Store(root), writers)
        torture_report(kills=1)
    reader = Store(root)
    reader.catalogue.publish()
    _check_all(reader, writers)
    _check_all(Store(root), writers)
    assert reader.journals() == []


def test_a_new_process_finds_everything_acknowledged_after_a_kill(
    tmp_path: Path, writers: list[Writer], torture_report: Callable[..., None]
) -> None:
    _kill_round(tmp_path, writers, random.randrange(10**6), torture_report)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(60))
def test_a_new_process_finds_everything_acknowledged_after_many_kills(
    tmp_path: Path,
    writers: list[Writer],
    seed: int,
    torture_seed: int,
    torture_report: Callable[..., None],
) -> None:
    _kill_round(tmp_path, writers, torture_seed * 1000 + seed, torture_report)


def _race(tmp_path: Path, writers: list[Writer], count: int, runs: int) -> None:
    """Let processes write and publish at once, a reader watch, and one of them be killed."""
    root = _root(tmp_path)
    reader = Store(root)
    writers += [
        Writer(root, f"w{number}", publish_every=5 + number, most=runs) for number in range(count)
    ]
    seen: set[str] = set()
    killed = False
    while any(writer.process.poll() is None for writer in writers):
        before = [writer.acknowledged() for writer in writers]
        found = set(reader.ids(limit=None))
        assert seen <= found
        seen = found
        for writer, threads in zip(writers, before, strict=True):
            for thread, (created, _) in enumerate(threads):
                assert {run_id(writer.name, thread, each) for each in range(created)} <= found
        if not killed and len(found) > runs:
            writers[0].kill()
            killed = True
    assert all(writer.process.returncode == 0 for writer in writers[1:])
    _check_all(reader, writers)
    _check_all(Store(root), writers)


def test_a_reader_never_misses_what_was_acknowledged(
    tmp_path: Path, writers: list[Writer], torture_report: Callable[..., None]
) -> None:
    _race(tmp_path, writers, count=2, runs=60)
    torture_report(races=1, kills=1)


@pytest.mark.torture
@pytest.mark.parametrize("attempt", range(5))
def test_a_reader_never_misses_what_many_processes_acknowledged(
    tmp_path: Path, writers: list[Writer], attempt: int, torture_report: Callable[..., None]
) -> None:
    _race(tmp_path, writers, count=8, runs=400)
    torture_report(races=1, kills=1)


def test_views_are_complete_once_all_have_closed(tmp_path: Path, writers: list[Writer]) -> None:
    root = _root(tmp_path)
    writers += [Writer(root, f"w{number}", most=20) for number in range(2)]
    assert [writer.process.wait() for writer in writers] == [0, 0]
    runs = root / "experiment_tracking" / "runs"
    frames = [pd.read_parquet(runs / f"exp{number}" / "index.parquet") for number in range(2)]
    assert sum(map(len, frames)) == 2 * THREADS * 20
    assert set(pd.concat(frames)["status"]) == {"COMPLETED"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_goes_on_by_itself(tmp_path: Path) -> None:
    store = Store(_root(tmp_path))
    store.put(make_run(run_id="parent1"))
    store.catalogue.publish()
    store.put(make_run(run_id="parent2"))
    child = os.fork()
    if child == 0:
        try:
            assert {"parent1", "parent2"} <= set(store.ids())
            store.put(make_run(run_id="child1"))
            store.catalogue.publish()
            store.put(make_run(run_id="child2"))
        except BaseException:  # noqa: BLE001 - nothing may escape into the parent's test run
            os._exit(1)
        os._exit(0)
    store.put(make_run(run_id="parent3"))
    assert os.waitpid(child, 0)[1] == 0
    expected = ["child1", "child2", "parent1", "parent2", "parent3"]
    assert store.ids(order_by=["run_id"]) == expected
    assert store.fresh().ids(order_by=["run_id"]) == expected
    assert len(store.journals()) == 2
