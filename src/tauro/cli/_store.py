"""``tauro store``: the operator's view of a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tauro.cli._group import Group
from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_context
from tauro.errors import ExitCode

if TYPE_CHECKING:
    from tauro.mlops import MLOpsContext


@click.group(name="store", cls=Group)
def command() -> None:
    """Maintain a store: verify, repair, back up, move."""


@command.command("info")
@store_options
def info() -> None:
    """Show what a store holds: format, experiments, runs, models, files and bytes by part."""
    from tauro.mlops import describe_store

    output = Output.current()
    facts = describe_store(open_context())
    if facts["format"] is None:
        output.status(f"{facts['location']} holds no store yet.")

    def render() -> None:
        parts: list[dict[str, Any]] = facts["parts"]
        keys = ["location", "format", "store_id", "experiments", "runs", "models", "files"]
        keys += ["tenants"] if facts["tenants"] else []
        output.pairs({key.replace("_", " "): facts[key] for key in keys})
        output.line()
        output.table(parts, {"part": "Part", "files": "Files", "bytes": "Bytes"})

    output.result(facts, render)


def _tell_of_tenants(context: MLOpsContext) -> None:
    """Say whose parts of the store were left as they are: each is a store of its own."""
    from tauro.mlops._store import tenants_in

    if tenants := tenants_in(context.storage):
        Output.current().status(
            f"Not looked at: the parts of tenants ({', '.join(tenants)}). --tenant ID takes one."
        )


@command.command("verify")
@store_options
def verify() -> None:
    """Look for damage in every file of a store; exit code 5 if there is any."""
    from tauro.mlops import verify_store

    output, context = Output.current(), open_context()
    with output.progress("Looking at every file …"):
        problems = [problem.to_dict() for problem in verify_store(context)]

    def render() -> None:
        # No table: a path that is folded cannot be copied, nor found with grep.
        for each in problems:
            output.line(f"{each['path']}: {each['problem']}")
        if not problems:
            output.line("Every file is as it should be.")

    output.result({"problems": problems}, render)
    if problems:
        output.status(
            f"{len(problems)} found. `tauro store repair` brings back what indices and journals "
            "hold;\nthe rest comes from a copy of the store."
        )
    _tell_of_tenants(context)
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
    _tell_of_tenants(context)


@command.command("repair")
@store_options
def repair() -> None:
    """Complete what dead processes left half done; damaged files are set aside, not deleted."""
    from tauro.mlops import repair_store

    output, context = Output.current(), open_context()
    with output.progress("Repairing …"):
        done = repair_store(context)

    def render() -> None:
        output.pairs(
            {
                "registry entries completed or brought back": done["registry"],
                "documents of runs and experiments brought back": done["documents"],
                "abandoned runs ended as failed": len(done["runs"]),
                "points moved to new parts": done["points"],
            }
        )
        for run_id in done["runs"]:
            output.line(f"ended as failed: {run_id}")
        for path in done["put_aside"]:
            output.line(f"put aside: {path}")

    output.result(done, render)
    _tell_of_tenants(context)


@command.command("gc")
@click.option(
    "--older-than-days",
    default=0.0,
    show_default=True,
    help="Only what was deleted at least this many days ago.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@store_options
def gc(older_than_days: float, dry_run: bool) -> None:
    """Remove for good the runs, models and versions that are marked as deleted."""
    from tauro.mlops import collect_garbage

    output, context = Output.current(), open_context()
    with output.progress("Looking for what was deleted …" if dry_run else "Removing …"):
        gone = collect_garbage(context, older_than_days=older_than_days, dry_run=dry_run)

    counts = {what: len(each) if isinstance(each, list) else each for what, each in gone.items()}

    def render() -> None:
        for line in _each(gone) if dry_run else ():
            output.line(line)
        output.pairs(counts)

    output.result(gone, render)
    _tell_of_tenants(context)


def _each(gone: dict[str, Any]) -> Iterator[str]:
    yield from (f"run {run_id}" for run_id in gone["runs"])
    yield from (f"experiment {experiment_id}" for experiment_id in gone["experiments"])
    yield from (f"version {each['name']}/{each['version']}" for each in gone["versions"])


@command.command("export")
@click.argument("destination", metavar="DEST")
@click.option("--experiment", "-e", multiple=True, help="Only this one, by name or id; repeatable.")
@store_options
def export(destination: str, experiment: tuple[str, ...]) -> None:
    """Copy the store, as of now, to a new folder or archive (DEST.tar, .tar.gz, .tgz).

    Others may keep writing; the copy is a store with everything acknowledged to them.
    """
    from tauro.mlops import export_store

    output, context = Output.current(), open_context()
    tracker = context.experiment_tracker
    chosen = [
        (tracker.find_experiment(text) or tracker.get_experiment(text)).experiment_id
        for text in experiment
    ]
    with output.progress("Copying …"):
        facts = export_store(context, destination, experiments=chosen or None)
    output.result(facts, lambda: output.pairs(facts))


@command.command("import")
@click.argument("source", metavar="SRC")
@store_options
def import_(source: str) -> None:
    """Import a copy (folder or archive) or another store.

    Ids are kept and nothing that is there is changed, so it may be repeated. An experiment whose
    name is taken becomes "name (2)". A model with another history than the one that is there is a
    conflict and left out: exit code 4.
    """
    from tauro.mlops import import_store

    output = Output.current()
    with output.progress("Taking …"):
        facts = import_store(open_context(), source)
    output.result(facts, lambda: output.pairs(facts))
    if facts["conflicts"]:
        click.get_current_context().exit(ExitCode.CONFLICT)


@command.command("migrate")
@store_options
def migrate() -> None:
    """Upgrade a store of an older format."""
    from tauro.mlops import migrate_store

    output = Output.current()
    with output.progress("Migrating …"):
        facts = migrate_store(open_context())

    def render() -> None:
        if facts["steps"]:
            output.line(f"The store was brought from format {facts['from']} to {facts['format']}.")
        else:
            output.line(f"The store has format {facts['format']}, the newest; nothing to do.")

    output.result(facts, render)
