"""Many processes and threads on one store: nothing lost, nothing doubled, nothing torn."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tauro.tracking import ExperimentTracker, RunStatus

LOG_TO_ONE = """
import sys, threading
from tauro.mlops import ExperimentTracker
store, run_id, process, threads, points = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
tracker = ExperimentTracker(store)
def work(thread):
    for point in range(points):
        value = process * 1e6 + thread * 1e4 + point
        tracker.log_metric(run_id, f"m{thread % 2}", value, step=point)
    tracker.set_tag(run_id, f"t{process}-{thread}", "here")
workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
[each.start() for each in workers]
[each.join() for each in workers]
tracker.close()
"""

MAKE_MANY = """
import sys, threading
from tauro.mlops import ExperimentTracker
store, process, threads, runs = sys.argv[1], *map(int, sys.argv[2:])
tracker = ExperimentTracker(store)
experiment = tracker.create_experiment("many")
def work(thread):
    for number in range(runs):
        with tracker.start_run(experiment, f"{process}-{thread}-{number}", {"n": number}) as run:
            for point in range(5):
                run.log_metric("m", point + number, step=point)
workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
[each.start() for each in workers]
[each.join() for each in workers]
tracker.close()
"""


def start(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def join(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        _, errors = process.communicate()
        # A thread that raised ends without a word in the exit code.
        assert (process.returncode, errors.decode()) == (0, "")


def log_to_one(store: Path, processes: int, threads: int, points: int) -> None:
    tracker = ExperimentTracker(store)
    run = tracker.start_run(name="shared")
    join([start(LOG_TO_ONE, store, run.run_id, p, threads, points) for p in range(processes)])
    run.end()
    fresh = ExperimentTracker(store)
    found = fresh.get_run(run.run_id)
    values = found.history("m0")["value"].tolist() + found.history("m1")["value"].tolist()
    wanted = {
        p * 1e6 + t * 1e4 + n
        for p in range(processes)
        for t in range(threads)
        for n in range(points)
    }
    assert len(values) == len(wanted), "a point was lost or doubled"
    assert set(values) == wanted
    assert set(found.tags) == {f"t{p}-{t}" for p in range(processes) for t in range(threads)}
    for key in ("m0", "m1"):
        frame = found.history(key)
        writer = frame["value"] // 1e4
        for _, own in frame.groupby(writer):
            assert own["step"].tolist() == list(range(points)), "a writer's order was lost"


def make_many(store: Path, processes: int, threads: int, runs: int) -> None:
    children = [start(MAKE_MANY, store, p, threads, runs) for p in range(processes)]
    reader, seen = ExperimentTracker(store), 0
    while any(child.poll() is None for child in children):
        found = reader.find_experiment("many")
        if found is not None:
            page = reader.query_runs(found, "status = 'COMPLETED' and metrics.m >= 4", limit=5)
            assert page.total >= seen, "search lost runs that it had found"
            seen = page.total
            assert all(run.metrics["m"] == run.parameters["n"] + 4 for run in page.runs)
    join(children)
    fresh = ExperimentTracker(store)
    experiment = fresh.find_experiment("many")
    assert experiment is not None
    assert len(fresh.list_experiments()) == 1
    listed = fresh.list_runs(experiment)
    names = [run["name"] for run in listed]
    assert len(names) == processes * threads * runs
    assert len(set(names)) == len(names)
    assert all(run["status"] == "COMPLETED" for run in listed)
    assert all(run["metrics"]["m"] == run["parameters"]["n"] + 4 for run in listed)
    assert not list(fresh.verify())


def test_several_processes_and_threads_log_to_one_run(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    """Every point is there once, in each writer's order; so is every tag."""
    log_to_one(tmp_path / "store", processes=3, threads=3, points=200)
    torture_report(races=1)


def test_several_processes_make_runs_while_others_search(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    """One experiment is made, every run is there once, and searches never go back."""
    make_many(tmp_path / "store", processes=3, threads=2, runs=10)
    torture_report(races=1)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_eight_processes_with_four_threads(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    """The same, wide."""
    for turn in range(3):
        log_to_one(tmp_path / f"one{turn}", processes=8, threads=4, points=2000)
        make_many(tmp_path / f"many{turn}", processes=8, threads=4, runs=50)
        torture_report(races=2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_in_the_middle(tmp_path: Path) -> None:
    """Parent and child go on logging; the child's runs are its own, the parent's stay open."""
    store = tmp_path / "store"
    tracker = ExperimentTracker(store)
    run = tracker.start_run(name="parent")
    run.log_metric("m", 0.0)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for point in range(100):
                tracker.log_metric(run.run_id, "m", 1000.0 + point, step=point)
            with tracker.start_run(name="child", experiment_name="default") as own:
                own.log_metric("c", 1.0)
            tracker.close()
            code = 0
        finally:
            os._exit(code)
    for point in range(1, 100):
        run.log_metric("m", float(point), step=point)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    run.end()
    fresh = ExperimentTracker(store)
    values = fresh.get_run(run.run_id).history("m")["value"].tolist()
    assert sorted(values) == sorted(
        [float(p) for p in range(100)] + [1000.0 + p for p in range(100)]
    )
    assert [value for value in values if value < 1000] == [float(p) for p in range(100)]
    statuses = {each["name"]: each["status"] for each in fresh.list_runs()}
    assert statuses == {"parent": "COMPLETED", "child": "COMPLETED"}


def test_two_trackers_change_the_tags_of_one_run(tmp_path: Path) -> None:
    """Changes of one document from two sides lose none, and its rev counts them."""
    store = tmp_path / "store"
    first = ExperimentTracker(store)
    run = first.start_run(name="r")

    def work(side: str) -> None:
        tracker = ExperimentTracker(store)
        for number in range(25):
            tracker.set_tag(run.run_id, f"{side}{number}", number)

    sides = [threading.Thread(target=work, args=(side,)) for side in "ab"]
    for side in sides:
        side.start()
    for side in sides:
        side.join()
    found = ExperimentTracker(store).get_run(run.run_id)
    assert len(found.tags) == 50
    assert found.status is RunStatus.RUNNING
    assert found.to_dict()["rev"] == 51


SET_TAGS = """
import sys
from tauro.mlops import ExperimentTracker
store, run_id, side, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
tracker = ExperimentTracker(store)
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    tracker.set_tags({f"{side}{number}": number, "last": f"{side}{number}"}, run_id=run_id)
    tracker.set_note(f"{side}{number}", run_id=run_id)
tracker.close()
"""


def test_two_processes_change_the_tags_of_one_run(tmp_path: Path) -> None:
    """Neither loses the other's; each change is one revision, and search sees the last."""
    store, count = tmp_path / "store", 20
    tracker = ExperimentTracker(store)
    run = tracker.start_run(name="r")
    sides = [
        subprocess.Popen(
            [sys.executable, "-c", SET_TAGS, str(store), run.run_id, side, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for side in "ab"
    ]
    for side in sides:
        assert side.stdout is not None
        assert side.stdout.readline() == b"ready\n"
    for side in sides:
        assert side.stdin is not None
        side.stdin.write(b"\n")
        side.stdin.flush()
    for side in sides:
        side.communicate(timeout=240)
        assert side.returncode == 0
    found = tracker.get_run(run)
    own = {f"{side}{number}": str(number) for side in "ab" for number in range(count)}
    last = found.tags.pop("last")
    assert found.tags == {**own, "last": last}
    assert last in {f"{side}{count - 1}" for side in "ab"}
    assert found.note in {f"{side}{count - 1}" for side in "ab"}
    assert found.to_dict()["rev"] == 1 + 2 * 2 * count
    text = f"tags.a0 = '0' and tags.b{count - 1} = '{count - 1}' and tags.last = '{last}'"
    assert ExperimentTracker(store).search_runs(filter=text) == [run.run_id]
    tracker.close()


def test_one_experiment_comes_of_a_race(tmp_path: Path) -> None:
    """Many threads create one name at once; all get the same experiment."""
    trackers = [ExperimentTracker(tmp_path / "store") for _ in range(8)]
    found: list[str] = []
    start_all = threading.Barrier(8)

    def create(tracker: ExperimentTracker) -> None:
        start_all.wait()
        found.append(tracker.create_experiment("one").experiment_id)

    threads = [threading.Thread(target=create, args=(each,)) for each in trackers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(trackers[0].list_experiments()) == 1


def test_threads_of_one_tracker_start_and_end_runs_beside_each_other(tmp_path: Path) -> None:
    """What a tracker remembers of its open runs is changed by all of them at once."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ExperimentTracker(tmp_path / "store", capture_environment=False) as tracker:
            experiment = tracker.create_experiment("e")
            opened = [tracker.start_run(experiment) for _ in range(200)]
            for run in opened:  # the more is remembered, the longer a look at all of it takes
                tracker.log_metric(run.run_id, "m", 0.0)

            def work(thread: int) -> None:
                for number in range(15):
                    with tracker.start_run(experiment, f"{thread}-{number}") as run:
                        run.log_metric("m", float(number))
                        tracker.log_metric(run.run_id, "m", 0.5)

            with ThreadPoolExecutor(8) as pool:
                list(pool.map(work, range(8)))
            for run in opened:
                run.end()
            assert tracker.count_runs(experiment, "status = 'COMPLETED'") == 8 * 15 + 200
    finally:
        sys.setswitchinterval(interval)
