"""An ETL run in a fresh process: the same modules, files and threads as with MLOps disabled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.project.conftest import write_project

CODE = """
def load(raw): return raw.split()
def profit_report(load): return {"words": len(load)}
"""
NODES = {
    "load": {"function": "steps.load", "inputs": {"raw": "raw"}},
    "profit_report": {
        "function": "steps.profit_report",
        "dependencies": ["load"],
        "output": "report",
    },
}
PROBE = """
import atexit, json, os, sys, threading

opened, threads = set(), []
started = threading.Thread.start

def start(self):
    threads.append(self.name)
    started(self)

threading.Thread.start = start

def note(event, args):
    # Code is read from its compiled form or not, and the compiled form written or not.
    is_path = event == "open" and isinstance(args[0], str)
    if is_path and "__pycache__" not in args[0] and not args[0].endswith(".py"):
        opened.add(os.path.relpath(args[0]) if args[0].startswith(os.getcwd()) else args[0])

sys.addaudithook(note)

@atexit.register
def tell():
    with open(os.environ["PROBE_RESULT"], "w") as file:
        opened.discard(os.environ["PROBE_RESULT"])
        json.dump({"modules": sorted(sys.modules), "opened": sorted(opened), "threads": threads,
                   "descriptors": len(os.listdir("/dev/fd"))}, file)

from tauro.cli import main
main(["run", "--env", "dev", "--pipeline", "main"])
"""
FORBIDDEN = (
    "tauro.tracking",
    "tauro.registry",
    "tauro.storage",
    "tauro.mlops",
    "tauro.flavors",
    "pandas",
    "numpy",
    "pyarrow",
    "sklearn",
    "rich",
)


def observe(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Run the pipeline in a fresh process and return what it loaded, opened and started."""
    project = folder / "project"
    write_project(
        project,
        code=CODE,
        nodes=NODES,
        inputs={"raw": {"path": "raw.txt"}},
        outputs={"report": {"path": "report.json"}},
        settings=settings,
    )
    (project / "raw.txt").write_text("one two three")
    result = folder / "result.json"
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=project,
        env={**os.environ, "PROBE_RESULT": str(result), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(result.read_text())
    seen["files"] = sorted(
        str(path.relative_to(project))
        for path in project.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    seen["home"] = sorted(path.name for path in folder.iterdir())
    return seen


def without_ids(paths: list[str]) -> list[str]:
    """Return paths without the run's id and without names that are made up for each process."""
    kept = (path for path in paths if ".tmp-" not in path)
    return sorted({f"{path[:12]}*.jsonl" if ".jsonl" in path else path for path in kept})


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    plain = observe(tmp_path_factory.mktemp("plain"), {})
    disabled = observe(tmp_path_factory.mktemp("off"), {"mlops": {"enabled": False}})
    return plain, disabled


Seen = tuple[dict[str, Any], dict[str, Any]]


def test_the_same_modules_are_loaded(seen: Seen) -> None:
    plain, disabled = seen
    assert plain["modules"] == disabled["modules"]


def test_nothing_of_the_tracking_side_is_loaded(seen: Seen) -> None:
    loaded = [
        name
        for name in seen[0]["modules"]
        if any(name == bad or name.startswith(f"{bad}.") for bad in FORBIDDEN)
    ]
    assert loaded == []


def test_no_file_is_made_but_the_output_and_the_record(seen: Seen) -> None:
    plain, disabled = seen
    made = [path for path in plain["files"] if not path.startswith("config")]
    assert without_ids(made) == [
        ".tauro/runs/*.jsonl",
        "raw.txt",
        "report.json",
        "settings_json.json",
        "steps.py",
    ]
    assert without_ids(disabled["files"]) == without_ids(plain["files"])
    assert plain["home"] == ["project", "result.json"]


def test_the_same_files_are_opened_and_none_stays_open(seen: Seen) -> None:
    plain, disabled = seen
    assert without_ids(plain["opened"]) == without_ids(disabled["opened"])
    assert plain["descriptors"] == disabled["descriptors"]
    assert plain["descriptors"] <= 5


def test_no_thread_is_started(seen: Seen) -> None:
    assert seen[0]["threads"] == seen[1]["threads"] == []
