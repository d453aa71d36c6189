"""``tauro config``: show and explain."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.config.conftest import write_files

from tauro.cli import main
from tauro.errors import ExitCode

FILES = {
    "settings_json.json": json.dumps(
        {
            "env_config": {
                "base": {
                    "global_settings_path": "c/global_settings.yaml",
                    "pipelines_config_path": "c/pipelines.yaml",
                    "nodes_config_path": "c/nodes.yaml",
                },
                "dev": {"global_settings_path": "c/dev.yaml"},
            }
        }
    ),
    "c/global_settings.yaml": """
        database:
          user: ann
          password: hunter2
        mlops:
          experiment_name: shared
          registry: {max_versions_per_model: 10}
        """,
    "c/dev.yaml": "mlops: {registry: {max_versions_per_model: ${VERSIONS|3}}}\n".replace(
        "${VERSIONS|3}", '"${VERSIONS|3}"'
    ),
    "c/pipelines.yaml": "daily:\n  nodes: [load, train_model]\n  mlops: {auto_log: false}\n",
    "c/nodes.yaml": """
        load: {function: steps_of_config.load}
        train_model: {function: steps_of_config.train, mlops: {experiment_name: own}}
        alone: {function: steps_of_config.load}
        """,
    "steps_of_config.py": "def load(): return 1\ndef train(load): return load\n",
}
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    write_files(tmp_path, FILES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["config", *arguments])
        done = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, done.out, done.err

    return call


def test_show_prints_the_merged_settings_as_yaml_with_secrets_masked(config: Command) -> None:
    code, out, _ = config("show", "--env", "dev")
    assert code == 0
    shown = yaml.safe_load(out)
    assert shown["global_settings"]["mlops"] == {
        "default_experiment_name": "shared",
        "registry": {"max_versions_per_model": "3"},
    }
    assert shown["global_settings"]["database"] == {"user": "ann", "password": "***"}
    assert shown["nodes"]["load"] == {"function": "steps_of_config.load"}
    assert "hunter2" not in out


def test_show_says_where_each_value_is_written(
    config: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERSIONS", "7")
    code, out, _ = config("show", "global_settings", "--env", "dev", "--origin")
    assert code == 0
    lines = {line.split(":")[0].strip(): line for line in out.splitlines()}
    assert lines["user"].endswith("# c/global_settings.yaml:2:9")
    assert "c/dev.yaml:1:" in lines["max_versions_per_model"]
    assert lines["max_versions_per_model"].endswith("(environment variable VERSIONS)")
    assert lines["password"].split("#")[0].split() == ["password:", '"***"']


def test_show_picks_a_part_and_names_the_nearest(config: Command) -> None:
    code, out, _ = config("show", "nodes.train_model.function")
    assert (code, out) == (0, "steps_of_config.train\n")
    code, out, err = config("show", "nodes.train_modle")
    assert (code, out) == (ExitCode.USAGE, "")
    assert "Did you mean 'train_model'" in err


def test_show_json_is_one_document(config: Command) -> None:
    code, out, _ = config("show", "nodes", "--json", "--origin")
    assert code == 0
    document: dict[str, Any] = json.loads(out)
    assert document["env"] == "base"
    assert document["settings"]["load"]["function"] == "steps_of_config.load"
    assert document["origins"]["nodes.load.function"] == "c/nodes.yaml:1:18"


def test_explain_says_why_and_which_level_set_what(config: Command) -> None:
    code, out, _ = config("explain", "train_model", "--env", "dev")
    assert code == 0
    assert out.startswith(
        "Node 'train_model' (c/nodes.yaml:2:1), pipeline daily\nML: yes, because "
    )
    rows = {line.split()[0]: line for line in out.splitlines() if line and " " in line}
    assert "own" in rows["default_experiment_name"]
    assert "node" in rows["default_experiment_name"]
    assert "global c/global_settings.yaml:5:" in rows["default_experiment_name"]
    assert "pipeline" in rows["auto_log"]
    assert "global" in rows["registry.max_versions_per_model"]
    assert "default" in rows["backend_type"]


def test_explain_json(config: Command) -> None:
    code, out, _ = config("explain", "load", "--json")
    assert code == 0
    document = json.loads(out)
    assert (document["ml"], document["pipeline"]) == (False, "daily")
    assert {row["level"] for row in document["settings"]} == {"pipeline", "global", "default"}


def test_explain_a_node_of_no_pipeline_and_an_unknown_one(config: Command) -> None:
    code, out, _ = config("explain", "alone")
    assert code == 0
    assert "ML: no, because no pipeline has it." in out
    code, _, err = config("explain", "traim_model")
    assert code == ExitCode.USAGE
    assert "Did you mean 'train_model'" in err
    code, _, err = config("explain", "load", "--pipeline", "dialy")
    assert code == ExitCode.USAGE
    assert "Did you mean 'daily'" in err


def test_a_broken_project_ends_with_every_problem_and_no_traceback(
    config: Command, tmp_path: Path
) -> None:
    (tmp_path / "c" / "nodes.yaml").write_text("load: {functon: a.b}\ntrain_model: {function: f}\n")
    code, out, err = config("show")
    assert (code, out) == (ExitCode.USAGE, "")
    assert "c/nodes.yaml:1:8: unknown key 'functon'" in err
    assert "c/nodes.yaml:2:" in err
    assert "Traceback" not in err
    code, out, _ = config("show", "--json")
    assert len(json.loads(out)["details"]["problems"]) == 2


def test_lines_are_not_wrapped_in_a_pipe(tmp_path: Path) -> None:
    long = "word " * 60
    write_files(
        tmp_path, {**FILES, "c/global_settings.yaml": f"text: {long}\nmlops: {{unknwon: 1}}\n"}
    )
    command = [sys.executable, "-m", "tauro", "config", "show"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.USAGE
    assert (
        "c/global_settings.yaml:2:9: unknown key 'unknwon' in mlops of the global settings\n"
        in done.stderr
    )
