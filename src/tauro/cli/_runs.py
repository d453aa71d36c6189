"""``tauro runs``: tracked runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_tracker
from tauro.errors import ExperimentNotFoundError

if TYPE_CHECKING:
    from tauro.tracking import ExperimentTracker

_COLUMNS = {"run_id": "Run", "name": "Name", "status": "Status", "start_time": "Started"}


@click.group(name="runs")
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


def _flat(run: dict[str, Any], metrics: Sequence[str]) -> dict[str, Any]:
    return {**run, **{f"metrics.{key}": run["metrics"].get(key) for key in metrics}}


def _telling(keys: list[list[str]], most: int = 4) -> list[str]:
    """Return the metrics that a table has room for: those of most runs, one of a family last.

    ``f1_class_0`` to ``f1_class_6`` are a family: names that differ in a number at the end only.
    """
    counts = Counter(key for of_run in keys for key in of_run)
    families = Counter(key.rstrip("0123456789") for key in counts)
    order = sorted(counts, key=lambda k: (families[k.rstrip("0123456789")] > 1, -counts[k], k))
    return order[:most]


def _print_runs(output: Output, runs: list[dict[str, Any]]) -> None:
    keys = _telling([list(run["metrics"]) for run in runs])
    columns = {**_COLUMNS, **{f"metrics.{key}": key for key in keys}}
    output.result(runs, lambda: output.table([_flat(run, keys) for run in runs], columns))


@command.command("list")
@click.option("--experiment", "-e", help="Only of this experiment, by name or id.")
@click.option("--status", help="Only of this status: RUNNING, COMPLETED, FAILED, …")
@click.option("--limit", "-n", default=20, show_default=True, help="The most runs.")
@click.option("--deleted", is_flag=True, help="Deleted runs too.")
@store_options
def list_runs(experiment: str | None, status: str | None, limit: int, deleted: bool) -> None:
    """List runs, newest first."""
    output, tracker = Output.current(), open_tracker()
    runs = tracker.list_runs(
        _experiment(tracker, experiment), status, limit=limit, include_deleted=deleted
    )
    _print_runs(output, runs)


@command.command("search")
@click.argument("filter_text", metavar="FILTER")
@click.option("--experiment", "-e", help="Only of this experiment, by name or id.")
@click.option("--order-by", "-o", multiple=True, help="Such as 'metrics.auc DESC'.")
@click.option("--limit", "-n", default=20, show_default=True, help="The most runs.")
@store_options
def search(filter_text: str, experiment: str | None, order_by: tuple[str, ...], limit: int) -> None:
    """Search runs: tauro runs search "metrics.auc > 0.9 and params.depth = '3'"."""
    output, tracker = Output.current(), open_tracker()
    ids = tracker.search_runs(
        _experiment(tracker, experiment), filter=filter_text, order_by=order_by or None, limit=limit
    )
    _print_runs(output, [tracker.get_run(run_id).to_dict() for run_id in ids])


@command.command("show")
@click.argument("run_id")
@store_options
def show(run_id: str) -> None:
    """Show a run: parameters, metrics, tags, artifacts, environment."""
    output, tracker = Output.current(), open_tracker()
    run = tracker.get_run(run_id)
    files = [{"path": each.path, "size": each.size} for each in tracker.list_artifacts(run)]

    def render() -> None:
        state = "abandoned" if run.is_abandoned else run.status.value
        output.line(f"{run.name}  {run.run_id}  {state}")
        took = "" if run.duration is None else f", took {run.duration.total_seconds():.1f} s"
        output.line(f"started {run.start_time:%Y-%m-%d %H:%M:%S} UTC{took} by {run.user or '?'}")
        sections = {"Parameters": run.parameters, "Metrics": run.metrics, "Tags": run.tags}
        for title, values in sections.items():
            if values:
                output.pairs(values, title=title)
        if files:
            sizes = {str(each["path"]): f"{each['size']:,} bytes" for each in files}
            output.pairs(sizes, title="Artifacts")
        if run.error is not None:
            output.line(f"\n{run.error.type}: {run.error.message}")

    output.result({**run.to_dict(), "is_abandoned": run.is_abandoned, "files": files}, render)


@command.command("compare")
@click.argument("run_ids", nargs=-1, required=True)
@click.option("--values", type=click.Choice(["last", "min", "max"]), default="last")
@store_options
def compare(run_ids: tuple[str, ...], values: str) -> None:
    """Compare runs: one column a run, differences only where there are any."""
    output, tracker = Output.current(), open_tracker()
    frame = tracker.compare_runs(list(run_ids), values)
    rows = frame.to_dict("records")

    def render() -> None:
        heads = {"": "", **{str(row["run_id"]): str(row["name"]) for row in rows}}
        table = [
            {"": column, **{str(row["run_id"]): row[column] for row in rows}}
            for column in frame.columns
            if column != "name"
        ]
        output.table(table, heads)

    output.result(rows, render)


@command.command("history")
@click.argument("run_id")
@click.argument("key")
@click.option("--max-points", type=int, help="At most about so many; no spike disappears.")
@store_options
def history(run_id: str, key: str, max_points: int | None) -> None:
    """Print the points of a metric."""
    output, tracker = Output.current(), open_tracker()
    frame = tracker.get_metric_history(run_id, key, max_points)
    rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    known = ", ".join(tracker.list_metrics(run_id))
    empty = f"The run has no metric {key!r}; it has {known or 'none'}."
    output.result(rows, lambda: output.table(rows, empty=empty))


@command.command("delete")
@click.argument("run_ids", nargs=-1, required=True)
@store_options
def delete(run_ids: tuple[str, ...]) -> None:
    """Mark runs as deleted; `tauro runs restore` brings them back."""
    _each(run_ids, "delete_run", "Deleted")


@command.command("restore")
@click.argument("run_ids", nargs=-1, required=True)
@store_options
def restore(run_ids: tuple[str, ...]) -> None:
    """Bring deleted runs back."""
    _each(run_ids, "restore_run", "Restored")


def _each(run_ids: tuple[str, ...], verb: str, word: str) -> None:
    output, tracker = Output.current(), open_tracker()
    for run_id in run_ids:
        getattr(tracker, verb)(run_id)
        if not output.json:
            output.line(f"{word} {run_id}")
    if output.json:
        output.document({"runs": list(run_ids)})


@command.command("watch")
@click.argument("run_id")
@click.option("--timeout", type=float, help="Stop after so many seconds without anything new.")
@store_options
def watch(run_id: str, timeout: float | None) -> None:
    """Print the points of a run as they come, until it ends."""
    output, tracker = Output.current(), open_tracker()
    collected = []
    for points in tracker.watch(run_id, timeout=timeout):
        for point in points:
            row = {"key": point.key, "step": point.step, "value": point.value}
            if output.json:
                collected.append({**row, "timestamp": point.timestamp})
            else:
                output.line(
                    f"{point.timestamp:%H:%M:%S.%f}  {point.key}  {point.step}  {point.value:.6g}"
                )
    if output.json:
        output.document(collected)
