"""Broken configurations: each a folder laid over a good project, with the message it must give."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.unit.config.conftest import load

from tauro.config import ConfigError

CASES = Path(__file__).parents[2] / "cases" / "config"
PROJECT = CASES / "_project"
NAMES = sorted(path.name for path in CASES.iterdir() if path.name != PROJECT.name)


def project_of(case: Path, folder: Path) -> Path:
    shutil.copytree(PROJECT, folder)
    shutil.copytree(case, folder, dirs_exist_ok=True)
    return folder


def error_of(case: Path, folder: Path) -> ConfigError:
    env = case / "env"
    with pytest.raises(ConfigError) as caught:
        load(project_of(case, folder), env.read_text().strip() if env.exists() else "dev")
    return caught.value


def test_the_project_below_the_cases_is_good(tmp_path: Path) -> None:
    shutil.copytree(PROJECT, tmp_path / "project")
    assert list(load(tmp_path / "project").nodes) == ["load", "clean"]


def test_there_are_enough_cases() -> None:
    assert len(NAMES) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_configuration_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole message, word for word; run with TAURO_WRITE_CASES=1 to write it anew."""
    folder = tmp_path / "project"
    monkeypatch.chdir(tmp_path)
    error = error_of(CASES / name, folder)
    message = str(error).replace("project/", "")
    expected = CASES / name / "expected.txt"
    if os.environ.get("TAURO_WRITE_CASES"):
        expected.write_text(message + "\n", encoding="utf-8")
    assert message + "\n" == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_problem_has_a_file_a_line_and_a_remedy(name: str, tmp_path: Path) -> None:
    error = error_of(CASES / name, tmp_path / "project")
    assert error.problems
    for problem in error.problems:
        assert problem.location is not None
        assert Path(problem.location.file).name in str(problem)
        assert problem.location.line > 0
        assert problem.suggestions
        assert "hunter2" not in str(problem)
    assert error.to_dict()["details"]["problems"][0]["line"] > 0
