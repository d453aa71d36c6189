"""``tauro predict``: a model of the registry over a whole file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from tauro._internal._optional import load
from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_registry


@click.command("predict")
@click.argument("name")
@click.option("--input", "source", required=True, help="A .parquet or .csv file.")
@click.option("--output", "target", required=True, help="The Parquet file to write.")
@click.option("--stage", help="Use the version in this stage (default: Production).")
@click.option("--version", type=int, help="Use this version.")
@click.option("--alias", help="Use the version of this alias.")
@click.option("--chunk-rows", default=50_000, show_default=True, help="Rows in memory at a time.")
@click.option("--allow-pickle", is_flag=True, help="Permit formats whose loading runs code.")
@store_options
def command(name: str, source: str, target: str, **options: Any) -> None:
    """Predict every row of a file; the same command continues after an interruption."""
    serving = load("tauro.serving", extra="serve", purpose="Predicting a file")
    chosen = {key: options[key] for key in ("version", "stage", "alias")}
    output = Output.current()
    with output.progress(f"Predicting {source} with {name}") as advance:
        result = serving.predict_file(
            open_registry(),
            serving.ModelChoice(name, **chosen),
            source,
            target,
            chunk_rows=options["chunk_rows"],
            allow_pickle=options["allow_pickle"],
            on_rows=advance,
        )

    def render() -> None:
        taken_up = f", {result.resumed:,} of them by an earlier run" if result.resumed else ""
        output.line(
            f"{result.rows:,} rows predicted by {result.model} v{result.version}{taken_up}: "
            f"{result.output}"
        )

    output.result(asdict(result), render)
