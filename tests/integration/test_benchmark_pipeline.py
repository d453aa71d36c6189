"""The program that measures pipelines measures what it says: both shapes, read back, compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import pipeline
from benchmarks._environments import measure, plain_environment
from benchmarks._pipeline_worker import write_kedro_project, write_tauro_project


@pytest.mark.parametrize("shape", ["chain", "fan"])
def test_the_worker_runs_every_node_and_checks_the_last(tmp_path: Path, shape: str) -> None:
    found = measure(sys.executable, pipeline.WORKER, "tauro", 12, shape, tmp_path)
    assert found["correct"] is True
    assert found["configuration"] > 0
    assert found["run"] > 0
    records = list((tmp_path / ".tauro" / "runs").iterdir())
    assert len(records) == 1
    lines = [json.loads(line) for line in records[0].read_text().splitlines()]
    assert sum(line["kind"] == "node" for line in lines) == 12


def test_a_wrong_answer_is_no_measurement(tmp_path: Path) -> None:
    found = measure(sys.executable, pipeline.WORKER, "tauro", "twelve", "chain", tmp_path)
    assert "error" in found
    assert "correct" not in found


def test_what_is_measured_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environment = plain_environment()
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PATH"] == os.environ["PATH"]


def test_the_projects_that_commands_run_are_whole(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "tauro", tmp_path / "kedro"
    for folder in (ours, theirs):
        folder.mkdir()
    write_tauro_project(ours, 1, "chain")
    command = [sys.executable, "-m", "tauro", "run", "--env", "base", "--pipeline", "main"]
    ran = subprocess.run(command, cwd=ours, capture_output=True, text=True, timeout=240, check=True)
    assert "[1/1]" in ran.stdout
    write_kedro_project(theirs, "1.0.0")
    assert (theirs / "src" / "one" / "pipeline_registry.py").exists()
    assert 'kedro_init_version = "1.0.0"' in (theirs / "pyproject.toml").read_text()


def test_a_median_is_shown_with_its_range() -> None:
    assert str(pipeline.Seconds((0.3, 0.1, 0.2))) == "0.200 (0.100 to 0.300)"
    assert pipeline._verdict(pipeline.Seconds((0.3, 0.1, 0.2)), "run") == "0.25 s met"
    assert pipeline._verdict(pipeline.Seconds((0.3, 0.1, 0.2)), "nodes") == "0.1 s missed"
