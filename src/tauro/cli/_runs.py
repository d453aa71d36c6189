"""``tauro runs``: tracked runs."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from tauro.cli._group import Group
from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._runs_view import (
    PAGE,
    SHOWN,
    STATUSES,
    compared_rows,
    print_run,
    print_runs,
    run_rows,
    seconds_between,
)
from tauro.cli._stores import open_tracker
from tauro.errors import ExperimentNotFoundError

if TYPE_CHECKING:
    from tauro.tracking import ExperimentTracker


@click.group(name="runs", cls=Group)
def command() -> None:
    """List, show, compare and search tracked runs."""


def _experiment(tracker: ExperimentTracker, text: str | None) -> str | None:
    """Return the id of an experiment that the user named by id or name."""
    if text is None:
        return None
    found = tracker.find_experiment(text)
    if found is not None:
        return found.experiment_id
    try:
        return tracker.get_experiment(text).experiment_id
    except ExperimentNotFoundError as error:
        names = ", ".join(repr(each.name) for each in tracker.list_experiments()[:10])
        error.suggestions = (*error.suggestions, f"Experiments here: {names or 'none'}.")
        raise


@command.command("list")
@click.option("--experiment", "-e", help="Only of this experiment, by name or id.")
@click.option(
    "--status",
    type=click.Choice(STATUSES, case_sensitive=False),
    help="Only of this status; an abandoned run is recorded as running and its process is gone.",
)
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many runs at most.",
)
@click.option("--deleted", is_flag=True, help="Deleted runs too.")
@store_options
def list_runs(experiment: str | None, status: str | None, limit: int, deleted: bool) -> None:
    """List runs, newest first."""
    output, tracker = Output.current(), open_tracker()
    rows = run_rows(
        tracker,
        status,
        experiment_ids=_experiment(tracker, experiment),
        limit=min(limit, PAGE),
        include_deleted=deleted,
    )
    print_runs(output, list(islice(rows, limit)))


@command.command("search")
@click.argument("filter_text", metavar="FILTER")
@click.option("--experiment", "-e", help="Only of this experiment, by name or id.")
@click.option("--order-by", "-o", multiple=True, help="Such as 'metrics.auc DESC'.")
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many runs at most.",
)
@store_options
def search(filter_text: str, experiment: str | None, order_by: tuple[str, ...], limit: int) -> None:
    """Search runs: tauro runs search "metrics.auc > 0.9 and params.depth = '3'"."""
    output, tracker = Output.current(), open_tracker()
    rows = run_rows(
        tracker,
        experiment_ids=_experiment(tracker, experiment),
        filter=filter_text,
        order_by=order_by or None,
        limit=min(limit, PAGE),
    )
    print_runs(output, list(islice(rows, limit)))


@command.command("show")
@click.argument("run_id")
@click.option("--all", "whole", is_flag=True, help=f"All values in full, not {SHOWN} of a kind.")
@store_options
def show(run_id: str, whole: bool) -> None:
    """Show a run: parameters, metrics, tags, artifacts, environment, and how it ended."""
    output, tracker = Output.current(), open_tracker()
    run = tracker.get_run(run_id)
    files = [{"path": each.path, "size": each.size} for each in tracker.list_artifacts(run)]

    took = seconds_between(run.start_time, run.end_time)
    facts = {"is_abandoned": run.is_abandoned, "duration": took, "files": files}
    document = {**run.to_dict(), **facts}
    output.result(document, lambda: print_run(output, run, files, whole=whole))


@command.command("compare")
@click.argument("run_ids", nargs=-1, required=True)
@click.option(
    "--values",
    type=click.Choice(["last", "min", "max"]),
    default="last",
    help="Which value of each metric (default: last).",
)
@store_options
def compare(run_ids: tuple[str, ...], values: str) -> None:
    """Compare runs side by side: one column per run, one line per metric or parameter."""
    output, tracker = Output.current(), open_tracker()
    rows = compared_rows(tracker, run_ids, values)

    def render() -> None:
        heads = {"": "", **{str(row["run_id"]): str(row["name"]) for row in rows}}
        table = [
            {"": column, **{str(row["run_id"]): row[column] for row in rows}}
            for column in rows[0]
            if column != "name"
        ]
        output.table(table, heads)

    output.result(rows, render)


@command.command("history")
@click.argument("run_id")
@click.argument("key")
@click.option("--max-points", type=int, help="Print at most about this many; spikes are kept.")
@store_options
def history(run_id: str, key: str, max_points: int | None) -> None:
    """Print the points of a metric.

    With --json a value that is no finite number is the text "NaN", "Infinity" or "-Infinity".
    """
    output, tracker = Output.current(), open_tracker()
    frame = tracker.get_metric_history(run_id, key, max_points)
    rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    known = ", ".join(tracker.list_metrics(run_id))
    empty = f"The run has no metric {key!r}; it has {known or 'none'}."
    output.result(rows, lambda: output.table(rows, empty=empty))


@command.command("experiments")
@click.option("--deleted", is_flag=True, help="Deleted experiments too.")
@store_options
def experiments(deleted: bool) -> None:
    """List experiments, oldest first."""
    output, tracker = Output.current(), open_tracker()
    rows = [
        {**each.to_dict(), "runs": tracker.count_runs(each, include_deleted=deleted)}
        for each in tracker.list_experiments(include_deleted=deleted)
    ]
    heads = {"name": "Experiment", "experiment_id": "Id", "runs": "Runs", "lifecycle": "State"}
    output.result(rows, lambda: output.table(rows, heads))


WHOLE = click.option(
    "--experiment", "-e", multiple=True, help="An experiment with all its runs, by name or id."
)


@command.command("delete")
@click.argument("run_ids", nargs=-1)
@WHOLE
@store_options
def delete(run_ids: tuple[str, ...], experiment: tuple[str, ...]) -> None:
    """Mark runs, or whole experiments, as deleted; `tauro runs restore` brings them back.

    `tauro store gc` removes for good what is marked.
    """
    _each(run_ids, experiment, "delete", "Deleted")


@command.command("restore")
@click.argument("run_ids", nargs=-1)
@WHOLE
@store_options
def restore(run_ids: tuple[str, ...], experiment: tuple[str, ...]) -> None:
    """Bring deleted runs, or whole experiments, back."""
    _each(run_ids, experiment, "restore", "Restored")


def _each(run_ids: tuple[str, ...], named: tuple[str, ...], verb: str, word: str) -> None:
    if not run_ids and not named:
        raise click.UsageError("Name runs by id, or an experiment with --experiment.")
    output, tracker = Output.current(), open_tracker()
    chosen = [str(_experiment(tracker, text)) for text in named]
    for kind, ids in (("run", run_ids), ("experiment", chosen)):
        for each in ids:
            getattr(tracker, f"{verb}_{kind}")(each)
            if not output.json:
                output.line(f"{word} {each}")
    if output.json:
        output.document({"runs": list(run_ids), "experiments": chosen})


@command.command("watch")
@click.argument("run_id")
@click.option("--timeout", type=float, help="Stop after this many seconds without new points.")
@store_options
def watch(run_id: str, timeout: float | None) -> None:
    """Print the points of a run as they come, until it ends.

    With --json each point is one JSON document on a line of its own, printed as it comes.
    """
    output, tracker = Output.current().json_lines(), open_tracker()
    for points in tracker.watch(run_id, timeout=timeout):
        for point in points:
            row = {"key": point.key, "step": point.step, "value": point.value}
            if output.json:
                output.document({**row, "timestamp": point.timestamp})
            else:
                output.line(
                    f"{point.timestamp:%H:%M:%S.%f}  {point.key}  {point.step}  {point.value:.6g}"
                )
