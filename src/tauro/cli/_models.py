"""``tauro models``: the model registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tauro.cli._group import Group
from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_registry

if TYPE_CHECKING:
    from tauro.registry import ModelRegistry, ModelVersion

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False)
_LIST = {
    "name": "Model",
    "version": "Version",
    "stage": "Stage",
    "aliases": "Aliases",
    "framework": "Framework",
    "created_at": "Registered",
    "metrics": "Metrics",
}
_HISTORY = {
    "at": "When",
    "by": "Who",
    "action": "What",
    "version": "Version",
    "alias": "Alias",
    "from": "From",
    "to": "To",
    "why": "Why",
}


@click.group(name="models", cls=Group)
def command() -> None:
    """The model registry: versions, stages, aliases, files.

    Where a command takes a version, --version, --stage or --alias says which; the latest without.
    """


def version_options(command: _F) -> _F:
    """Add ``--version``, ``--stage`` and ``--alias``."""
    for decorate in (
        click.option("--alias", help="The version that an alias points at."),
        click.option("--stage", help="The version in a stage: Staging, Production, …"),
        click.option("--version", "-v", type=int, help="The version's number."),
    ):
        command = decorate(command)
    return command


def _find(
    registry: ModelRegistry,
    name: str,
    version: int | None = None,
    stage: str | None = None,
    alias: str | None = None,
) -> ModelVersion:
    """Return the version that the options name."""
    if sum(given is not None for given in (version, stage, alias)) > 1:
        raise click.UsageError("Give one of --version, --stage and --alias.")
    if stage is not None:
        return registry.get_model_by_stage(name, stage)
    if alias is not None:
        return registry.get_model_by_alias(name, alias)
    return registry.get_model_version(name, version)


def _pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """Return ``KEY=VALUE`` texts as a mapping."""
    found = {}
    for text in values:
        key, mark, value = text.partition("=")
        if not mark or not key:
            raise click.UsageError(f"{option} takes KEY=VALUE, got {text!r}.")
        found[key] = value
    return found


def _numbers(values: tuple[str, ...], option: str) -> dict[str, float]:
    found = {}
    for key, text in _pairs(values, option).items():
        try:
            found[key] = float(text)
        except ValueError:
            raise click.UsageError(f"{option} {key} takes a number, got {text!r}.") from None
    return found


@command.command("list")
@click.argument("name", required=False)
@click.option("--stage", help="Only versions in this stage.")
@click.option("--tag", multiple=True, metavar="KEY=VALUE", help="Only versions with this tag.")
@store_options
def list_models(name: str | None, stage: str | None, tag: tuple[str, ...]) -> None:
    """List models, or all versions of the model NAME; NAME may be a pattern such as 'fraud*'."""
    output, registry = Output.current(), open_registry()
    if name is None and stage is None and not tag:
        rows = registry.list_models()
    elif name is not None and not set(name) & set("*?[") and stage is None and not tag:
        rows = registry.list_model_versions(name)
    else:
        found = registry.search_models(name or "*", stage=stage, tags=_pairs(tag, "--tag"))
        rows = [version.to_dict() for version in found]
    output.result(rows, lambda: output.table(rows, _LIST, empty="No model is registered here."))


@command.command("show")
@click.argument("name")
@version_options
@store_options
def show(name: str, version: int | None, stage: str | None, alias: str | None) -> None:
    """Show a version: metrics, parameters, tags, schema, files."""
    output = Output.current()
    found = _find(open_registry(), name, version, stage, alias)
    files = [{"path": f.path, "size": f.size, "sha256": f.sha256} for f in found.files]
    output.result({**found.to_dict(), "files": files}, lambda: _print_version(output, found))


def _print_version(output: Output, found: ModelVersion) -> None:
    output.line(str(found))
    facts: Mapping[str, Any] = {
        "framework": found.framework,
        "type": found.artifact_type,
        "registered": f"{found.created_at:%Y-%m-%d %H:%M:%S} UTC by {found.created_by}",
        "run": found.experiment_run_id,
        "label": found.label,
        "description": found.description,
        "files": found.artifact_uri,
        "signature": str(found.signature).replace("\n", "; ") if found.signature else "",
        "needs": found.metadata.model.runs_code if found.metadata.model is not None else "",
    }
    for key, value in facts.items():
        if value:
            output.line(f"{key:<12} {value}")
    for title, values in (
        ("Metrics", found.metrics),
        ("Hyperparameters", found.hyperparameters),
        ("Tags", found.tags),
    ):
        if values:
            output.line(f"\n{title}")
            output.table([{"": key, " ": value} for key, value in values.items()])
    if found.annotations:
        output.line("\nAnnotations")
        output.table([{"at": a.at, "by": a.by, "text": a.text} for a in found.annotations])


@command.command("register")
@click.argument("name")
@click.argument("path", type=click.Path())
@click.option("--framework", help="The framework: scikit-learn, xgboost, …")
@click.option("--type", "artifact_type", help="What the artifact is, in your words.")
@click.option("--description", default="", help="Free text.")
@click.option("--metric", multiple=True, metavar="KEY=NUMBER", help="A metric.")
@click.option("--param", multiple=True, metavar="KEY=VALUE", help="A hyperparameter.")
@click.option("--tag", multiple=True, metavar="KEY=VALUE", help="A tag.")
@click.option("--input-schema", type=_FILE, help="JSON: {column: type} or a JSON Schema.")
@click.option("--output-schema", type=_FILE, help="The same for what the model returns.")
@click.option("--run", "run_id", help="The run that made it.")
@click.option("--label", default="", help="A version label such as 1.0.0.")
@click.option(
    "--idempotent", is_flag=True, help="Return the existing version with the same content, if any."
)
@click.option(
    "--link", is_flag=True, help="Share files with PATH instead of copying, where the disk can."
)
@store_options
def register(name: str, path: str, **options: Any) -> None:
    """Register the file or folder PATH as the next version of NAME. It is copied, never opened."""
    output, registry = Output.current(), open_registry()
    with output.progress(f"Copying {path} …") as advance:
        version = registry.register_model(
            name,
            path,
            options["artifact_type"],
            options["framework"],
            options["description"],
            _pairs(options["param"], "--param"),
            _numbers(options["metric"], "--metric"),
            _pairs(options["tag"], "--tag"),
            _read_json(options["input_schema"]),
            _read_json(options["output_schema"]),
            experiment_run_id=options["run_id"],
            label=options["label"],
            idempotent=options["idempotent"],
            link=options["link"],
            progress=advance,
        )
    registry.close()
    _say(output, version, "Registered")


@command.command("promote")
@click.argument("name")
@click.argument("version", type=int)
@click.argument("stage")
@click.option("--keep-existing", is_flag=True, help="Fail if another version is in Production.")
@click.option("--reason", default="", help="Kept in the history.")
@store_options
def promote(name: str, version: int, stage: str, keep_existing: bool, reason: str) -> None:
    """Move a version to a STAGE: None, Staging, Production or Archived."""
    registry = open_registry()
    found = registry.promote_model(
        name, version, stage, archive_existing=not keep_existing, reason=reason
    )
    registry.close()
    _say(Output.current(), found, "Promoted")


@command.command("rollback")
@click.argument("name")
@click.option("--to-version", type=int, help="This version, not the one before.")
@click.option("--reason", default="", help="Kept in the history.")
@store_options
def rollback(name: str, to_version: int | None, reason: str) -> None:
    """Return Production to the version that had it before; repeat to go further back."""
    registry = open_registry()
    found = registry.rollback_model(name, to_version=to_version, reason=reason)
    registry.close()
    _say(Output.current(), found, "Rolled back to")


@command.command("alias")
@click.argument("name")
@click.argument("alias")
@click.argument("version", type=int, required=False)
@click.option("--delete", is_flag=True, help="Remove the alias.")
@store_options
def alias(name: str, alias: str, version: int | None, delete: bool) -> None:
    """Point ALIAS at a VERSION, or remove it with --delete."""
    output, registry = Output.current(), open_registry()
    if delete == (version is not None):
        raise click.UsageError("Give the VERSION that the alias is to point at, or --delete.")
    if version is not None:
        _say(output, registry.set_alias(name, alias, version), f"{alias} is")
    else:
        registry.delete_alias(name, alias)
        _done(output, f"Deleted the alias {alias!r} of {name}", name=name, alias=alias)
    registry.close()


@command.command("tag")
@click.argument("name")
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--version", "-v", type=int, help="Of this version; without it, of the model.")
@click.option("--delete", multiple=True, metavar="KEY", help="Remove a tag.")
@store_options
def tag(name: str, pairs: tuple[str, ...], version: int | None, delete: tuple[str, ...]) -> None:
    """Set tags of a version or of the model, or remove them with --delete."""
    registry = open_registry()
    if not pairs and not delete:
        raise click.UsageError("Give tags as KEY=VALUE, or --delete KEY.")
    if pairs:
        registry.set_tags(name, _pairs(pairs, "A tag"), version)
    if delete:
        registry.delete_tags(name, delete, version)
    registry.close()
    of = name if version is None else f"{name} v{version}"
    _done(Output.current(), f"Tagged {of}", name=name, version=version)


@command.command("history")
@click.argument("name")
@click.option("--version", "-v", type=int, help="Only of this version.")
@store_options
def history(name: str, version: int | None) -> None:
    """Show the history of a model: who changed what, when and why."""
    output = Output.current()
    entries = open_registry().history(name, version)
    output.result(entries, lambda: output.table(entries, _HISTORY))


@command.command("lineage")
@click.argument("name")
@version_options
@click.option("--mermaid", is_flag=True, help="As a Mermaid flowchart.")
@store_options
def lineage(
    name: str, version: int | None, stage: str | None, alias: str | None, mermaid: bool
) -> None:
    """Show what a version was made from: run, data, code, parent versions."""
    output = Output.current()
    found = open_registry().lineage(name, version, stage, alias)
    text = found.to_mermaid() if mermaid else found.to_text()
    output.result(found.to_dict(), lambda: output.line(text))


@command.command("diff")
@click.argument("name")
@click.argument("first", type=int)
@click.argument("second", type=int)
@click.option("--other", help="The model of the second version, if it is another one.")
@store_options
def diff(name: str, first: int, second: int, other: str | None) -> None:
    """Show how two versions differ."""
    output = Output.current()
    found = open_registry().diff(name, first, second, other=other)
    output.result(found.to_dict(), lambda: output.line(str(found)))


@command.command("download")
@click.argument("name")
@click.argument("destination", type=click.Path())
@version_options
@store_options
def download(
    name: str, destination: str, version: int | None, stage: str | None, alias: str | None
) -> None:
    """Copy a version's files into the folder DESTINATION and check their hashes."""
    output, registry = Output.current(), open_registry()
    found = _find(registry, name, version, stage, alias)
    with output.progress(f"Copying {found} …", found.size) as advance:
        registry.download_artifact(name, found.version, destination, progress=advance)
    files = [file.path for file in found.files]
    _done(output, f"Copied {found} to {destination}", destination=destination, files=files)


@command.command("delete")
@click.argument("name")
@click.option("--version", "-v", type=int, help="This version; without it the whole model.")
@click.option("--force", is_flag=True, help="Delete the whole model even if a version is in use.")
@click.option("--reason", default="", help="Kept in the history.")
@store_options
def delete(name: str, version: int | None, force: bool, reason: str) -> None:
    """Delete a version or a model; `tauro models restore` brings it back."""
    registry = open_registry()
    if version is None:
        registry.delete_model(name, reason=reason, force=force)
    else:
        registry.delete_model_version(name, version, reason=reason)
    registry.close()
    of = name if version is None else f"{name} v{version}"
    _done(Output.current(), f"Deleted {of}", name=name, version=version)


@command.command("restore")
@click.argument("name")
@click.option("--version", "-v", type=int, help="This version; without it the model.")
@store_options
def restore(name: str, version: int | None) -> None:
    """Bring a deleted version or model back."""
    registry = open_registry()
    if version is None:
        registry.restore_model(name)
    else:
        registry.restore_model_version(name, version)
    registry.close()
    of = name if version is None else f"{name} v{version}"
    _done(Output.current(), f"Restored {of}", name=name, version=version)


@command.command("rename")
@click.argument("name")
@click.argument("new_name")
@store_options
def rename(name: str, new_name: str) -> None:
    """Give a model another name; the old one stays reserved."""
    registry = open_registry()
    registry.rename_model(name, new_name)
    registry.close()
    _done(Output.current(), f"Renamed {name} to {new_name}", name=name, new_name=new_name)


@command.command("validate")
@click.argument("name")
@click.argument("data", type=_FILE)
@version_options
@store_options
def validate(
    name: str, data: str, version: int | None, stage: str | None, alias: str | None
) -> None:
    """Check that the rows of a CSV, JSON or Parquet file fit a version's input schema."""
    output, registry = Output.current(), open_registry()
    found = _find(registry, name, version, stage, alias)
    table = _read_table(data)
    registry.validate(found, table)
    _done(output, f"{len(table)} rows fit {found}", rows=len(table), valid=True)


def _read_json(path: str | None) -> Any:
    import json
    from pathlib import Path

    if path is None:
        return None
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{path!r} is not JSON: {error}") from error


def _read_table(path: str) -> Any:
    import pandas as pd

    readers: dict[str, Callable[[str], Any]] = {
        ".csv": pd.read_csv,
        ".json": pd.read_json,
        ".jsonl": lambda file: pd.read_json(file, lines=True),
        ".parquet": pd.read_parquet,
    }
    suffix = path[path.rfind(".") :].lower() if "." in path else ""
    if suffix not in readers:
        raise click.UsageError(f"{path!r} is none of {', '.join(readers)}.")
    try:
        return readers[suffix](path)
    except ValueError as error:
        raise click.UsageError(f"{path!r} cannot be read: {error}") from error


def _say(output: Output, version: ModelVersion, word: str) -> None:
    output.result(version.to_dict(), lambda: output.line(f"{word} {version}"))


def _done(output: Output, text: str, **facts: Any) -> None:
    output.result(facts, lambda: output.line(text))
