"""``tauro drift``: compare two data sets and report drift."""

from __future__ import annotations

import click

from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.errors import ExitCode


@click.command("drift")
@click.argument("reference", metavar="REFERENCE")
@click.argument("current", metavar="CURRENT")
@click.option(
    "--threshold",
    type=float,
    default=0.05,
    show_default=True,
    help="Alpha: the chance of a false alarm.",
)
@click.option("--columns", help="Compare these columns only, comma-separated.")
@click.option("--html", type=click.Path(dir_okay=False), help="Write the report as one HTML page.")
@click.option("--fail-on-drift", is_flag=True, help="Exit with status 8 where drift is found.")
@store_options
def command(
    reference: str,
    current: str,
    threshold: float,
    columns: str | None,
    html: str | None,
    fail_on_drift: bool,
) -> int:
    """Compare CURRENT with REFERENCE, column by column, and say what drifted.

    Both are .parquet or .csv files; only one column a core is in memory at a time with Parquet.
    """
    from tauro.drift import DriftDetector

    chosen = [name.strip() for name in columns.split(",")] if columns else None
    report = DriftDetector().detect_data_drift(reference, current, threshold, columns=chosen)
    output = Output.current()
    if html:
        report.to_html(html)
        output.status(f"The report is in {html}.")
    rows = [
        {"feature": f.name, "status": f.status, "effect": f.effect, "verdict": f.verdict}
        for f in report.ranked()
    ]
    output.result(report.to_dict(), lambda: output.table(rows, title=report.summary))
    return ExitCode.DRIFT if fail_on_drift and report.drift_detected else ExitCode.OK
