"""``tauro run``: what it prints where, its options, its exit codes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.unit.project.conftest import project, write_project

from tauro.cli import main
from tauro.cli._run_options import parse_params

__all__ = ["project"]

CODE = """
import sys, time
from pathlib import Path
HERE = Path(__file__).parent
def load(raw): print("loading"); return raw.split()
def count(load, factor=1): print("counting", file=sys.stderr); return {"words": len(load) * factor}
def dated(start_date): return start_date
def broken(): raise ValueError("bad value")
def flaky():
    with (HERE / "tries").open("a") as file: file.write("x")
    if len((HERE / "tries").read_text()) < 3: raise ConnectionError("not yet")
def wait():
    (HERE / "waiting").touch()
    time.sleep(600)
def odd(): return object()
def train_long():
    import tauro
    tauro.log_param("seed", 1)
    wait()
"""
NODES = {
    "load": {"function": "steps.load", "inputs": {"raw": "raw"}, "tags": ["input"]},
    "count": {"function": "steps.count", "dependencies": ["load"], "output": "counts"},
    "dated": {"function": "steps.dated"},
    "broken": {"function": "steps.broken", "dependencies": ["load"]},
    "flaky": {"function": "steps.flaky", "retries": {"count": 4, "delay": 0.01}},
    "wait": {"function": "steps.wait"},
    "odd": {"function": "steps.odd"},
    "slow": {"function": "steps.wait", "timeout": 0.5},
    "train_long": {"function": "steps.train_long"},
}
PIPELINES = {
    "words": {"nodes": ["load", "count"]},
    "broken": {"nodes": ["load", "broken"]},
    **{name: {"nodes": [name]} for name in ("dated", "flaky", "wait", "odd", "slow", "train_long")},
}


@dataclass
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in the working directory."""
    write_project(
        tmp_path,
        code=CODE,
        nodes=NODES,
        pipelines=PIPELINES,
        inputs={"raw": {"path": "raw.txt"}},
        outputs={"counts": {"path": "counts.json"}},
    )
    (tmp_path / "raw.txt").write_text("a b c")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, project: object, capsys: pytest.CaptureFixture[str]) -> Command:
    """Call ``tauro run`` for a pipeline of the project."""
    del folder, project  # the one makes the files, the other forgets their modules

    def call(pipeline: str, *arguments: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main(["run", "--env", "dev", "--pipeline", pipeline, *arguments])
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, out, err)

    return call


def test_a_run_prints_its_steps_before_what_the_nodes_print(run: Command, folder: Path) -> None:
    ran = run("words")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[:-1] == [
        "✓ Loading configuration...",
        "✓ Validating pipeline...",
        "✓ Starting execution...",
        "✓ load ................................. [1/2]",
        "loading",
        "✓ count ................................ [2/2]",
    ]
    assert re.fullmatch(r"✓ Pipeline completed in \d+\.\d seconds", lines[-1])
    assert json.loads((folder / "counts.json").read_text()) == {"words": 3}


def test_json_is_one_document_and_all_else_is_on_stderr(run: Command) -> None:
    ran = run("words", "--json")
    assert ran.code == 0
    assert ran.json["success"] is True
    assert [node["name"] for node in ran.json["nodes"]] == ["load", "count"]
    assert ran.json["nodes"][1]["value"] == {"words": 3}
    assert "loading" in ran.err
    assert "✓ Starting execution..." in ran.err


def test_a_value_that_json_cannot_hold_is_described(run: Command) -> None:
    assert run("odd", "--json").json["nodes"][0]["value"] == "<object>"


def test_validating_runs_and_writes_nothing(run: Command, folder: Path) -> None:
    ran = run("words", "--validate-only")
    assert ran.code == 0
    assert "loading" not in ran.out
    assert "✓ Validating pipeline..." in ran.out
    assert not (folder / ".tauro").exists()
    assert not (folder / "counts.json").exists()
    assert run("words", "--validate-only", "--json").json["valid"] is True


def test_validating_finds_missing_data_and_running_dry_does_not_look(
    run: Command, folder: Path
) -> None:
    (folder / "raw.txt").unlink()
    ran = run("words", "--validate-only")
    assert ran.code == 2
    assert "Dataset 'raw'" in ran.err
    assert "raw.txt" in ran.err
    dry = run("words", "--dry-run")
    assert dry.code == 0
    assert re.search(r"count\s+steps\.count\s+counts\s+load", dry.out)


def test_a_failure_says_where_and_how_to_resume_without_a_traceback(
    run: Command, folder: Path
) -> None:
    ran = run("broken")
    assert ran.code == 1
    assert "✗ broken failed after" in ran.out
    assert "Traceback" not in ran.out + ran.err
    assert "ValueError: bad value" in ran.err
    assert f"{folder / 'steps.py'}:8" in ran.err
    command = re.search(r"Resume with: (tauro run .*)", ran.err)
    assert command
    run_id = command[1].split()[-1]
    assert command[1] == f"tauro run --env dev --pipeline broken --resume {run_id}"

    (folder / "steps.py").write_text(CODE.replace('raise ValueError("bad value")', "return 1"))
    del sys.modules["steps"]
    resumed = run("broken", "--resume", run_id)
    assert resumed.code == 0
    assert f"✓ load finished in run {run_id}" in resumed.out
    assert "loading" not in resumed.out


def test_resume_without_a_run_takes_the_newest(run: Command) -> None:
    run("broken")
    assert "finished in run" in run("broken", "--resume").out


def test_debug_shows_the_traceback(run: Command) -> None:
    ran = run("broken", "--debug")
    assert "Traceback" in ran.err
    assert "in broken" in ran.err


def test_a_failure_with_json_is_one_document(run: Command) -> None:
    ran = run("broken", "--json")
    assert ran.code == 1
    assert ran.json["error"] is True
    assert ran.json["error_code"] == "PIPELINE_ERROR"
    assert ran.json["details"]["node"] == "broken"
    assert ran.json["exit_code"] == 1


def test_a_parameter_that_is_no_json_is_a_text() -> None:
    deep = "[" * 100_000
    assert parse_params(["a=1", "b=[x", f"c={deep}"]) == {"a": 1, "b": "[x", "c": deep}


@pytest.mark.parametrize(
    ("pipeline", "arguments", "code", "message"),
    [
        ("word", [], 2, "Did you mean 'words'?"),
        ("words", ["--node", "cuont"], 2, "Did you mean 'count'?"),
        ("words", ["--tags", "inputs"], 2, "Did you mean 'input'?"),
        ("words", ["--node", "count"], 2, "needs 'load', which only node 'load' gives"),
        ("words", ["--params", "factor"], 2, "'factor' is not KEY=VALUE."),
        ("words", ["--executor", "thread"], 2, "Did you mean 'threads'?"),
        ("words", ["--executor", "processes"], 2, "only in memory .* 'load' -> 'count'"),
        ("words", ["--max-workers", "0"], 2, "at least 1, got 0"),
        ("words", ["--start-date", "2026-13-01"], 2, "start_date must be a date"),
        (
            "words",
            ["--start-date", "2026-02-01", "--end-date", "2026-01-01"],
            2,
            "end_date 2026-01-01 lies before start_date 2026-02-01",
        ),
        ("dated", [], 2, "Give --start-date as YYYY-MM-DD"),
        ("slow", [], 2, "cannot end a node, but a timeout is set for 'slow'"),
        ("words", ["--resume"], 2, "has no run to resume"),
        ("words", ["--resume", "nothing"], 2, "There is no run 'nothing'"),
        ("words", ["--max-worker", "2"], 2, "No such option"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(
    run: Command, folder: Path, pipeline: str, arguments: list[str], code: int, message: str
) -> None:
    ran = run(pipeline, *arguments)
    assert ran.code == code
    assert re.search(message, ran.err)
    assert "Traceback" not in ran.err
    assert not (folder / ".tauro").exists(), "nothing was started"


def test_an_unknown_environment_and_a_missing_project_are_mistakes(
    run: Command, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--env", "dve", "--pipeline", "words"])
    assert ended.value.code == 2
    assert "Did you mean 'dev'?" in capsys.readouterr().err
    elsewhere = folder / "empty"
    elsewhere.mkdir()
    assert run("words", "--project", str(elsewhere)).code == 2


def test_params_are_read_as_json_where_they_are(run: Command) -> None:
    ran = run("words", "--params", "factor=2", "--json")
    assert ran.json["nodes"][1]["value"] == {"words": 6}


def test_dates_reach_the_nodes_that_take_them(run: Command) -> None:
    ran = run("dated", "--start-date", "2026-01-31", "--json")
    assert ran.json["nodes"][0]["value"] == "2026-01-31"


@pytest.mark.parametrize(
    ("arguments", "nodes"),
    [
        (["--node", "load"], ["load"]),
        (["--tags", "input"], ["load"]),
        (["--to-nodes", "load"], ["load"]),
        (["--from-nodes", "load"], ["load", "count"]),
        (["--node", "load,count"], ["load", "count"]),
        (["--node", "load", "--node", "count"], ["load", "count"]),
    ],
)
def test_a_part_of_the_pipeline_runs(run: Command, arguments: list[str], nodes: list[str]) -> None:
    ran = run("words", "--json", *arguments)
    assert [node["name"] for node in ran.json["nodes"]] == nodes


def test_only_missing_runs_nothing_where_all_is_there(run: Command, folder: Path) -> None:
    assert [node["name"] for node in run("words", "--json").json["nodes"]] == ["load", "count"]
    assert run("words", "--json", "--only-missing").json["nodes"] == []
    (folder / "counts.json").unlink()
    again = run("words", "--json", "--only-missing").json["nodes"]
    assert [node["name"] for node in again] == ["load", "count"]


def test_retries_are_told(run: Command, folder: Path) -> None:
    ran = run("flaky")
    assert ran.code == 0
    assert ran.out.count("↻") == 2
    assert "ConnectionError: not yet" in ran.out
    assert "Try 3 of 5 of flaky" in ran.out
    assert (folder / "tries").read_text() == "xxx"


# Whole processes


def start(folder: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tauro", "run", "--env", "dev", "--pipeline", *arguments]
    return subprocess.Popen(command, cwd=folder, text=True, **options)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 240
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("arguments", [[], ["--executor", "processes", "--max-workers", "2"]])
def test_a_signal_stops_cleanly_and_prints_how_to_resume(
    folder: Path, arguments: list[str], number: signal.Signals
) -> None:
    process = start(folder, "wait", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(folder / "waiting")
    process.send_signal(number)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert re.search(r"Resume with: tauro run --env dev --pipeline wait .*--resume \w{26}", err)
    (record,) = (folder / ".tauro" / "runs").iterdir()
    last = json.loads(record.read_text().splitlines()[-1])
    assert last["status"] == "interrupted"


@pytest.mark.parametrize("arguments", [[], ["--executor", "processes"]])
def test_a_stopped_ml_node_leaves_no_open_tracking_run(folder: Path, arguments: list[str]) -> None:
    process = start(
        folder, "train_long", *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(folder / "waiting")
    process.send_signal(signal.SIGINT)
    assert process.wait(240) == 130
    from tauro.mlops import ExperimentTracker, RunStatus

    with ExperimentTracker(folder / "mlops_data") as tracker:
        (listed,) = tracker.list_runs()
        run = tracker.get_run(listed["run_id"])
        assert run.status is RunStatus.CANCELLED
        assert run.parameters == {"seed": 1}
        assert run.name == "train_long.train_long"


def test_a_killed_run_is_abandoned_and_can_be_resumed(folder: Path) -> None:
    process = start(folder, "wait", stdout=subprocess.DEVNULL)
    wait_for(folder / "waiting")
    process.kill()
    process.wait(240)
    from tauro.project import RunHistory

    (record,) = RunHistory(folder).list_runs("wait")
    assert record.status == "abandoned"
    assert RunHistory(folder).find_resumable("wait").run_id == record.run_id
