"""``tauro drift``: compare two data sets, or data with a model's profile, and report drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_context
from tauro.errors import ExitCode

if TYPE_CHECKING:
    from tauro.drift import DataDriftReport

_COLUMNS = {"feature": "Feature", "status": "Status", "effect": "Effect", "verdict": "Verdict"}


@click.command("drift")
@click.argument("data", nargs=-1, metavar="[REFERENCE] [CURRENT]")
@click.option("--model", metavar="NAME", help="Compare with the profile kept with this model.")
@click.option("--version", type=int, help="The model's version; by default the latest.")
@click.option("--keep", is_flag=True, help="Keep the profile of REFERENCE with --model.")
@click.option("--threshold", type=float, default=0.05, show_default=True, help="Alpha.")
@click.option("--columns", help="Compare these columns only, comma-separated.")
@click.option("--multivariate", is_flag=True, help="Compare all columns together too.")
@click.option("--html", type=click.Path(dir_okay=False), help="Write the report as one page.")
@click.option("--fail-on-drift", is_flag=True, help="Exit with status 8 if drift is found.")
@store_options
def command(data: tuple[str, ...], **options: Any) -> int:
    """Compare CURRENT with REFERENCE column by column, and say what drifted.

    Both are .parquet or .csv files, or folders of Parquet files; REFERENCE may be a profile
    (.json). With --model NAME, CURRENT alone is compared with the profile kept of the model, and
    two files in the model's input columns; REFERENCE with --keep has its profile kept.
    """
    if options["keep"]:
        return _keep(data, options["model"], options["version"])
    reference, current, columns = _sides(data, options["model"], options["version"])
    if options["columns"]:
        columns = [name.strip() for name in options["columns"].split(",")]
    from tauro.drift import DriftDetector

    report = DriftDetector().detect_data_drift(
        reference,
        current,
        options["threshold"],
        columns=columns,
        multivariate=options["multivariate"],
    )
    _show(report, options["html"])
    found = options["fail_on_drift"] and report.drift_detected
    return ExitCode.DRIFT if found else ExitCode.OK


def _keep(data: tuple[str, ...], model: str | None, version: int | None) -> int:
    from tauro.drift import ProfileStore, ReferenceProfile

    if len(data) != 1 or model is None:
        raise click.UsageError("--keep takes REFERENCE alone, and --model NAME.")
    context = open_context()
    found = context.model_registry.get_model_version(model, version)
    profile = ReferenceProfile.from_data(data[0], columns=_inputs(found))
    ProfileStore(context.storage).save(model, found.version, profile)
    kept = {"model": model, "version": found.version, "rows": profile.rows}
    output = Output.current()
    output.result(
        {**kept, "columns": list(profile.names)},
        lambda: output.line(
            f"Kept the profile of {profile.rows:,} rows with version {found.version} of {model}."
        ),
    )
    return ExitCode.OK


def _sides(
    data: tuple[str, ...], model: str | None, version: int | None
) -> tuple[Any, str, list[str] | None]:
    """Return the reference, the current data, and the columns to compare."""
    usage = "Give REFERENCE and CURRENT, or CURRENT and --model NAME."
    if model is None:
        if len(data) != 2:
            raise click.UsageError(usage)
        return data[0], data[1], None
    from tauro.drift import ProfileStore

    context = open_context()
    found = context.model_registry.get_model_version(model, version)
    match data:
        case (reference, current):
            return reference, current, _inputs(found)
        case (current,):
            changes = context.model_registry.history(model)
            former = [change["from"] for change in changes if change["action"] == "renamed"]
            profile = ProfileStore(context.storage).get(model, found.version, former_names=former)
            return profile, current, list(profile.names)
        case _:
            raise click.UsageError(usage)


def _inputs(version: Any) -> list[str] | None:
    from tauro.flavors import ModelSignature

    if version.input_schema is None:
        return None
    return ModelSignature.from_schemas(version.input_schema).input_names or None


def _show(report: DataDriftReport, html: str | None) -> None:
    output = Output.current()
    rows = [
        {head: feature["name" if head == "feature" else head] for head in _COLUMNS}
        for feature in report.ranked()
    ]

    def render() -> None:
        output.table(rows, _COLUMNS, title=report.summary)
        for test in report.multivariate:
            output.line(f"{test.test}: {test.verdict}")

    output.result(report.to_dict(), render)
    if html:  # last: a page that cannot be written takes no result with it
        report.to_html(html)
        output.status(f"The report is in {html}.")
