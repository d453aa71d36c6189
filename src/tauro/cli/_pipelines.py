"""``tauro pipelines``: list, show and draw pipelines, and look at their runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tauro.cli._group import Group
from tauro.cli._options import common_options
from tauro.cli._output import Output

_F = TypeVar("_F", bound=Callable[..., Any])
_FORMATS = ("text", "mermaid", "svg")


def _project_options(command: _F) -> _F:
    project = click.option("--project", default=".", metavar="PATH", help="The project's folder.")
    env = click.option("--env", "-e", default="base", metavar="ENV", help="The environment.")
    return project(env(common_options(command)))


@click.group("pipelines", cls=Group)
def command() -> None:
    """List, show and draw pipelines and their runs."""


@command.command("list")
@_project_options
def list_command(project: str, env: str) -> None:
    """List the pipelines of the project with their newest run."""
    from tauro.project import open_project

    output = Output.current()
    executor = open_project(project, env)
    rows = [summary.to_dict() for summary in executor.list_pipelines()]
    columns = {
        "name": "PIPELINE",
        "nodes": "NODES",
        "last_status": "LAST RUN",
        "last_started_at": "STARTED",
        "description": "DESCRIPTION",
    }

    def render() -> None:
        output.table(rows, columns, empty="This project has no pipelines.")
        for row in rows:
            if row["problem"]:
                output.status(f"{row['name']} cannot run: {row['problem']}")

    output.result(rows, render)


@command.command("show")
@click.argument("name")
@_project_options
def show_command(name: str, project: str, env: str) -> None:
    """Show the nodes of a pipeline: functions, inputs, outputs, and why a node is ML."""
    from tauro.project import open_project

    output = Output.current()
    summary = open_project(project, env).describe_pipeline(name)
    document = summary.to_dict()
    columns = {
        "name": "NODE",
        "function": "FUNCTION",
        "inputs": "INPUTS",
        "outputs": "OUTPUTS",
        "dependencies": "WAITS FOR",
        "tags": "TAGS",
        "ml": "ML",
        "reason": "WHY",
    }

    def render() -> None:
        if summary.description:
            output.line(summary.description)
        output.table(document["node_list"], columns)

    output.result(document, render)


@command.command("graph")
@click.argument("name")
@click.option("--format", "kind", type=click.Choice(_FORMATS), default="text", help="What to draw.")
@click.option("--output", "-o", "path", metavar="FILE", help="Write it to a file.")
@_project_options
def graph_command(name: str, kind: str, path: str | None, project: str, env: str) -> None:
    """Draw the graph of a pipeline as text, Mermaid or SVG."""
    from tauro.project import open_project

    output = Output.current()
    text = open_project(project, env).draw_pipeline(name, kind)
    if path is not None:
        Path(path).write_text(text + "\n", encoding="utf-8")
    document = {"pipeline": name, "format": kind, "file": path, "graph": text}
    output.result(document, lambda: output.line(text if path is None else f"Wrote {path}"))


@command.command("history")
@click.argument("name", required=False, default="")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, help="How many runs, newest first."
)
@click.option("--run", "run_id", metavar="RUN", help="Show the nodes of one run.")
@click.option("--project", default=".", metavar="PATH", help="The project's folder.")
@common_options
def history_command(name: str, limit: int, run_id: str | None, project: str) -> None:
    """List the runs of a pipeline, or of all, newest first; or show one run."""
    from tauro.project import open_history

    output = Output.current()
    history = open_history(project)
    if run_id is not None:
        run = history.get_run(run_id).to_dict()
        output.result(run, lambda: _print_run(output, run))
        return
    rows = [record.summary() for record in history.list_runs(name, limit=limit)]
    output.result(rows, lambda: output.table(rows, empty="No run has been recorded."))


_HEAD = {
    "run_id": "Run",
    "pipeline": "Pipeline",
    "env": "Environment",
    "status": "Status",
    "started_at": "Started",
    "duration": "Seconds",
    "params": "Parameters",
    "dates": "Dates",
    "resumed_from": "Resumed from",
    "commit": "Commit",
    "host": "Host",
}
_NODES = {
    "name": "NODE",
    "status": "STATUS",
    "duration": "SECONDS",
    "attempts": "TRIES",
    "code": "CODE",
    "run_ids": "TRACKING RUNS",
    "error": "ERROR",
}


def _print_run(output: Output, run: dict[str, Any]) -> None:
    """Print what was asked for, what became of each node, and what was read and written."""
    output.pairs({label: run[key] for key, label in _HEAD.items() if run.get(key)})
    output.line()
    output.table(run["nodes"], _NODES)
    data = [
        {"node": node["name"], "did": did, "dataset": name, "fingerprint": fingerprint}
        for node in run["nodes"]
        for did, key in (("read", "inputs"), ("wrote", "outputs"))
        for name, fingerprint in node.get(key, {}).items()
    ]
    if data:
        output.line()
        output.table(data, {key: key.upper() for key in data[0]})
