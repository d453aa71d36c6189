"""``tauro new``: the project runs at once and its tests pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tauro.cli import main
from tauro.errors import ExitCode

PIPELINES = {"ml": "training", "etl": "daily_sales"}
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["new", *arguments])
        done = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, done.out, done.err

    return call


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    ours = ("TAURO_", "PYTEST_", "STORE_PATH")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=clean,
    )


@pytest.mark.parametrize("template", PIPELINES)
def test_the_project_runs_at_once_and_its_tests_pass(
    new: Command, tmp_path: Path, template: str
) -> None:
    if template == "ml":
        pytest.importorskip("sklearn")
    code, out, _ = new("my-shop", "--template", template)
    assert code == 0
    assert f"tauro run --env dev --pipeline {PIPELINES[template]}" in out
    folder = tmp_path / "my-shop"
    done = python(folder, "-m", "tauro", "run", "--env", "dev", "--pipeline", PIPELINES[template])
    assert done.returncode == 0, done.stderr
    assert "✓ Pipeline completed" in done.stdout
    assert done.stderr == ""
    assert list((folder / "data" / "output" / "dev").iterdir())
    assert (folder / "mlops_data").is_dir() == (template == "ml")
    tests = python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
    assert tests.returncode == 0, tests.stdout
    assert "3 passed" in tests.stdout


@pytest.mark.parametrize("template", PIPELINES)
def test_nothing_of_the_template_is_left(new: Command, tmp_path: Path, template: str) -> None:
    new("My-Shop", "--template", template)
    written = [path for path in (tmp_path / "My-Shop").rglob("*") if path.is_file()]
    assert (tmp_path / "My-Shop" / "my_shop" / "__init__.py") in written
    for path in written:
        assert path.suffix != ".tmpl"
        text = path.read_text(encoding="utf-8")
        assert "{{" not in text
        if path.suffix == ".py":
            compile(text, str(path), "exec")


def test_json_lists_what_was_written(new: Command, tmp_path: Path) -> None:
    code, out, _ = new("shop", "--template", "etl", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["next"][0] == "cd shop"
    assert all((tmp_path / path).is_file() for path in document["files"])
    assert "shop/settings_json.json" in document["files"]


def test_the_project_may_lie_below_another_folder(new: Command, tmp_path: Path) -> None:
    code, _, _ = new("work/shop", "--template", "etl")
    assert code == 0
    assert (tmp_path / "work" / "shop" / "shop" / "orders.py").is_file()


@pytest.mark.parametrize("name", ["1shop", "my shop", "class", "json", "tauro", "tests", "..", "é"])
def test_a_name_that_is_no_package_is_refused(new: Command, tmp_path: Path, name: str) -> None:
    code, _, err = new(name)
    assert code == ExitCode.USAGE
    assert "cannot be called" in err
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(new: Command, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mine.txt").write_text("mine")
    code, _, err = new("shop")
    assert code == ExitCode.USAGE
    assert "not empty" in err
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert new("empty", "--template", "etl")[0] == 0


def test_an_unknown_template_is_refused(new: Command) -> None:
    code, _, err = new("shop", "--template", "etll")
    assert code == ExitCode.USAGE
    assert "'ml', 'etl'" in err
