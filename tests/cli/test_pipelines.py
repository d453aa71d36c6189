"""``tauro pipelines``: list, show, graph, history."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.unit.project.conftest import project, write_project

from tauro.cli import main
from tauro.errors import PipelineExecutionError
from tauro.project import open_project

__all__ = ["project"]

CODE = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from tauro.mlops import ExperimentTracker
def load(): return [1]
def quiet(load, tracker: ExperimentTracker): return load
def fails(): raise ValueError("no")
"""
NODES = {
    "load": {"function": "steps.load"},
    "quiet": {"function": "steps.quiet", "dependencies": ["load"], "tags": ["nightly"]},
    "fails": {"function": "steps.fails"},
    "gone": {"function": "steps.gone"},
}
PIPELINES = {
    "good": {"nodes": ["load"], "description": "Loads."},
    "bad": {"nodes": ["load", "fails"]},
    "hinted": {"nodes": ["load", "quiet"]},
    "broken": {"nodes": ["gone"]},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: object) -> Path:
    del project
    write_project(tmp_path, code=CODE, nodes=NODES, pipelines=PIPELINES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pipelines(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    del folder

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["pipelines", *arguments])
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return call


def document(pipelines: Command, *arguments: str) -> Any:
    code, out, err = pipelines(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_pipelines_are_listed_with_their_newest_run(pipelines: Command, folder: Path) -> None:
    executor = open_project(folder, "dev")
    executor.run_pipeline("good")
    with pytest.raises(PipelineExecutionError):
        executor.run_pipeline("bad")
    listed = {row["name"]: row for row in document(pipelines, "list")}
    assert list(listed) == ["good", "bad", "hinted", "broken"]
    assert listed["good"]["last_status"] == "succeeded"
    assert listed["bad"]["last_status"] == "failed"
    assert listed["hinted"]["last_status"] == ""
    assert listed["bad"]["nodes"] == 2
    _, out, _ = pipelines("list")
    assert "Loads." in out


def test_a_pipeline_whose_graph_cannot_be_made_does_not_hide_the_others(
    pipelines: Command, folder: Path
) -> None:
    circle = {
        "first": {"function": "steps.load", "dependencies": ["second"]},
        "second": {"function": "steps.load", "dependencies": ["first"]},
    }
    both = {"circle": {"nodes": ["first", "second"], "description": "Turns."}, **PIPELINES}
    write_project(folder, code=CODE, nodes={**NODES, **circle}, pipelines=both)
    listed = {row["name"]: row for row in document(pipelines, "list")}
    assert list(listed) == ["circle", "good", "bad", "hinted", "broken"]
    assert listed["circle"]["problem"].startswith("Pipeline 'circle' has a cycle: ")
    assert listed["circle"]["nodes"] == 0
    assert not listed["good"]["problem"]
    code, out, err = pipelines("list")
    assert code == 0
    assert "Turns." in out
    assert "circle cannot run: Pipeline 'circle' has a cycle" in err


def test_a_pipeline_is_shown_with_the_reason_why_a_node_is_ml(pipelines: Command) -> None:
    shown = {node["name"]: node for node in document(pipelines, "show", "hinted")["node_list"]}
    assert shown["quiet"]["ml"] is True
    assert shown["quiet"]["reason"] == "its function asks for ExperimentTracker by type hint"
    assert shown["quiet"]["dependencies"] == ["load"]
    assert shown["quiet"]["tags"] == ["nightly"]
    assert shown["load"]["ml"] is False


def test_a_pipeline_that_cannot_run_can_be_shown(pipelines: Command) -> None:
    assert document(pipelines, "show", "broken")["node_list"][0]["name"] == "gone"


def test_a_graph_is_drawn_in_three_ways(pipelines: Command, folder: Path) -> None:
    assert pipelines("graph", "hinted")[1] == "load\n└─ quiet (ML)\n"
    assert pipelines("graph", "hinted", "--format", "mermaid")[1].startswith("flowchart LR\n")
    code, out, _ = pipelines("graph", "hinted", "--format", "svg", "-o", "graph.svg")
    assert (code, out) == (0, "Wrote graph.svg\n")
    assert ET.parse(folder / "graph.svg").getroot().tag.endswith("svg")
    assert document(pipelines, "graph", "good")["graph"] == "load"


def test_history_lists_runs_and_shows_one(pipelines: Command, folder: Path) -> None:
    executor = open_project(folder, "dev")
    first = executor.run_pipeline("good").run_id
    with pytest.raises(PipelineExecutionError):
        executor.run_pipeline("bad")
    second = executor.run_pipeline("good").run_id
    assert [row["run_id"] for row in document(pipelines, "history", "good")] == [second, first]
    assert len(document(pipelines, "history")) == 3
    assert [row["status"] for row in document(pipelines, "history", "--limit", "2")] == [
        "succeeded",
        "failed",
    ]
    record = document(pipelines, "history", "--run", first)
    assert record["status"] == "succeeded"
    assert [node["name"] for node in record["nodes"]] == ["load"]
    _, out, _ = pipelines("history", "bad")
    assert "failed" in out
    assert "1/2" in out


def test_one_run_is_shown_with_what_it_read_and_wrote(
    pipelines: Command, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(
        folder,
        code="def copy(raw, n=0): return raw * n\n",
        nodes={"copy": {"function": "steps.copy", "inputs": ["raw"], "output": "copied"}},
        inputs={"raw": {"path": "raw.txt"}},
        outputs={"copied": {"path": "copied.txt"}},
    )
    (folder / "raw.txt").write_text("abc")
    result = open_project(folder, "dev").run_pipeline(
        "main", params={"n": 2, "api_token": "hunter2"}, start_date="2026-01-01"
    )
    capsys.readouterr()
    _, out, _ = pipelines("history", "--run", result.run_id)
    rows = [line.split() for line in out.splitlines()]
    assert ["Run", result.run_id] in rows
    assert ["Parameters", "n=2,", "api_token=***"] in rows
    assert ["Dates", "start_date=2026-01-01"] in rows
    assert any(row[:2] == ["copy", "succeeded"] for row in rows)
    (read,) = [row for row in rows if row[1:3] == ["read", "raw"]]
    (wrote,) = [row for row in rows if row[1:3] == ["wrote", "copied"]]
    assert read[3].startswith("blake2b:")
    assert read[3] != wrote[3]
    assert "hunter2" not in out


def test_without_runs_it_says_so(pipelines: Command) -> None:
    assert pipelines("history")[1] == "No run has been recorded.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "god"], "Did you mean 'good'?"),
        (["graph", "hintd"], "Did you mean 'hinted'?"),
        (["graph", "good", "--format", "png"], "'png' is not one of"),
        (["history", "--run", "x"], "There is no run 'x'"),
        (["history", "--limit", "0"], "0 is not in the range"),
        (["show"], "Missing argument"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(
    pipelines: Command, arguments: list[str], message: str
) -> None:
    code, _, err = pipelines(*arguments)
    assert code == 2
    assert message in err


def test_a_damaged_record_is_named_and_the_others_are_listed(
    pipelines: Command, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    executor = open_project(folder, "dev")
    good, bad = executor.run_pipeline("good").run_id, executor.run_pipeline("good").run_id
    (folder / ".tauro" / "runs" / f"{bad}.jsonl").write_text("{broken\n")
    assert [row["run_id"] for row in document(pipelines, "history")] == [good]
    assert f"{bad}.jsonl is damaged" in caplog.text
    code, _, err = pipelines("history", "--run", bad)
    assert code == 1
    assert "Delete the file." in err
