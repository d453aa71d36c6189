"""Running a project's pipeline in this process: values, datasets, failures, records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.project.conftest import Make

from tauro.errors import ConfigError, NodeExecutionError, PipelineExecutionError, PlanningError
from tauro.pipeline import NodeStatus

CODE = """
import json
from pathlib import Path
HERE = Path(__file__).parent

def trace(name):
    with (HERE / "trace.txt").open("a") as file:
        file.write(name + "\\n")

def load(): trace("load"); return {"rows": [1, 2, 3]}
def double(load): trace("double"); return [2 * row for row in load["rows"]]
def total(double, start_date=None, params=None):
    trace("total")
    return {"total": sum(double), "start": start_date, "params": params}
def split(): return {"a": [1]}, {"b": [2]}
def keyed(): return {"first": 1, "second": 2, "third": 3}
def join(left, right): return {**left, **right}
def read(text): return text.upper()
def fail(**kwargs):
    trace("fail")
    if not (HERE / "repaired").exists():
        raise ValueError("the column 'age' is missing")
    return "fine"
def after(): trace("after"); return 1
def nothing(): trace("nothing")
"""


def trace(root: Path) -> list[str]:
    path = root / "trace.txt"
    return path.read_text().split() if path.exists() else []


CHAIN = {
    "load": {"function": "steps.load"},
    "double": {"function": "steps.double", "dependencies": ["load"]},
    "total": {"function": "steps.total", "dependencies": ["double"], "params": {"k": 1}},
}


def test_returned_values_reach_the_nodes_that_depend_on_them(project: Make) -> None:
    result = project(code=CODE, nodes=CHAIN).run_pipeline("main")
    assert result.success
    assert result.status == "succeeded"
    assert list(result.nodes) == ["load", "double", "total"]
    assert result.outputs["total"] == {"total": 12, "start": None, "params": {"k": 1}}
    assert result.run_ids == ()
    assert result.duration >= sum(node.duration for node in result.nodes.values()) * 0.5


def test_params_and_dates_of_the_run_go_above_those_of_the_node(project: Make) -> None:
    result = project(code=CODE, nodes=CHAIN).run_pipeline(
        "main", params={"k": 2, "z": "x"}, start_date="2026-01-31"
    )
    assert result.outputs["total"] == {
        "total": 12,
        "start": "2026-01-31",
        "params": {"k": 2, "z": "x"},
    }


def test_declared_outputs_are_saved_and_read_back(project: Make, tmp_path: Path) -> None:
    executor = project(
        code=CODE,
        nodes={
            "split": {"function": "steps.split", "outputs": ["left", "right"]},
            "join": {
                "function": "steps.join",
                "inputs": {"left": "left", "right": "right"},
                "output": "joined",
            },
        },
        outputs={
            "left": {"path": "out/left.json", "format": "json"},
            "joined": {"path": "out/joined.json", "format": "json"},
        },
    )
    result = executor.run_pipeline("main")
    assert result.outputs["joined"] == {"a": [1], "b": [2]}
    assert json.loads((tmp_path / "out/left.json").read_text()) == {"a": [1]}
    assert json.loads((tmp_path / "out/joined.json").read_text()) == {"a": [1], "b": [2]}
    assert not (tmp_path / "out/right.json").exists(), "an undeclared output stays in memory"


def test_outputs_by_key_pick_from_a_returned_mapping(project: Make, tmp_path: Path) -> None:
    executor = project(
        code=CODE,
        nodes={"keyed": {"function": "steps.keyed", "outputs": {"first": "one", "third": "three"}}},
        outputs={"one": {"path": "one.json"}, "three": {"path": "three.json"}},
    )
    executor.run_pipeline("main")
    assert (tmp_path / "one.json").read_text().strip() == "1"
    assert (tmp_path / "three.json").read_text().strip() == "3"


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (["a", "b", "c"], "declares 3 outputs .* and returned 2 values"),
        ({"first": "a", "fifth": "b"}, "returned tuple"),
    ],
)
def test_a_return_that_does_not_fit_the_outputs_is_refused(
    project: Make, outputs: Any, message: str
) -> None:
    executor = project(
        code=CODE,
        nodes={"split": {"function": "steps.split", "outputs": outputs}},
        outputs={name: {"path": f"{name}.json"} for name in "abc"},
    )
    with pytest.raises(PipelineExecutionError, match=message):
        executor.run_pipeline("main")


def test_a_failure_names_node_run_and_cause_and_keeps_the_users_exception(
    project: Make, tmp_path: Path
) -> None:
    executor = project(
        code=CODE,
        nodes={
            "fail": {"function": "steps.fail"},
            "after": {"function": "steps.after", "dependencies": ["fail"]},
        },
    )
    with pytest.raises(PipelineExecutionError) as raised:
        executor.run_pipeline("main")
    text = str(raised.value)
    run_id = executor.history().ids()[0]
    assert "Pipeline 'main' failed" in text
    assert run_id in text
    assert "Node 'fail'" in text
    assert "ValueError: the column 'age' is missing" in text
    line = next(n for n, text in enumerate(CODE.splitlines(), 1) if "raise ValueError" in text)
    assert f"{tmp_path / 'steps.py'}:{line}: ValueError" in text
    command = f"tauro run --env dev --pipeline main --project {tmp_path} --resume {run_id}"
    assert f"Resume with: {command}" in text
    assert raised.value.context.details["node"] == "fail"
    cause = raised.value.__cause__
    assert isinstance(cause, NodeExecutionError)
    assert isinstance(cause.__cause__, ValueError)
    assert trace(tmp_path) == ["fail"]


def test_the_first_failure_stops_the_run(project: Make, tmp_path: Path) -> None:
    executor = project(
        code=CODE,
        nodes={"fail": {"function": "steps.fail"}, "after": {"function": "steps.after"}},
    )
    with pytest.raises(PipelineExecutionError):
        executor.run_pipeline("main")
    record = executor.history().list_runs("main")[0]
    assert record.status == "failed"
    assert record.nodes["after"].status is NodeStatus.SKIPPED
    assert record.nodes["after"].reason == "the run stopped at 'fail'"
    assert trace(tmp_path) == ["fail"]


def test_keep_going_runs_what_does_not_depend_on_the_failure(project: Make, tmp_path: Path) -> None:
    executor = project(
        code=CODE,
        nodes={
            "fail": {"function": "steps.fail"},
            "nothing": {"function": "steps.nothing", "dependencies": ["fail"]},
            "after": {"function": "steps.after"},
        },
    )
    with pytest.raises(PipelineExecutionError):
        executor.run_pipeline("main", keep_going=True)
    assert sorted(trace(tmp_path)) == ["after", "fail"]
    record = executor.history().list_runs()[0]
    assert record.nodes["nothing"].reason == "'fail' failed"


def test_a_run_leaves_one_record_with_times_fingerprints_and_code(
    project: Make, tmp_path: Path
) -> None:
    (tmp_path / "in.txt").write_text("hello")
    executor = project(
        code=CODE,
        nodes={
            "read": {"function": "steps.read", "inputs": {"text": "greeting"}, "output": "loud"}
        },
        inputs={"greeting": {"path": "in.txt", "format": "text"}},
        outputs={"loud": {"path": "out.txt", "format": "text"}},
    )
    before = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    result = executor.run_pipeline("main", params={"a": 1})
    after = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    record_file = tmp_path / ".tauro" / "runs" / f"{result.run_id}.jsonl"
    assert after - before == {
        tmp_path / ".tauro",
        tmp_path / ".tauro" / "runs",
        record_file,
        tmp_path / "out.txt",
    }
    record = executor.history().get_run(result.run_id)
    node = record.nodes["read"]
    assert record.status == "succeeded"
    assert record.start.env == "dev"
    assert record.start.params == {"a": 1}
    assert node.started_at is not None
    assert node.started_at >= record.start.started_at
    assert node.inputs["greeting"]
    assert node.outputs["loud"]
    assert node.inputs["greeting"] != node.outputs["loud"]
    assert len(node.code) == 12
    assert all(json.loads(line) for line in record_file.read_text().splitlines())

    (tmp_path / "in.txt").write_text("changed")
    second = executor.history().get_run(executor.run_pipeline("main").run_id).nodes["read"]
    assert second.inputs["greeting"] != node.inputs["greeting"]
    assert second.code == node.code


def test_an_unknown_pipeline_is_answered_with_close_matches(project: Make) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'main'"):
        project(code=CODE, nodes=CHAIN).run_pipeline("mian")


def test_all_binding_mistakes_come_at_once(project: Make) -> None:
    executor = project(
        code=CODE,
        nodes={
            "double": {"function": "steps.double"},
            "lost": {"function": "steps.lost"},
            "fine": {"function": "steps.after"},
        },
    )
    with pytest.raises(PlanningError) as raised:
        executor.plan("main")
    text = str(raised.value)
    assert "2 mistakes" in text
    assert "the parameter 'load'" in text
    assert "has no function 'lost'" in text


def test_validation_looks_for_the_data_of_every_source(project: Make, tmp_path: Path) -> None:
    executor = project(
        code=CODE,
        nodes={
            "a": {"function": "steps.read", "inputs": {"text": "one"}},
            "b": {"function": "steps.read", "inputs": {"text": "two"}},
        },
        inputs={"one": {"path": "one.txt"}, "two": {"path": "two.txt"}},
    )
    with pytest.raises(PlanningError) as raised:
        executor.validate("main")
    assert "'one'" in str(raised.value)
    assert "'two'" in str(raised.value)
    (tmp_path / "one.txt").touch()
    (tmp_path / "two.txt").touch()
    assert executor.validate("main").order == ("a", "b")
    assert not (tmp_path / ".tauro").exists(), "validating leaves nothing behind"


def test_several_workers_run_independent_nodes_at_once(project: Make) -> None:
    code = """
import threading
barrier = threading.Barrier(3, timeout=240)
def meet(): return barrier.wait() >= 0
"""
    nodes = {name: {"function": "steps.meet"} for name in ("a", "b", "c")}
    result = project(code=code, nodes=nodes).run_pipeline("main", max_workers=3)
    assert result.outputs == {"a": True, "b": True, "c": True}


def test_a_listener_sees_every_step_in_order(project: Make) -> None:
    from tauro.project import RunListener

    seen: list[Any] = []

    class Spy(RunListener):
        def run_started(self, run_id: str, plan: Any) -> None:
            seen.append(("run", plan.order))

        def node_started(self, node: Any, position: int, total: int, attempt: int) -> None:
            seen.append((node.name, position, total, attempt))

        def node_finished(self, result: Any) -> None:
            seen.append((result.name, result.status))

        def run_finished(self, result: Any) -> None:
            seen.append(("end", result.status))

    project(code=CODE, nodes=CHAIN).run_pipeline("main", to_nodes=["double"], listeners=[Spy()])
    assert seen == [
        ("run", ("load", "double")),
        ("load", 1, 2, 1),
        ("load", "succeeded"),
        ("double", 2, 2, 1),
        ("double", "succeeded"),
        ("end", "succeeded"),
    ]


HIDDEN = {"db": {"password": "hunter2"}, "source": "postgresql://me:hunter2@host/db"}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_secret_inside_a_parameter_is_never_replaced_by_its_mask(
    project: Make, tmp_path: Path, name: str
) -> None:
    """Else a run that is resumed, or a node in another process, would log in with ``***``."""
    nodes = {
        "use": {"function": "steps.use"},
        "then": {"function": "steps.then", "dependencies": ["use"]},
    }
    code = f"def use({name}): return 1\ndef then({name}): raise ValueError(repr({name}))\n"
    executor = project(code=code, nodes=nodes)
    params = {name: HIDDEN[name]}
    with pytest.raises(PlanningError, match="never written down"):
        executor.run_pipeline("main", executor="processes", params=params)
    with pytest.raises(PipelineExecutionError, match="hunter2"):
        executor.run_pipeline("main", params=params)
    with pytest.raises(PlanningError, match=f"'{name}', which look secret"):
        executor.run_pipeline("main", resume="last")
    with pytest.raises(PipelineExecutionError, match="hunter2"):
        executor.run_pipeline("main", resume="last", params=params)


def test_a_secret_parameter_is_used_and_never_written_down(project: Make, tmp_path: Path) -> None:
    code = (
        CODE
        + """
def use(api_token, count): return [len(api_token), count]
def then(use): raise ValueError("stop")
"""
    )
    nodes = {
        "use": {"function": "steps.use"},
        "then": {"function": "steps.then", "dependencies": ["use"]},
    }
    executor = project(code=code, nodes=nodes)
    with pytest.raises(PipelineExecutionError):
        executor.run_pipeline("main", params={"api_token": "hunter2", "count": 3})
    (file,) = (tmp_path / ".tauro" / "runs").iterdir()
    assert "hunter2" not in file.read_text()
    assert executor.history().list_runs()[0].values == {"use": [7, 3]}
    with pytest.raises(PlanningError, match="'api_token', which look secret"):
        executor.run_pipeline("main", resume="last")
    with pytest.raises(PipelineExecutionError, match="stop"):
        executor.run_pipeline("main", resume="last", params={"api_token": "x"})
    with pytest.raises(PlanningError, match="never written down"):
        executor.run_pipeline(
            "main", executor="processes", nodes=["use"], params={"api_token": "x", "count": 1}
        )
