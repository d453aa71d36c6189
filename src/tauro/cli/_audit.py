"""``tauro audit``: who did what, when, and how it ended."""

from __future__ import annotations

from datetime import datetime

import click
import msgspec

from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_context

_COLUMNS = {
    "timestamp": "When",
    "actor": "Who",
    "action": "What",
    "subject": "To what",
    "outcome": "Outcome",
    "process": "Process",
    "error": "Error",
}


_DAY, _SECOND = "%Y-%m-%d", ("%H:%M:%S", "%H:%M:%S.%f")
_TIME = click.DateTime(
    [_DAY, *(f"{_DAY}{by}{at}{zone}" for zone in ("", "%z") for by in "T " for at in _SECOND)]
)
"""Also as the log itself is printed, in the table and in JSON."""
_SINCE = "At this time or later: 2026-01-31, or '2026-01-31 10:30:00' with +02:00 or Z, else UTC."


@click.command(name="audit")
@click.option("--action", help="An operation or a pattern: model.promote, 'model.*'.")
@click.option("--subject", help="What it was done to, or a pattern: 'fraud/*'.")
@click.option("--actor", help="Who did it.")
@click.option(
    "--outcome", type=click.Choice(["success", "failure", "refused"]), help="How it ended."
)
@click.option("--since", type=_TIME, metavar="TIME", help=_SINCE)
@click.option("--until", type=_TIME, metavar="TIME", help="Before this time.")
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Only the last ones.",
)
@store_options
def command(
    action: str | None,
    subject: str | None,
    actor: str | None,
    outcome: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> None:
    """Search the audit log of a store."""
    from tauro.mlops._export import disk_errors
    from tauro.storage import read_format

    output, context = Output.current(), open_context()
    with disk_errors(f"Reading the audit log of {context.storage.uri}"):
        records = context.audit_log.query(
            action=action,
            subject=subject,
            actor=actor,
            outcome=outcome,  # type: ignore[arg-type]
            since=since,
            until=until,
            limit=limit,
        )
    rows = [msgspec.structs.asdict(record) for record in records]

    def render() -> None:
        shown = [{**row, "process": f"{row['pid']} on {row['host']}"} for row in rows]
        output.table(shown, _COLUMNS, empty="Nothing was recorded.")

    if not rows and read_format(context.storage) is None:
        output.status(f"{context.storage.uri} holds no store yet.")
    output.result(rows, render)
