"""``tauro store``: the operator's view of a store."""

from __future__ import annotations

from typing import Any

import click

from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_context
from tauro.errors import ExitCode


@click.group(name="store")
def command() -> None:
    """Look after a store."""


@command.command("info")
@store_options
def info() -> None:
    """Say what a store holds: format, experiments, runs, models, files and bytes by part."""
    from tauro.mlops import describe_store

    output = Output.current()
    facts = describe_store(open_context())

    def render() -> None:
        parts: list[dict[str, Any]] = facts["parts"]
        keys = ("location", "format", "store_id", "experiments", "runs", "models", "files")
        output.pairs({key.replace("_", " "): facts[key] for key in keys})
        output.line()
        output.table(parts, {"part": "Part", "files": "Files", "bytes": "Bytes"})

    output.result(facts, render)


@command.command("verify")
@store_options
def verify() -> None:
    """Look for damage in every file of a store; exit code 5 where there is any."""
    from tauro.mlops import verify_store

    output = Output.current()
    with output.progress("Looking at every file …"):
        problems = [problem.to_dict() for problem in verify_store(open_context())]
    output.result(
        {"problems": problems},
        lambda: output.table(problems, empty="Every file is as it should be."),
    )
    if problems:
        click.get_current_context().exit(ExitCode.STORAGE)


@command.command("compact")
@store_options
def compact() -> None:
    """Merge metric segments into Parquet parts and publish the index files."""
    from tauro.mlops import compact_store, describe_store

    output, context = Output.current(), open_context()
    before = describe_store(context)
    with output.progress("Compacting …"):
        compact_store(context)
    after = describe_store(context)
    counts = {"files_before": before["files"], "files_after": after["files"]}
    output.result(
        counts, lambda: output.line(f"{before['files']} files before, {after['files']} after.")
    )


@command.command("repair")
@store_options
def repair() -> None:
    """Complete what dead processes left half done; damaged files are put aside, none is removed."""
    from tauro.mlops import repair_store

    output = Output.current()
    with output.progress("Repairing …"):
        done = repair_store(open_context())

    def render() -> None:
        output.pairs({"registry entries completed": done["registry"], "points": done["points"]})
        for path in done["put_aside"]:
            output.line(f"put aside: {path}")

    output.result(done, render)


@command.command("gc")
@click.option("--older-than-days", default=0.0, show_default=True, help="Only deleted so long ago.")
@store_options
def gc(older_than_days: float) -> None:
    """Remove for good the runs, models and versions that are marked as deleted."""
    from tauro.mlops import collect_garbage

    output = Output.current()
    gone = collect_garbage(open_context(), older_than_days=older_than_days)
    counts = {what: len(each) if isinstance(each, list) else each for what, each in gone.items()}
    output.result(gone, lambda: output.pairs(counts))
