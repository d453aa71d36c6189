"""How ``tauro runs`` gets and shows runs: rows with their state, the telling metrics, sections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tauro.cli._output import Output, to_text

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
PAGE: Final = 500
SHOWN: Final = 30
_WIDEST: Final = 200


def run_rows(tracker: ExperimentTracker, status: str | None = None, **query: Any) -> Iterator[Any]:
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
            row["duration"] = seconds_between(row["start_time"], row["end_time"])
            if status is None or row["is_abandoned"] == abandoned:
                yield row
        token = page.next_page_token
        if token is None:
            return


def seconds_between(start: datetime, end: datetime | None) -> float | None:
    """Return the seconds from start to end, None while there is no end."""
    return None if end is None else (end - start).total_seconds()


def duration_text(seconds: float | None) -> str:
    """Return a duration for people: ``12.3 s``, ``1:02:03``."""
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))


def _flat(run: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, Any]:
    state = "abandoned" if run["is_abandoned"] else run["status"]
    values = {f"metrics.{key}": run["metrics"].get(key) for key in metrics}
    return {**run, **values, "state": state, "took": duration_text(run["duration"])}


def compared_rows(
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


def _telling(keys: list[list[str]], most: int = 4) -> list[str]:
    """Return the metrics that a table has room for: those of most runs, one of a family last.

    ``f1_class_0`` to ``f1_class_6`` are a family: names that differ in a number at the end only.
    """
    counts = Counter(key for of_run in keys for key in of_run)
    families = Counter(key.rstrip("0123456789") for key in counts)
    order = sorted(counts, key=lambda k: (families[k.rstrip("0123456789")] > 1, -counts[k], k))
    return order[:most]


def print_runs(output: Output, runs: list[dict[str, Any]]) -> None:
    """Print runs as a table with the metrics that most of them have, or as a document."""
    keys = _telling([list(run["metrics"]) for run in runs])
    columns = {**_COLUMNS, **{f"metrics.{key}": key for key in keys}}
    output.result(runs, lambda: output.table([_flat(run, keys) for run in runs], columns))


def print_run(output: Output, run: Run, files: Sequence[Mapping[str, Any]], *, whole: bool) -> None:
    """Print a run: its head, then a section for each kind of what it holds."""
    _print_head(output, run)
    metrics = run.metrics
    sections = {
        "Parameters": run.parameters,
        "Metrics": {key: metrics[key] for key in _telling([list(metrics)], len(metrics))},
        "Tags": run.tags,
        "Artifacts": {str(each["path"]): f"{each['size']:,} bytes" for each in files},
        "Environment": _environment(run.source),
    }
    for title, values in sections.items():
        _print_some(output, title, values, whole=whole)
    if run.error is not None:
        output.line(f"\n{run.error.type}: {run.error.message}")


def _print_head(output: Output, run: Run) -> None:
    state = "abandoned" if run.is_abandoned else run.status.value
    output.line(f"{run.name}  {run.run_id}  {state}")
    took = duration_text(seconds_between(run.start_time, run.end_time))
    after = f", took {took}" if took else ""
    output.line(f"started {run.start_time:%Y-%m-%d %H:%M:%S} UTC{after} by {run.user or '?'}")
    if run.note:
        output.line(run.note)


def _print_some(output: Output, title: str, values: Mapping[str, Any], *, whole: bool) -> None:
    """Print the values under a title; of many the first, and how many more there are."""
    if not values:
        return
    shown = list(values) if whole else list(values)[:SHOWN]
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
