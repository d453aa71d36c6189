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
store, board, number = sys.argv[1:]
inputs = board + ".in"
with open(inputs, "w") as file:
    file.write("weights")
told = open(board, "a", buffering=1)
context = MLOpsContext(storage_path=store, registry_durability="process")
tracker, registry = context.experiment_tracker, context.model_registry
experiment = tracker.create_experiment("shared")
for turn in itertools.count():
    if os.path.exists(board + ".stop"):
        break
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
context.close()
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


def export_often(
    folder: Path, writers: int, exports: int, torture_report: Callable[..., None]
) -> None:
    store = folder / "store"
    boards = [folder / f"board{number}" for number in range(writers)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store), str(board), str(number)],
            stderr=subprocess.PIPE,
        )
        for number, board in enumerate(boards)
    ]
    try:
        while len(acknowledged(boards)) < 10 * writers:
            assert all(process.poll() is None for process in processes)
            time.sleep(0.01)
        with MLOpsContext(storage_path=str(store)) as context:
            for turn in range(exports):
                told = acknowledged(boards)
                facts = export_store(context.storage, folder / f"copy{turn}")
                assert facts["runs"] > 0
                check(folder / f"copy{turn}", told)
                torture_report(races=1)
        for board in boards:
            board.with_name(f"{board.name}.stop").touch()
        for process in processes:
            _, errors = process.communicate()
            assert process.returncode == 0, f"a writer was disturbed: {errors.decode()}"
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert problems(store) == []


def test_an_export_is_whole_while_others_write(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    """Every copy opens, is undamaged, and holds all that was acknowledged before it was begun."""
    export_often(tmp_path, writers=2, exports=2, torture_report=torture_report)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_many_exports_while_many_write(tmp_path: Path, torture_report: Callable[..., None]) -> None:
    """The same, long: of stores that are small, for every copy is looked at whole."""
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        export_often(folder, writers=4, exports=6, torture_report=torture_report)
