"""How runs and experiments show themselves: one line in a terminal, a small table in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tauro.tracking._experiment import Experiment
    from tauro.tracking._run import Run

_SHOWN = 20
_STYLE = "border-collapse:collapse;font-size:0.9em;margin:0.3em 0"
_CELL = "padding:0.15em 0.8em 0.15em 0;text-align:left;vertical-align:top"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def run_text(run: Run) -> str:
    """Return a run in one line."""
    metrics = ", ".join(f"{k}={_number(v)}" for k, v in list(run.metrics.items())[:5])
    shown = f" {metrics}" if metrics else ""
    return f"<Run {run.run_id} {run.name!r} {run.status}{shown}>"


def experiment_text(experiment: Experiment) -> str:
    """Return an experiment in one line."""
    return f"<Experiment {experiment.experiment_id} {experiment.name!r}>"


def _rows(pairs: Iterable[tuple[str, Any]]) -> str:
    return "".join(
        f'<tr><th style="{_CELL}">{html.escape(str(key))}</th>'
        f'<td style="{_CELL}">{html.escape(_number(value))}</td></tr>'
        for key, value in pairs
    )


def _section(title: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    pairs = list(values.items())
    more = f"<div>… and {len(pairs) - _SHOWN} more</div>" if len(pairs) > _SHOWN else ""
    table = f'<table style="{_STYLE}">{_rows(pairs[:_SHOWN])}</table>'
    return f"<details open><summary>{title} ({len(pairs)})</summary>{table}{more}</details>"


def run_html(run: Run) -> str:
    """Return a run as a notebook shows it."""
    head = {
        "run": run.run_id,
        "experiment": run.experiment_id,
        "status": "abandoned" if run.is_abandoned else run.status.value,
        "started": run.start_time.isoformat(sep=" ", timespec="seconds"),
        "duration": "" if run.duration is None else f"{run.duration.total_seconds():.1f} s",
    }
    parts = [
        f"<div><b>{html.escape(run.name)}</b></div>",
        f'<table style="{_STYLE}">{_rows(head.items())}</table>',
        _section("Metrics", run.metrics),
        _section("Parameters", run.parameters),
        _section("Tags", run.tags),
        _section("Artifacts", {record.path: record.size for record in run.artifact_records}),
    ]
    return "".join(parts)


def experiment_html(experiment: Experiment) -> str:
    """Return an experiment as a notebook shows it."""
    head = {
        "experiment": experiment.experiment_id,
        "created": experiment.created_at.isoformat(sep=" ", timespec="seconds"),
        "description": experiment.description,
    }
    return (
        f"<div><b>{html.escape(experiment.name)}</b></div>"
        f'<table style="{_STYLE}">{_rows(head.items())}</table>'
        f"{_section('Tags', experiment.tags)}"
    )
