"""What users' functions may do to a run: none of it passes for success, none of it ends the run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.project.conftest import Make, project, write_project

from tauro.errors import NodeExecutionError, PipelineExecutionError, PlanningError
from tauro.pipeline import NodeStatus
from tauro.project import PipelineExecutor, open_project

__all__ = ["project"]

CODE = """
import sys
class Odd(BaseException): pass
class Mute(Exception):
    def __str__(self): raise RuntimeError("no text")
class Picky(Exception):
    def __init__(self, first, second): super().__init__(f"{first} {second}")
def ok(): return 1
def exits(): sys.exit(3)
def exits_well(): sys.exit(0)
def odd(): raise Odd("weird")
def mute(): raise Mute
def picky(): raise Picky("one", "two")
def long(): raise ValueError("x" * 100_000)
def deep(): return deep()
def rows():
    yield 1
    yield 2
def total(rows): return sum(rows)
async def awaited(): return 1
async def streamed(): yield 1
def train_and_leave():
    import tauro
    tauro.log_param("seed", 1)
    sys.exit(0)
"""
ENDS = {
    "exits": r"steps\.py:\d+: SystemExit: 3",
    "exits_well": r"steps\.py:\d+: SystemExit: 0",
    "odd": r"steps\.py:\d+: Odd: weird",
    "mute": r"steps\.py:\d+: Mute: \(its text raised RuntimeError\)",
    "picky": r"steps\.py:\d+: Picky: one two",
    "long": r"steps\.py:\d+: ValueError: x{2000}…",
    "deep": r"steps\.py:\d+: RecursionError",
}
NODES = {
    name: {"function": f"steps.{name}"}
    for name in (*ENDS, "ok", "awaited", "streamed", "train_and_leave")
}
PIPELINES = {name: {"nodes": ["ok", name]} for name in NODES if name != "ok"}


@pytest.fixture
def executor(project: Make) -> PipelineExecutor:
    return project(code=CODE, nodes=NODES, pipelines=PIPELINES)


@pytest.mark.parametrize("kind", [None, "threads", "processes"])
@pytest.mark.parametrize("name", ENDS)
def test_whatever_a_node_raises_fails_the_run_and_names_its_line(
    executor: PipelineExecutor, name: str, kind: str | None
) -> None:
    with pytest.raises(PipelineExecutionError) as raised:
        executor.run_pipeline(name, executor=kind, keep_going=True)
    assert re.search(ENDS[name], str(raised.value)), str(raised.value)
    (record,) = executor.history().list_runs()
    assert record.status == "failed"
    assert record.nodes["ok"].status is NodeStatus.SUCCEEDED
    assert record.nodes[name].status is NodeStatus.FAILED
    assert len(str(raised.value)) < 5000


def test_a_node_that_exits_is_told_to_return(executor: PipelineExecutor) -> None:
    with pytest.raises(PipelineExecutionError, match=r"Return from a node, or raise an error"):
        executor.run_pipeline("exits")


def test_the_whole_text_of_an_error_stays_in_its_context(executor: PipelineExecutor) -> None:
    with pytest.raises(PipelineExecutionError) as raised:
        executor.run_pipeline("long")
    cause = raised.value.__cause__
    assert isinstance(cause, NodeExecutionError)
    assert len(cause.context.details["message"]) == 100_000


def test_a_training_that_exits_is_a_failed_tracking_run(
    executor: PipelineExecutor, tmp_path: Path
) -> None:
    with pytest.raises(PipelineExecutionError):
        executor.run_pipeline("train_and_leave")
    from tauro.mlops import ExperimentTracker, RunStatus

    with ExperimentTracker(tmp_path / "mlops_data") as tracker:
        (listed,) = tracker.list_runs()
        assert tracker.get_run(listed["run_id"]).status is RunStatus.FAILED


@pytest.mark.parametrize("name", ["awaited", "streamed"])
def test_an_async_function_is_refused_before_anything_runs(
    executor: PipelineExecutor, name: str
) -> None:
    with pytest.raises(PlanningError, match="is an async function, and nothing would await it"):
        executor.run_pipeline(name)
    assert not executor.history().ids()


def test_a_generator_that_nobody_reads_is_refused(project: Make) -> None:
    executor = project(code=CODE, nodes={"rows": {"function": "steps.rows"}})
    with pytest.raises(PlanningError, match="is a generator, and nothing reads what it yields"):
        executor.run_pipeline("main")


def test_a_generator_streams_to_the_node_that_reads_it(project: Make) -> None:
    total = {"function": "steps.total", "dependencies": ["rows"]}
    executor = project(code=CODE, nodes={"rows": {"function": "steps.rows"}, "total": total})
    assert executor.run_pipeline("main").outputs["total"] == 3


@pytest.mark.parametrize("statement", ["import sys; sys.exit(0)", "raise SystemExit", "1 / 0"])
def test_a_module_that_exits_or_raises_while_it_is_imported_is_named(
    project: Make, statement: str
) -> None:
    executor = project(code=f"x = 1\n{statement}\n", nodes={"a": {"function": "steps.a"}})
    with pytest.raises(PlanningError, match=r"importing 'steps' raised .*steps\.py:2"):
        executor.validate("main")


@pytest.mark.usefixtures("project")  # forgets the modules
def test_a_project_below_a_folder_called_tauro_is_the_users_too(tmp_path: Path) -> None:
    root = tmp_path / "tauro" / "work"
    write_project(root, code=CODE, nodes={"exits": {"function": "steps.exits"}})
    with pytest.raises(PipelineExecutionError, match=r"tauro/work/steps\.py:\d+: SystemExit"):
        open_project(root).run_pipeline("main")


def test_a_worker_that_dies_is_no_line_of_anybody(project: Make) -> None:
    code = "import os\ndef dies(): os._exit(7)\n"
    executor = project(code=code, nodes={"dies": {"function": "steps.dies"}})
    with pytest.raises(PipelineExecutionError) as raised:
        executor.run_pipeline("main", executor="processes")
    assert "failed: WorkerDiedError: The worker process ended (7)" in str(raised.value)
