"""Pipelines whose nodes run in worker processes: data by the catalog, time-outs, ML, failures."""

from __future__ import annotations

import contextlib
import operator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.unit.project.conftest import Make

from tauro.config import Context
from tauro.errors import PipelineExecutionError, PlanningError
from tauro.events import Event, EventType, get_event_emitter
from tauro.mlops import RunStatus
from tauro.pipeline import NodeStatus
from tauro.project import NodeSpec, PipelineExecutor, open_project, run_node

CODE = """
import os, time
from pathlib import Path
HERE = Path(__file__).parent

def trace(name):
    with (HERE / "trace.txt").open("a") as file:
        file.write(name + "\\n")

def load(params, start_date=None):
    trace("load")
    return {"pid": os.getpid(), "params": params, "start": start_date}
def use(loaded): return [loaded["params"], loaded["start"], loaded["pid"], os.getpid()]
def where(): return os.getpid()
def unpicklable(): return lambda: None
def fail(loaded): trace("fail"); raise ValueError("in a worker")
def hang():
    trace("hang")
    time.sleep(600)
def hang_once():
    trace("hang")
    if not (HERE / "hung").exists():
        (HERE / "hung").touch()
        time.sleep(600)
    return "second"
def die(): os.kill(os.getpid(), 9)
def train_model(): return {"accuracy": 0.5}
def train_failing(): raise ValueError("diverged")
"""
LOADED = {"loaded": {"path": "loaded.json"}}
LOAD = {"function": "steps.load", "output": "loaded", "params": {"a": 1}}


def make(project: Make, **nodes: Any) -> PipelineExecutor:
    described = {
        name: node if isinstance(node, dict) else {"function": f"steps.{node}"}
        for name, node in nodes.items()
    }
    return project(code=CODE, nodes=described, outputs=LOADED)


def test_nodes_run_in_other_processes_and_share_data_by_the_catalog(project: Make) -> None:
    import os

    executor = make(
        project, load=LOAD, use={"function": "steps.use", "inputs": {"loaded": "loaded"}}
    )
    result = executor.run_pipeline(
        "main",
        executor="processes",
        max_workers=2,
        params={"b": 2},
        start_date="2026-01-01",
    )
    params, start, first, second = result.outputs["use"]
    assert (params, start) == ({"a": 1, "b": 2}, "2026-01-01")
    assert os.getpid() not in (first, second)


def test_a_value_that_cannot_travel_stays_where_it_is(project: Make) -> None:
    result = make(project, n="unpicklable").run_pipeline("main", executor="processes")
    assert result.success
    assert result.outputs["n"] is None


def test_a_failure_in_a_worker_names_place_and_cause(project: Make, tmp_path: Path) -> None:
    executor = make(project, load=LOAD, fail={"function": "steps.fail", "inputs": ["loaded"]})
    with pytest.raises(PipelineExecutionError) as raised:
        executor.run_pipeline("main", executor="processes")
    text = str(raised.value)
    assert f"{tmp_path / 'steps.py'}:" in text
    assert "ValueError: in a worker" in text
    assert "--resume" in text
    record = executor.history().list_runs()[0]
    assert record.nodes["load"].status is NodeStatus.SUCCEEDED
    (tmp_path / "steps.py").write_text(CODE.replace('raise ValueError("in a worker")', "return 1"))
    result = executor.run_pipeline("main", executor="processes", resume="last")
    assert result.outputs["fail"] == 1
    assert (tmp_path / "trace.txt").read_text().split() == ["load", "fail", "fail"]


def test_an_overdue_node_is_ended_and_the_others_finish(project: Make) -> None:
    executor = make(project, slow={"function": "steps.hang", "timeout": 1}, other="where")
    with pytest.raises(PipelineExecutionError, match="ended after its timeout of 1 seconds"):
        executor.run_pipeline("main", executor="processes", max_workers=2, keep_going=True)
    record = executor.history().list_runs()[0]
    assert record.nodes["other"].status is NodeStatus.SUCCEEDED
    assert record.nodes["slow"].status is NodeStatus.FAILED


def test_an_overdue_node_is_tried_again(project: Make, tmp_path: Path) -> None:
    # On a busy machine a worker may take longer than that to start, in every try.
    for seconds in (2, 10, 60):
        (tmp_path / "hung").unlink(missing_ok=True)
        node = {"function": "steps.hang_once", "timeout": seconds, "retries": 2}
        executor = make(project, slow=node)
        with contextlib.suppress(PipelineExecutionError):
            result = executor.run_pipeline("main", executor="processes")
            break
    assert result.outputs["slow"] == "second"
    assert result.nodes["slow"].attempts >= 2
    assert (tmp_path / "hung").exists()


def test_a_worker_that_dies_fails_its_node(project: Make) -> None:
    executor = make(project, die="die")
    with pytest.raises(PipelineExecutionError, match="ended by SIGKILL"):
        executor.run_pipeline("main", executor="processes")


def test_ml_nodes_are_recorded_from_their_workers(project: Make) -> None:
    executor = make(project, train_model="train_model", train_failing="train_failing")
    with pytest.raises(PipelineExecutionError, match="diverged"):
        executor.run_pipeline("main", executor="processes", max_workers=2, keep_going=True)
    record = executor.history().list_runs()[0]
    tracker = executor.mlops_context.experiment_tracker
    good = tracker.get_run(record.nodes["train_model"].run_ids[0])
    bad = tracker.get_run(record.nodes["train_failing"].run_ids[0])
    assert (good.status, good.metrics["accuracy"]) == (RunStatus.COMPLETED, 0.5)
    assert bad.status is RunStatus.FAILED
    assert bad.error is not None
    assert bad.error.message == "diverged"
    assert {run["run_id"] for run in tracker.list_runs()} == {good.run_id, bad.run_id}


def test_events_of_nodes_are_told_in_the_process_of_the_run(project: Make) -> None:
    seen: list[str] = []

    def note(event: Event) -> None:
        seen.append(event.data["node"])

    emitter = get_event_emitter()
    emitter.subscribe(EventType.NODE_COMPLETED, note)
    try:
        make(project, a="where", b="where").run_pipeline("main", executor="processes")
    finally:
        emitter.unsubscribe(EventType.NODE_COMPLETED, note)
    assert sorted(seen) == ["a", "b"]


def test_a_context_without_a_descriptor_cannot_be_sent(tmp_path: Path) -> None:
    context = Context(
        pipelines_config={"main": {"nodes": ["add"]}},
        nodes_config={"add": {"function": "operator.add", "params": {"a": 1, "b": 2}}},
        root=tmp_path,
    )
    with pytest.raises(PlanningError, match="has no descriptor"):
        PipelineExecutor(context).run_pipeline("main", executor="processes")
    assert PipelineExecutor(context).run_pipeline("main").outputs["add"] == operator.add(1, 2)


def test_a_descriptor_of_another_name_reaches_the_workers(project: Make, tmp_path: Path) -> None:
    make(project, load=LOAD)
    descriptor = tmp_path / "other.json"
    (tmp_path / "settings_json.json").rename(descriptor)
    executor = open_project(descriptor, "dev")
    result = executor.run_pipeline("main", executor="processes")
    assert result.outputs["load"]["params"] == {"a": 1}


class Foreign(Executor):
    """An executor of someone else's, such as a cluster's: it takes calls and returns futures."""

    def __init__(self) -> None:
        self.specs: list[NodeSpec] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.specs.extend(args)
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_any_executor_gets_nodes_as_specs(project: Make) -> None:
    executor = make(project, load=LOAD, where="where")
    foreign = Foreign()
    result = executor.run_pipeline("main", executor=foreign, max_workers=1)
    assert result.success
    root, env = str(executor.context.root), "dev"
    assert foreign.specs == [
        NodeSpec(root, env, "main", "load", result.run_id),
        NodeSpec(root, env, "main", "where", result.run_id),
    ]


def test_a_thread_pool_of_the_callers_shares_memory(project: Make) -> None:
    code = CODE + "\ndef thing(): return object()\ndef same(thing): return repr(thing)\n"
    executor = project(
        code=code,
        nodes={
            "thing": {"function": "steps.thing"},
            "same": {"function": "steps.same", "dependencies": ["thing"]},
        },
    )
    with ThreadPoolExecutor(2) as pool:
        result = executor.run_pipeline("main", executor=pool)
        assert result.outputs["same"] == repr(result.outputs["thing"])
        assert pool.submit(operator.add, 1, 1).result() == 2, "the caller's pool stays open"


def test_a_spec_runs_without_a_run_for_schedulers_that_keep_their_own(project: Make) -> None:
    executor = make(project, where="where", load=LOAD)
    spec = NodeSpec(str(executor.context.root), "dev", "main", "load", "manual__2026-01-01")
    returned = run_node(spec)
    assert returned.value["params"] == {"a": 1}
    assert executor.catalog().load("loaded") == returned.value
