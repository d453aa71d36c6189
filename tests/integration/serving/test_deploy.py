"""The files of ``deploy/``: what they copy exists, what they call is known, they are no root."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tauro.cli._serve import command
from tauro.serving import Limits
from tauro.serving._workers import _LEAVE

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "tauro-serve"


def known_options() -> set[str]:
    options = [each for each in command.params if isinstance(each, click.Option)]
    return {name for option in options for name in option.opts}


def test_the_image_copies_what_is_there_and_runs_as_nobody() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--" not in line]
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for name in [name for names in copied for name in names]:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in allowed
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users == ["10001"]
    entry = next(line for line in lines if line.startswith("ENTRYPOINT"))
    called = json.loads(entry.removeprefix("ENTRYPOINT"))
    assert called[:2] == ["tauro", "serve"]
    assert {each for each in called if each.startswith("--")} <= known_options()


def test_the_image_installs_extras_that_exist() -> None:
    import tomllib

    text = (DEPLOY / "Dockerfile").read_text()
    wanted = re.findall(r'"\.\[([a-z,]+)\]"', text)[0].split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(wanted) <= set(project["optional-dependencies"])


def test_what_the_image_copies_is_enough_to_build_the_library(tmp_path: Path) -> None:
    """The context that the ignore file lets through, and nothing else, makes a wheel."""
    context = tmp_path / "context"
    context.mkdir()
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for name in [line[1:] for line in allowed if line.startswith("!")]:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, context / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, context / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=context, check=True, capture_output=True, timeout=280)
    (wheel,) = tmp_path.glob("tauro-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert "tauro/serving/_server.py" in names
        assert "tauro/py.typed" in names
        assert not [name for name in names if not name.startswith("tauro")]
        entry = next(name for name in names if name.endswith("entry_points.txt"))
        assert "tauro = tauro.cli:main" in archive.read(entry).decode()


def test_a_pod_ends_after_its_server_has() -> None:
    limits = Limits()
    grace = rendered("deployment.yaml")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > limits.linger + limits.drain + _LEAVE


def rendered(name: str) -> Any:
    """Return a template with the chart's values, as far as ours use the language of templates."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    text = (CHART / "templates" / name).read_text()
    loop = re.search(
        r"( *)\{\{- range \.Values\.models \}\}\n(.*?)\n *\{\{- end \}\}\n", text, re.DOTALL
    )
    if loop is not None:
        lines = [loop[2].replace("{{ . | quote }}", f'"{model}"') for model in values["models"]]
        text = text.replace(loop[0], "\n".join(lines) + "\n")

    def value(match: re.Match[str]) -> str:
        found: Any = {"Values": values, "Release": {"Name": "cover"}}
        for key in match[1].split("."):
            found = found[key]
        return str(found)

    text = re.sub(r"\{\{- toYaml \.Values\.(\w+) \| nindent \d+ \}\}", r"{{ .Values.\1 }}", text)
    return yaml.safe_load(re.sub(r"\{\{ \.([\w.]+) \}\}", value, text))


def test_the_chart_starts_the_server_with_options_that_it_has() -> None:
    deployment = rendered("deployment.yaml")["spec"]["template"]["spec"]
    container = deployment["containers"][0]
    options = [each.partition("=")[0] for each in container["args"] if each.startswith("--")]
    assert container["args"][0] == "cover"
    assert set(options) <= known_options()
    assert deployment["securityContext"]["runAsNonRoot"] is True
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    service = rendered("service.yaml")["spec"]
    assert service["selector"] == {"app.kubernetes.io/instance": "cover"}


@pytest.mark.parametrize("path", ["kserve.yaml", "helm/tauro-serve/Chart.yaml"])
def test_the_other_files_are_yaml_with_a_version(path: str) -> None:
    assert yaml.safe_load((DEPLOY / path).read_text())["apiVersion"]
