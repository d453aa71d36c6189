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


@click.command(name="audit")
@click.option("--action", help="An operation or a pattern: model.promote, 'model.*'.")
@click.option("--subject", help="What it was done to, or a pattern: 'fraud/*'.")
@click.option("--actor", help="Who did it.")
@click.option("--outcome", type=click.Choice(["success", "failure", "refused"]))
@click.option("--since", type=click.DateTime(), help="At this time or later, UTC.")
@click.option("--until", type=click.DateTime(), help="Before this time, UTC.")
@click.option("--limit", "-n", default=50, show_default=True, help="Only the last ones.")
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
    """Ask the audit log of a store."""
    from tauro.storage import read_format

    output, context = Output.current(), open_context()
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
