"""Hooks of MkDocs: the pages that are made while the site is built, and their place in it."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parents[1]


def _api() -> ModuleType:
    # MkDocs loads this file by its path and restores sys.path afterwards.
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return importlib.import_module("tools.api")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the API's pages below the reference, and the decisions below the project."""
    nav: list[dict[str, Any]] = config.nav or []
    pages: list[str | dict[str, str]] = ["reference/api/index.md"]
    pages += [{f"tauro.{name}": f"reference/api/{name}.md"} for name in _api().packages()]
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    for entry in nav:
        if "Reference" in entry:
            entry["Reference"].append({"API": pages})
        if "Project" in entry:
            entry["Project"].append({"Decisions": [f"adr/{each.name}" for each in decisions]})
    return config


def _colours() -> str:
    rules = []
    for mode, style in (("light", "default"), ("dark", "github-dark")):
        formatter = HtmlFormatter(style=style, nobackground=True)
        rules.append(formatter.get_style_defs(f'[data-bs-theme="{mode}"] .codehilite'))
    return "\n".join(rules)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Leave out why a block is not run: Markdown's fences know a language and nothing else."""
    return re.sub(r"^(```\w+) norun:.*$", r"\1", markdown, flags=re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the API's pages, the changelog, and the colours of code."""
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "changelog.md", content=changes))
    files.append(File.generated(config, "code.css", content=_colours()))
    api = _api()
    files.append(File.generated(config, "reference/api/index.md", content=api.contents()))
    for name in api.packages():
        path = f"reference/api/{name}.md"
        files.append(File.generated(config, path, content=api.page(name)))
    return files
