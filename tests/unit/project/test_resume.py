"""Going on with a run that failed: what is repeated, what is not, and the command that does it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.unit.project.conftest import Make
from tests.unit.project.test_run import CHAIN, CODE, trace

from tauro.errors import PipelineExecutionError, PlanningError
from tauro.pipeline import NodeStatus
from tauro.project import PipelineExecutor

BROKEN = {
    **CHAIN,
    "fail": {"function": "steps.fail", "inputs": {"total": "total"}},
    "after": {"function": "steps.after", "dependencies": ["fail"]},
}
"""load -> double -> total -> fail -> after; ``fail`` fails until it is repaired."""


def failure(executor: PipelineExecutor, /, **options: Any) -> str:
    """Run the pipeline, which must fail; return the error's text."""
    with pytest.raises(PipelineExecutionError) as raised:
        executor.run_pipeline("main", **options)
    return str(raised.value)


def command_of(text: str) -> list[str]:
    """Return the command that an error proposes, as a shell splits it."""
    found = re.search(r"Resume with: (.*)", text)
    assert found is not None, text
    return shlex.split(found.group(1))


def test_resuming_repeats_no_finished_node(project: Make, tmp_path: Path) -> None:
    executor = project(
        code=CODE,
        nodes={
            **CHAIN,
            "fail": {"function": "steps.fail", "inputs": {"total": "total"}},
            "after": {"function": "steps.after", "dependencies": ["fail"]},
        },
    )
    with pytest.raises(PipelineExecutionError):
        executor.run_pipeline("main", start_date="2026-01-01", params={"k": 5})
    with pytest.raises(PipelineExecutionError):
        executor.run_pipeline("main", resume="last")
    (tmp_path / "repaired").touch()
    result = executor.run_pipeline("main", resume="last")
    assert trace(tmp_path) == ["load", "double", "total", "fail", "fail", "fail", "after"]
    assert result.success
    assert result.nodes["total"].status is NodeStatus.REUSED
    assert result.outputs["total"] == {"total": 12, "start": "2026-01-01", "params": {"k": 5}}
    runs = executor.history().list_runs("main")
    assert [run.status for run in runs] == ["succeeded", "failed", "failed"]
    assert runs[0].start.resumed_from == runs[1].run_id
    assert runs[0].start.params == {"k": 5}


def test_there_is_nothing_to_resume_after_a_success(project: Make) -> None:
    executor = project(code=CODE, nodes=CHAIN)
    with pytest.raises(PlanningError, match="has no run to resume"):
        executor.run_pipeline("main", resume="last")
    run_id = executor.run_pipeline("main").run_id
    with pytest.raises(PlanningError, match="succeeded; there is nothing to resume"):
        executor.run_pipeline("main", resume="last")
    with pytest.raises(PlanningError, match="Did you mean"):
        executor.run_pipeline("main", resume=run_id[:-1] + "!")


def test_a_node_whose_value_was_only_in_memory_runs_again(project: Make, tmp_path: Path) -> None:
    code = CODE + (
        "\ndef thing(load): trace('thing'); return object()\n"
        "def use(thing, fail): trace('use'); return 1\n"
    )
    executor = project(
        code=code,
        nodes={
            "load": {"function": "steps.load"},
            "thing": {"function": "steps.thing", "dependencies": ["load"]},
            "fail": {"function": "steps.fail", "inputs": {"thing": "thing"}},
            "use": {"function": "steps.use", "dependencies": ["thing", "fail"]},
        },
    )
    text = failure(executor)
    assert "It runs 'thing' again, for what that returned was only in memory." in text
    (tmp_path / "repaired").touch()
    result = executor.run_pipeline("main", resume="last")
    assert trace(tmp_path) == ["load", "thing", "fail", "thing", "fail", "use"]
    statuses = {name: str(node.status) for name, node in result.nodes.items()}
    assert statuses == {
        "load": "reused",
        "thing": "succeeded",
        "fail": "succeeded",
        "use": "succeeded",
    }


def test_a_run_that_lost_nothing_says_nothing_of_it(project: Make) -> None:
    assert "only in memory" not in failure(project(code=CODE, nodes=BROKEN))


def test_a_run_of_a_part_is_resumed_as_that_part(project: Make, tmp_path: Path) -> None:
    executor = project(code=CODE, nodes=BROKEN)
    failure(executor, to_nodes=["fail"])
    (tmp_path / "repaired").touch()
    result = executor.run_pipeline("main", resume="last")
    assert trace(tmp_path) == ["load", "double", "total", "fail", "fail"]
    assert "after" not in result.nodes


def test_the_part_holds_on_through_several_resumptions(project: Make, tmp_path: Path) -> None:
    executor = project(code=CODE, nodes=BROKEN)
    failure(executor, to_nodes=["fail"])
    failure(executor, resume="last")
    (tmp_path / "repaired").touch()
    executor.run_pipeline("main", resume="last")
    record = executor.history().list_runs("main")[0]
    assert record.start.narrowed
    assert set(record.scope) == {"load", "double", "total", "fail"}
    assert "after" not in trace(tmp_path)


def test_another_part_can_be_asked_for_when_resuming(project: Make, tmp_path: Path) -> None:
    executor = project(code=CODE, nodes=BROKEN)
    failure(executor, to_nodes=["fail"])
    (tmp_path / "repaired").touch()
    executor.run_pipeline("main", resume="last", from_nodes=["fail"])
    assert trace(tmp_path)[-2:] == ["fail", "after"]


def test_a_whole_run_takes_in_nodes_that_came_since(project: Make, tmp_path: Path) -> None:
    failure(project(code=CODE, nodes=BROKEN))
    (tmp_path / "repaired").touch()
    late = {"late": {"function": "steps.nothing", "dependencies": ["after"]}}
    result = project(code=CODE, nodes={**BROKEN, **late}).run_pipeline("main", resume="last")
    assert result.nodes["late"].status is NodeStatus.SUCCEEDED
    assert not project(code=CODE, nodes=BROKEN).history().list_runs("main")[0].start.narrowed


def test_a_part_that_the_pipeline_no_longer_has(project: Make) -> None:
    failure(project(code=CODE, nodes=BROKEN), nodes=["load", "double", "total", "fail"])
    executor = project(code=CODE, nodes={"after": {"function": "steps.after"}})
    with pytest.raises(PlanningError, match="does not have any more"):
        executor.run_pipeline("main", resume="last")


def test_a_run_of_another_pipeline_is_not_resumed(project: Make) -> None:
    pipelines = {"main": {"nodes": list(BROKEN)}, "other": {"nodes": ["load"]}}
    executor = project(code=CODE, nodes=BROKEN, pipelines=pipelines)
    failure(executor)
    run_id = executor.history().list_runs("main")[0].run_id
    with pytest.raises(PlanningError, match="is of pipeline 'main', not of 'other'"):
        executor.run_pipeline("other", resume=run_id)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, []),
        ({"executor": "threads", "max_workers": 3}, ["--executor", "threads"]),
        ({"max_workers": 3}, ["--max-workers", "3"]),
        ({"keep_going": True}, ["--keep-going"]),
    ],
)
def test_the_command_runs_as_this_run_did(
    project: Make, options: dict[str, Any], words: list[str]
) -> None:
    command = command_of(failure(project(code=CODE, nodes=BROKEN), **options))
    assert command[:6] == ["tauro", "run", "--env", "dev", "--pipeline", "main"]
    assert command[-2] == "--resume"
    assert " ".join(words) in " ".join(command)


def test_a_command_holds_no_secret_and_needs_no_parameter(project: Make) -> None:
    executor = project(code=CODE, nodes=BROKEN)
    text = failure(
        executor, params={"name": "a b", "api_token": "hunter2"}, start_date="2026-01-01"
    )
    assert "hunter2" not in text
    assert "--params" not in text
    with pytest.raises(PlanningError, match=r"'api_token', which look secret"):
        executor.run_pipeline("main", resume="last")
