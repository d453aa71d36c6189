"""``tauro config``: what the files of an environment come to, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tauro.cli._group import Group
from tauro.cli._options import common_options
from tauro.cli._output import Output

if TYPE_CHECKING:
    from tauro.project import PipelineExecutor

_F = TypeVar("_F", bound=Callable[..., Any])


def _project_options(command: _F) -> _F:
    project = click.option("--project", default=".", metavar="PATH", help="The project's folder.")
    env = click.option("--env", "-e", default="base", metavar="ENV", help="The environment.")
    return project(env(common_options(command)))


@click.group("config", cls=Group)
def command() -> None:
    """Show the merged settings and where they come from."""


@command.command("show")
@click.argument("path", default="")
@click.option("--origin", is_flag=True, help="Show where each value is written.")
@_project_options
def show_command(path: str, origin: bool, project: str, env: str) -> None:
    """Print the merged settings as YAML, secrets masked; PATH picks a part, such as nodes.train."""
    from tauro.config import (
        AppConfigManager,
        ContextLoader,
        setting_origins,
        settings_lines,
        shown_settings,
    )

    output = Output.current()
    context = ContextLoader().load_from_paths(AppConfigManager(project).get_env_config(env))
    document = {"env": context.env, "settings": shown_settings(context, path)}
    if origin:
        document["origins"] = setting_origins(context, path)

    def render() -> None:
        for line in settings_lines(context, path, origins=origin):
            output.line(line)

    output.result(document, render)


@command.command("explain")
@click.argument("node")
@click.option("--pipeline", "-p", metavar="NAME", help="The pipeline; by default the first.")
@_project_options
def explain_command(node: str, pipeline: str | None, project: str, env: str) -> None:
    """Say why a node counts as ML or not, and which level set each of its MLOps settings."""
    from tauro.config import explain_settings
    from tauro.project import open_project

    output = Output.current()
    executor = open_project(project, env)
    found = pipeline or _pipeline_of(executor, node)
    settings = explain_settings(executor.context, found, node)
    is_ml, reason = _detection(executor, found, node)
    rows = [
        {
            "setting": one.key,
            "value": one.value,
            "level": one.origin.level,
            "where": f"{one.origin.location or ''} {one.origin.via}".strip(),
            "overrides": [f"{o.level} {o.location or ''}".strip() for o in one.overridden],
        }
        for one in settings
    ]

    def render() -> None:
        where = executor.context.nodes[node].location
        output.line(f"Node {node!r} ({where}), pipeline {found or 'none'}")
        output.line(f"ML: {'yes' if is_ml else 'no'}, because {reason}.")
        output.line()
        columns = {key: key.upper() for key in rows[0]}
        output.table(rows, columns)

    output.result(
        {"node": node, "pipeline": found, "ml": is_ml, "reason": reason, "settings": rows}, render
    )


def _pipeline_of(executor: PipelineExecutor, node: str) -> str | None:
    pipelines = executor.context.pipelines.values()
    return next((pipeline.name for pipeline in pipelines if node in pipeline.nodes), None)


def _detection(executor: PipelineExecutor, pipeline: str | None, node: str) -> tuple[bool, str]:
    if pipeline is None:
        return False, "no pipeline has it"
    nodes = executor.describe_pipeline(pipeline).node_list
    found = next((one for one in nodes if one.name == node), None)
    if found is None:
        return False, f"the pipeline {pipeline!r} does not have it"
    return found.ml, found.reason
