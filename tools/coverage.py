"""Write ``docs/coverage.md``: which test shows which item of the public surface.

``tests/surface.toml`` says it; here every test that it names is looked for, so that a test that was
renamed or removed is an error and not a dead line. ``python -m tools.coverage`` writes the page.
"""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tauro.testing
from tools._markdown import table
from tools._source import ROOT

TESTS = ROOT / "tests"
PAGE = ROOT / "docs" / "coverage.md"
SEED_BLOCKS = "seeds/test_seeds.py::test_a_block_does_what_its_document_says"
_INTRO = (
    "<!-- Written by `python -m tools.coverage` from tests/surface.toml. -->\n\n"
    "# Coverage\n\n"
    "Tauro was written to satisfy five documents, numbered 000 to 004, which are not part of this "
    "repository. This page lists each of their items that is done, and the tests that show it; an "
    "item that is missing here is not done, or no test shows it. `seed 001/07` is code block 7 of "
    f"document 001, which `tests/{SEED_BLOCKS}` runs as written where the documents are at hand. "
    "`make frameworks` runs the tests of frameworks that few have installed; those of PostgreSQL "
    "run where it is installed."
)
_HEADINGS = {
    "000": "The first generation (000)",
    "001": "The second generation (001)",
    "002": "The tutorial (002)",
    "003": "The forest-cover platform (003)",
    "004": "The lifecycle (004)",
    "rule": "Rules where the documents disagree",
}


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the surface.

    Attributes:
        number: Its number, ``001.17`` or ``rule 9``.
        title: What it is.
        tests: What shows it, as ``tests/surface.toml`` writes it.
    """

    number: str
    title: str
    tests: tuple[str, ...]


def items() -> list[Item]:
    """Return the items of ``tests/surface.toml`` in its order."""
    found = tomllib.loads((TESTS / "surface.toml").read_text(encoding="utf-8"))
    return [Item(number, item["title"], tuple(item["tests"])) for number, item in found.items()]


def missing(test: str) -> str:
    """Return what is wrong with the name of a test, "" when there is such a test."""
    if test.startswith("seed "):
        return _missing_block(test.removeprefix("seed "))
    path, *parts = test.split("::")
    file = TESTS / path
    if not file.is_file():
        return f"there is no file {path}"
    if not parts:
        return "names a file and no test"
    *classes, function = parts
    names = _names(file)
    if function in names.get(classes[0] if classes else "", ()):
        return ""
    bases = names.get(f"bases of {classes[0]}", frozenset()) if classes else frozenset()
    suites = [getattr(tauro.testing, base, None) for base in bases]
    return "" if any(hasattr(suite, function) for suite in suites) else f"{path} has no {function}"


def _missing_block(place: str) -> str:
    from tests.seeds._plan import PLANS, Plan

    document, _, number = place.partition("/")
    if document not in PLANS:
        return f"there is no document {document}"
    plan = PLANS[document].get(int(number), Plan())
    return f"the block waits for {plan.waits_for}" if plan.waits_for else ""


@cache
def _names(file: Path) -> dict[str, frozenset[str]]:
    """Return the functions of a file by class, "" for none, and the bases of each class."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {"": _functions(tree.body)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names[node.name] = _functions(node.body)
            bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
            names[f"bases of {node.name}"] = frozenset(bases)
    return names


def _functions(body: list[ast.stmt]) -> frozenset[str]:
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))


def page() -> str:
    """Return the page."""
    groups: dict[str, list[Item]] = {}
    for item in items():
        groups.setdefault(item.number.replace(" ", ".").partition(".")[0], []).append(item)
    parts = [_INTRO]
    for group, members in groups.items():
        rows = [(item.number, item.title, "<br>".join(map(_shown, item.tests))) for item in members]
        parts += [f"## {_HEADINGS[group]}", table(("item", "what", "shown by"), rows)]
    return "\n\n".join(parts) + "\n"


def _shown(test: str) -> str:
    if test.startswith("seed "):
        return test
    return f"`{test.removeprefix('../') if test.startswith('../') else f'tests/{test}'}`"


def write() -> None:
    """Write the page.

    Raises:
        LookupError: A test that is named does not exist.
    """
    wrong = [f"{item.number}: {missing(t)}" for item in items() for t in item.tests if missing(t)]
    if wrong:
        raise LookupError("tests/surface.toml names what is not there:\n" + "\n".join(wrong))
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
