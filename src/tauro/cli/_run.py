"""``tauro run``: run or validate a pipeline of a project."""

from __future__ import annotations

from typing import Any

import click

from tauro.cli._options import State, store_options
from tauro.cli._output import Output
from tauro.cli._run_options import given, parse_params

_names: dict[str, Any] = {"multiple": True, "metavar": "NAME"}


@click.command("run")
@click.option("--env", "-e", required=True, metavar="ENV", help="The environment, such as dev.")
@click.option("--pipeline", "-p", required=True, metavar="NAME", help="The pipeline.")
@click.option("--project", default=".", metavar="PATH", help="The project's folder or descriptor.")
@click.option("--node", "nodes", **_names, help="Run only this node.")
@click.option("--from-nodes", **_names, help="Run this node and everything that depends on it.")
@click.option("--to-nodes", **_names, help="Run this node and everything it depends on.")
@click.option("--tags", **_names, help="Run nodes with this tag.")
@click.option("--only-missing", is_flag=True, help="Leave out nodes whose outputs exist.")
@click.option("--params", multiple=True, metavar="KEY=VALUE", help="Set a parameter.")
@click.option("--start-date", metavar="DATE", help="For nodes that take it, YYYY-MM-DD.")
@click.option("--end-date", metavar="DATE", help="For nodes that take it, YYYY-MM-DD.")
@click.option("--executor", metavar="KIND", help="threads (default) or processes.")
@click.option("--max-workers", type=int, metavar="N", help="How many nodes run at once.")
@click.option("--keep-going", is_flag=True, help="After a failure, continue with other branches.")
@click.option(
    "--resume", is_flag=False, flag_value="last", metavar="[RUN]", help="Continue a failed run."
)
@click.option("--dry-run", is_flag=True, help="Show what would run, and stop.")
@click.option("--validate-only", is_flag=True, help="Check all that can be checked, and stop.")
@store_options
@click.pass_obj
def command(
    state: State,
    /,
    env: str,
    pipeline: str,
    project: str,
    dry_run: bool,
    validate_only: bool,
    params: tuple[str, ...],
    **chosen: Any,
) -> None:
    """Run a pipeline of the project in this folder."""
    from tauro.cli._run_view import RunView, duration_text
    from tauro.project import RunOptions, open_project

    output = Output.current()
    view = RunView(output)
    options = RunOptions(params=parse_params(params), **given(chosen))
    executor = open_project(project, env, store=state.store, tenant_id=state.tenant)
    view.step("Loading configuration...")
    if validate_only or dry_run:
        plan = (executor.validate if validate_only else executor.plan)(pipeline, options)
        view.step("Validating pipeline...")
        view.plan(plan, executor.detect(plan))
        return
    with view.shown():
        result = executor.run(pipeline, options, listeners=[view])
    output.result(
        result.to_dict(),
        lambda: view.step(f"Pipeline completed in {duration_text(result.duration)}"),
    )
