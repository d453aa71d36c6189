"""Markdown from docstrings and tables."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

_ROLE = re.compile(r":(?:class|func|meth|attr|data|mod|exc):`~?\.?([^`]+)`")
_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields|Example|Note):$")
_ITEM = re.compile(r"^(\*{0,2}[\w.]+)(?: \([^)]*\))?: (.*)$")


def cell(text: str) -> str:
    """Return a text that stands in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are kept to one line."""
    lines = [titles, ["---"] * len(titles), *([cell(each) for each in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def plain(text: str) -> str:
    """Return a docstring's text with its roles and double backticks as Markdown's."""
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


def first_paragraph(thing: object) -> str:
    """Return the first paragraph of a docstring, as one line."""
    text = inspect.getdoc(thing) or ""
    return " ".join(plain(text.partition("\n\n")[0]).split())


def docstring(thing: object) -> str:
    """Return a Google-style docstring as Markdown: sections as bold words and lists."""
    out: list[str] = []
    inside = False
    for line in plain(inspect.getdoc(thing) or "").splitlines():
        heading = _SECTION.match(line)
        if heading:
            out += [f"**{heading[1]}**", ""]
            inside = True
        elif inside and line.startswith("    "):
            out.append(_item(line[4:]))
        else:
            inside = inside and not line.strip()
            out.append(line)
    return "\n".join(out).strip()


def _item(line: str) -> str:
    found = _ITEM.match(line)
    if found:
        return f"- `{found[1]}`: {found[2]}"
    return f"  {line.strip()}" if line.strip() else ""
