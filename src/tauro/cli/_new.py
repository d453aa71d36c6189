"""``tauro new``: a project that runs at once."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import click

from tauro.cli._options import common_options
from tauro.cli._output import Output
from tauro.errors import ConfigError

TEMPLATES: Final = {"ml": "training", "etl": "daily_sales"}
"""Name of each template and of the pipeline to run first."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@click.command("new")
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    default="ml",
    show_default=True,
    help="ml trains and registers a model; etl cleans and sums up a table.",
)
@common_options
def command(name: str, template: str) -> None:
    """Create a project in the folder NAME that runs right away and whose tests pass."""
    output = Output.current()
    folder = Path(name)
    written = create_project(folder, template)
    steps = [f"cd {folder}", f"tauro run --env dev --pipeline {TEMPLATES[template]}", "pytest"]
    if template == "ml" and importlib.util.find_spec("sklearn") is None:
        steps.insert(1, "pip install 'tauro[mlops]'")

    def render() -> None:
        output.line(f"Made {folder} ({len(written)} files). Next:")
        for step in steps:
            output.line(f"  {step}")

    files_ = [str(path) for path in written]
    output.result(
        {"folder": str(folder), "template": template, "files": files_, "next": steps}, render
    )


def create_project(folder: Path, template: str) -> list[Path]:
    """Write a template's files to a folder that is missing or empty; return their paths.

    Raises:
        ConfigError: The folder is taken, or its name cannot be that of a package.
    """
    package = folder.name.lower().replace("-", "_")
    taken = package in sys.stdlib_module_names or package in ("tauro", "tests")
    if not _NAME.fullmatch(folder.name) or keyword.iskeyword(package) or taken:
        why = "Python has a module of this name" if taken else "it must be a name for a package"
        raise ConfigError(
            f"A project cannot be called {folder.name!r}: {why}.",
            suggestions=["Use letters, digits, '-' and '_', a letter first: customer_churn."],
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"{folder} is there already and is not empty; nothing was written.",
            suggestions=["Choose another name, or remove it."],
        )
    values = {"{{name}}": folder.name, "{{package}}": package}
    source = files("tauro.cli") / "_templates" / template
    return sorted(_copy(source, folder, values))


def _copy(source: Traversable, folder: Path, values: dict[str, str]) -> list[Path]:
    """Copy a tree of templates; files that tools would take for their own end in ``.tmpl``."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for item in source.iterdir():
        name = item.name.replace("__package__", values["{{package}}"]).removesuffix(".tmpl")
        if item.is_dir():
            written += _copy(item, folder / name, values)
            continue
        text = item.read_text(encoding="utf-8")
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written
