"""An export while other processes log, end runs, compact, register and promote."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tauro.mlops import MLOpsContext
from tauro.mlops._export import export_store

from ._stores import problems

WRITER = """
import itertools, os, sys
from tauro.mlops import MLOpsContext
number = sys.argv[1]

def write(store, told, inputs, stop):
    with MLOpsContext(storage_path=store, registry_durability="process") as context:
        tracker, registry = context.experiment_tracker, context.model_registry
        experiment = tracker.create_experiment("shared")
        for turn in itertools.count():
            if os.path.exists(stop):
                return
            run = tracker.start_run(experiment, f"{number}-{turn}", {"turn": turn})
            for step in range(200):
                run.log_metric("m", turn + step / 1000, step=step)
                if step % 50 == 0:
                    told.write(f"points {run.run_id} {turn} {step + 1}\\n")
            run.log_text("first", "a.txt")
            run.log_text(f"second {turn}", "a.txt")
            told.write(f"artifact {run.run_id} {turn} 0\\n")
            run.end()
            told.write(f"ended {run.run_id} {turn} 200\\n")
            if turn % 3 == 0:
                version = registry.register_model(f"model-{number}", inputs).version
                registry.promote_model(f"model-{number}", version, "Production")
                told.write(f"version model-{number} {version} 0\\n")
            if turn % 4 == 3:
                tracker.compact()

for line in sys.stdin:  # a store each
    store = line.strip()
    board = f"{store}-board{number}"
    with open(board + ".in", "w") as file:
        file.write("weights")
    with open(board, "a", buffering=1) as told:
        write(store, told, board + ".in", store + "-stop")
    print("stopped", flush=True)
"""


def acknowledged(boards: list[Path]) -> list[list[str]]:
    """Return what the writers have been told until now, whole lines only."""
    lines = []
    for board in boards:
        text = board.read_text() if board.exists() else ""
        lines += text[: text.rfind("\n") + 1].splitlines()
    return [line.split() for line in lines]


def check(copy: Path, told: list[list[str]]) -> None:
    """Look in a copy, as a fresh process would, for all that was told before it was begun."""
    assert problems(copy) == []
    with MLOpsContext(storage_path=str(copy)) as context:
        tracker, registry = context.experiment_tracker, context.model_registry
        for what, name, first, second in told:
            if what == "version":
                found = registry.get_model_version(name, int(first))
                assert found.stage in ("Production", "Archived")
                continue
            run = tracker.get_run(name)
            assert run.parameters == {"turn": int(first)}
            values = run.history("m")["value"].tolist()
            assert values == [int(first) + step / 1000 for step in range(len(values))]
            assert len(values) >= int(second)
            if what == "ended":
                assert (run.status, len(values)) == ("COMPLETED", 200)
        listed = tracker.list_runs()
        assert len({run["run_id"] for run in listed}) == len(listed)
        for each in listed:
            run = tracker.get_run(each["run_id"])
            if run.status == "COMPLETED":
                assert run.metrics["m"] == run.history("m")["value"].iloc[-1]
                folder = f"experiment_tracking/artifacts/{run.run_id}"
                text = context.storage.read_bytes(f"{folder}/a.txt").decode()
                assert text == f"second {run.parameters['turn']}"


def race(store: Path, processes: list[subprocess.Popen[str]], exports: int) -> None:
    """Have every process write to a new store; export it while they do; then look at the copies."""
    boards = [Path(f"{store}-board{number}") for number in range(len(processes))]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{store}\n")
        process.stdin.flush()
    while len(acknowledged(boards)) < 10 * len(processes):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)
    told = []
    with MLOpsContext(storage_path=str(store)) as context:
        for turn in range(exports):
            told.append(acknowledged(boards))
            assert export_store(context.storage, Path(f"{store}-copy{turn}"))["runs"] > 0
    Path(f"{store}-stop").touch()
    for process in processes:
        assert process.stdout is not None
        answer = process.stdout.readline()
        assert answer == "stopped\n", "a writer was disturbed"
    for turn, lines in enumerate(told):
        check(Path(f"{store}-copy{turn}"), lines)
    assert problems(store) == []


def export_often(
    folder: Path, *, writers: int, stores: int, exports: int, torture_report: Callable[..., None]
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(writers)
    ]
    try:
        for number in range(stores):
            race(folder / f"store{number}", processes, exports)
            torture_report(races=exports)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_an_export_is_whole_while_others_write(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    """Every copy opens, is undamaged, and holds all that was acknowledged before it was begun."""
    export_often(tmp_path, writers=2, stores=1, exports=2, torture_report=torture_report)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_many_exports_while_many_write(tmp_path: Path, torture_report: Callable[..., None]) -> None:
    """The same, long: with a new store every few exports, for all of every copy is looked at.

    In one store, the writers would have made thousands of runs before the first copy was read.
    """
    export_often(tmp_path, writers=4, stores=10, exports=3, torture_report=torture_report)
