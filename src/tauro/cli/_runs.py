"""``tauro runs``: tracked runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

from tauro.cli._options import store_options
from tauro.cli._output import Output, to_text
from tauro.cli._stores import open_tracker
from tauro.errors import ExperimentNotFoundError

if TYPE_CHECKING:
    from tauro.tracking import ExperimentTracker, Run

_COLUMNS = {
    "run_id": "Run",
    "name": "Name",
    "state": "Status",
    "start_time": "Started",
    "took": "Took",
}
ABANDONED: Final = "ABANDONED"
STATUSES: Final = ("RUNNING", "COMPLETED", "FAILED", "CANCELLED", "SCHEDULED", ABANDONED)
"""What ``--status`` takes: the members of ``RunStatus``, by test, and what is derived."""
_PAGE: Final = 500
_SHOWN: Final = 30
_WIDEST: Final = 200


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


def _rows(tracker: ExperimentTracker, status: str | None = None, **query: Any) -> Iterator[Any]:
    """Yield the runs of a query, page by page, each with what its fields do not say.

    That are the seconds it took, None while it runs, and whether it was abandoned.
    """
    abandoned = status == ABANDONED
    if status is not None:
        query["filter"] = f"status = '{'RUNNING' if abandoned else status}'"
    token = None
    while True:
        page = tracker.query_runs(**query, page_token=token)
        for record, row in zip(page.records, page.runs, strict=True):
            row["is_abandoned"] = tracker.is_abandoned(record)
            row["duration"] = _seconds(row["start_time"], row["end_time"])
            if status is None or row["is_abandoned"] == abandoned:
                yield row
        token = page.next_page_token
        if token is None:
            return


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds()


def _took(seconds: float | None) -> str:
    """Return a duration for people: ``12.3 s``, ``1:02:03``."""
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))


def _flat(run: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, Any]:
    state = "abandoned" if run["is_abandoned"] else run["status"]
    values = {f"metrics.{key}": run["metrics"].get(key) for key in metrics}
    return {**run, **values, "state": state, "took": _took(run["duration"])}


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
@click.option(
    "--status",
    type=click.Choice(STATUSES, case_sensitive=False),
    help="Only of this status; an abandoned run is recorded as running and its process is gone.",
)
@click.option(
    "--limit", "-n", type=click.IntRange(1), default=20, show_default=True, help="The most runs."
)
@click.option("--deleted", is_flag=True, help="Deleted runs too.")
@store_options
def list_runs(experiment: str | None, status: str | None, limit: int, deleted: bool) -> None:
    """List runs, newest first."""
    output, tracker = Output.current(), open_tracker()
    rows = _rows(
        tracker,
        status,
        experiment_ids=_experiment(tracker, experiment),
        limit=min(limit, _PAGE),
        include_deleted=deleted,
    )
    _print_runs(output, list(islice(rows, limit)))


@command.command("search")
@click.argument("filter_text", metavar="FILTER")
@click.option("--experiment", "-e", help="Only of this experiment, by name or id.")
@click.option("--order-by", "-o", multiple=True, help="Such as 'metrics.auc DESC'.")
@click.option(
    "--limit", "-n", type=click.IntRange(1), default=20, show_default=True, help="The most runs."
)
@store_options
def search(filter_text: str, experiment: str | None, order_by: tuple[str, ...], limit: int) -> None:
    """Search runs: tauro runs search "metrics.auc > 0.9 and params.depth = '3'"."""
    output, tracker = Output.current(), open_tracker()
    rows = _rows(
        tracker,
        experiment_ids=_experiment(tracker, experiment),
        filter=filter_text,
        order_by=order_by or None,
        limit=min(limit, _PAGE),
    )
    _print_runs(output, list(islice(rows, limit)))


@command.command("show")
@click.argument("run_id")
@click.option("--all", "whole", is_flag=True, help=f"All values in full, not {_SHOWN} of a kind.")
@store_options
def show(run_id: str, whole: bool) -> None:
    """Show a run: parameters, metrics, tags, artifacts, environment, and how it ended."""
    output, tracker = Output.current(), open_tracker()
    run = tracker.get_run(run_id)
    files = [{"path": each.path, "size": each.size} for each in tracker.list_artifacts(run)]

    def render() -> None:
        _print_head(output, run)
        sizes = {str(each["path"]): f"{each['size']:,} bytes" for each in files}
        metrics = run.metrics
        ordered = {key: metrics[key] for key in _telling([list(metrics)], len(metrics))}
        _print_some(output, "Parameters", run.parameters, whole=whole)
        _print_some(output, "Metrics", ordered, whole=whole)
        _print_some(output, "Tags", run.tags, whole=whole)
        _print_some(output, "Artifacts", sizes, whole=whole)
        _print_some(output, "Environment", _environment(run.source), whole=whole)
        if run.error is not None:
            output.line(f"\n{run.error.type}: {run.error.message}")

    took = _seconds(run.start_time, run.end_time)
    facts = {"is_abandoned": run.is_abandoned, "duration": took, "files": files}
    output.result({**run.to_dict(), **facts}, render)


def _print_head(output: Output, run: Run) -> None:
    state = "abandoned" if run.is_abandoned else run.status.value
    output.line(f"{run.name}  {run.run_id}  {state}")
    took = _took(_seconds(run.start_time, run.end_time))
    after = f", took {took}" if took else ""
    output.line(f"started {run.start_time:%Y-%m-%d %H:%M:%S} UTC{after} by {run.user or '?'}")
    if run.note:
        output.line(run.note)


def _print_some(output: Output, title: str, values: Mapping[str, Any], *, whole: bool) -> None:
    """Print the values under a title; of many the first, and how many more there are."""
    if not values:
        return
    shown = list(values) if whole else list(values)[:_SHOWN]
    texts = {key: to_text(values[key]) for key in shown}
    if not whole:
        texts = {
            key: text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
            for key, text in texts.items()
        }
    output.pairs(texts, title=title)
    if len(shown) < len(values):
        output.line(f"  … {len(values) - len(shown):,} more; --all shows them")


def _environment(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells best which code ran; ``--json`` has the rest."""
    git = source.get("git") or {}
    commit = str(git.get("commit", ""))[:12]
    told = {
        "git": f"{commit} {git.get('branch') or ''}{' (changed)' if git.get('dirty') else ''}",
        "command": " ".join(map(str, source.get("command") or ())),
        "python": source.get("python"),
        "host": source.get("host"),
    }
    return {key: value for key, value in told.items() if value and str(value).strip()}


@command.command("compare")
@click.argument("run_ids", nargs=-1, required=True)
@click.option("--values", type=click.Choice(["last", "min", "max"]), default="last")
@store_options
def compare(run_ids: tuple[str, ...], values: str) -> None:
    """Compare runs side by side: a column a run, a line a metric or parameter."""
    output, tracker = Output.current(), open_tracker()
    rows = _compared(tracker, run_ids, values)

    def render() -> None:
        heads = {"": "", **{str(row["run_id"]): str(row["name"]) for row in rows}}
        table = [
            {"": column, **{str(row["run_id"]): row[column] for row in rows}}
            for column in rows[0]
            if column != "name"
        ]
        output.table(table, heads)

    output.result(rows, render)


def _compared(
    tracker: ExperimentTracker, run_ids: Sequence[str], values: str
) -> list[dict[str, Any]]:
    """Return a row a run; None where a run has no such metric or parameter, which NaN is not."""
    rows = []
    for record in tracker.compare_runs(list(run_ids), values).to_dict("records"):
        run = tracker.get_run(str(record["run_id"]))
        logged = {f"metrics.{key}" for key in tracker.list_metrics(run)}
        given = {f"params.{key}": value for key, value in run.parameters.items()}
        row = {str(column): value for column, value in record.items()}
        for column in row:
            if column.startswith("params."):
                row[column] = given.get(column)
            elif column.startswith("metrics.") and column not in logged:
                row[column] = None
        rows.append(row)
    return rows


@command.command("history")
@click.argument("run_id")
@click.argument("key")
@click.option("--max-points", type=int, help="At most about so many; no spike disappears.")
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
