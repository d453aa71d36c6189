"""What only the source says: the texts below constants, and which names are used where."""

from __future__ import annotations

import ast
import inspect
import itertools
from functools import cache
from pathlib import Path
from typing import TypeVar

import tauro

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(inspect.getfile(tauro)).parent


def member_docs(cls: type) -> dict[str, str]:
    """Return the texts that stand below the members of a class, by the member's name."""
    tree = ast.parse(Path(inspect.getfile(cls)).read_text(encoding="utf-8"))
    bodies = [
        n.body for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == cls.__name__
    ]
    found: dict[str, str] = {}
    for body in bodies:
        for before, after in itertools.pairwise(body):
            if not (isinstance(before, ast.Assign) and isinstance(after, ast.Expr)):
                continue
            name, text = before.targets[0], after.value
            if isinstance(name, ast.Name) and isinstance(text, ast.Constant):
                found[name.id] = " ".join(str(text.value).split())
    return found


@cache
def _sources() -> str:
    files = sorted(PACKAGE.rglob("*.py"))
    return "\n".join(p.read_text(encoding="utf-8") for p in files if p.parent.name != "events")


def is_used(name: str) -> bool:
    """Tell whether the library, outside the package of events, names a member like ``X.NAME``."""
    return name in _sources()


def subclasses(cls: type[T]) -> list[type[T]]:
    """Return a class and everything below it, by name."""
    found: set[type[T]] = {cls}
    for child in cls.__subclasses__():
        found.update(subclasses(child))
    return sorted(found, key=lambda each: each.__name__)
