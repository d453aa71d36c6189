"""What the commands load: nothing that their work does not need. Times are in `benchmarks`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.project.conftest import write_project

REPORT = """
import json, sys
from tauro.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    json.dump([ended.code, sorted(sys.modules)], open("modules.json", "w"))
"""
HEAVY = {"asyncio", "email", "numpy", "pandas", "pyarrow", "rich", "sqlite3", "xml"}
LOOKING = {
    "tauro.pipeline._draw",
    "tauro.pipeline._mlops_pipeline",
    "tauro.pipeline._process",
    "tauro.pipeline._stages",
    "tauro.pipeline._svg",
    "tauro.project._auto_config",
    "tauro.project._describe",
    "tauro.project._recording",
    "tauro.project._remote",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    code = "def upper(text): return text.upper()\n"
    write_project(
        tmp_path,
        code=code,
        nodes={"upper": {"function": "steps.upper", "inputs": ["text"], "output": "loud"}},
        inputs={"text": {"path": "text.txt"}},
        outputs={"loud": {"path": "loud.txt"}},
    )
    (tmp_path / "text.txt").write_text("quiet")
    return tmp_path


def modules_of(folder: Path, *arguments: str) -> set[str]:
    """Run a command in a process of its own; return what it had loaded at its end."""
    command = [sys.executable, "-c", REPORT, *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=240)
    code, modules = json.loads((folder / "modules.json").read_text())
    assert code == 0
    return set(modules)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_look_up_no_package(folder: Path, arguments: list[str]) -> None:
    modules = modules_of(folder, *arguments)
    assert not modules & {*HEAVY, "importlib.metadata", "msgspec", "yaml", "tauro.config"}


def test_a_run_loads_what_runs_and_not_what_looks(folder: Path) -> None:
    modules = modules_of(folder, "run", "--env", "dev", "--pipeline", "main")
    assert (folder / "loud.txt").read_text() == "QUIET"
    assert not modules & (LOOKING | HEAVY - {"email"})  # entry points are read by way of email


def test_a_plan_loads_nothing_that_runs(folder: Path) -> None:
    modules = modules_of(folder, "run", "--env", "dev", "--pipeline", "main", "--dry-run")
    assert not (folder / "loud.txt").exists()
    assert "tauro.pipeline._process" not in modules
    assert not any(name.startswith(("tauro.tracking", "tauro.registry")) for name in modules)


def test_the_version_is_that_of_the_installed_package() -> None:
    from importlib.metadata import version

    import tauro

    assert tauro.__version__ == version("tauro")
