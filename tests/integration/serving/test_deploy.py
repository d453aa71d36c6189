"""The files of ``deploy/``: what they copy exists, what they call is known, they are no root."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tauro.cli._serve import command

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
    assert deployment["terminationGracePeriodSeconds"] > 30
    service = rendered("service.yaml")["spec"]
    assert service["selector"] == {"app.kubernetes.io/instance": "cover"}


@pytest.mark.parametrize("path", ["kserve.yaml", "helm/tauro-serve/Chart.yaml"])
def test_the_other_files_are_yaml_with_a_version(path: str) -> None:
    assert yaml.safe_load((DEPLOY / path).read_text())["apiVersion"]
