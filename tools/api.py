"""Pages of the public API, one a package, from ``__all__`` and the docstrings."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from types import ModuleType
from typing import Any

import tauro
from tools._markdown import docstring, first_paragraph, table

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_WIDTH = 92
_QUOTED = re.compile(r"(: |-> )'([^']*)'")


def packages() -> list[str]:
    """Return the public packages that say what is public in them."""
    names = [each.name for each in pkgutil.iter_modules(tauro.__path__) if each.ispkg]
    public = [name for name in names if not name.startswith("_") and name not in ("cli", "core")]
    return [name for name in public if hasattr(importlib.import_module(f"tauro.{name}"), "__all__")]


def contents() -> str:
    """Return the page that lists the packages."""
    rows = []
    for name in packages():
        module = importlib.import_module(f"tauro.{name}")
        rows.append((f"[`tauro.{name}`]({name}.md)", first_paragraph(module)))
    text = (
        "The public names of each package, from their docstrings. `import tauro` has the everyday "
        "ones, such as `tauro.start_run` and `tauro.log_metric`; `tauro.mlops` has all those of "
        "tracking, registry and operation."
    )
    return "\n\n".join(["# Python API", text, table(("package", "what it has"), rows)]) + "\n"


def page(package: str) -> str:
    """Return the page of a package."""
    module = importlib.import_module(f"tauro.{package}")
    names = sorted(module.__all__)
    parts = [f"# `tauro.{package}`", docstring(module)]
    parts.append(table(("name", "what it is"), [_row(module, name) for name in names]))
    for name in names:
        parts += _thing(name, getattr(module, name), package)
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(module: ModuleType, name: str) -> tuple[str, str]:
    thing = getattr(module, name)
    documented = inspect.isclass(thing) or callable(thing)
    return f"[`{name}`](#{_anchor(name)})", first_paragraph(thing) if documented else ""


def _anchor(name: str) -> str:
    return name.lower()


def _thing(name: str, thing: Any, package: str) -> list[str]:
    owner = getattr(thing, "__module__", "").split(".")
    if (
        len(owner) > 1
        and owner[0] == "tauro"
        and owner[1] != package
        and not owner[1].startswith("_")
    ):
        where = f"{owner[1]}.md"
        if owner[1] in packages():
            return [f"## `{name}`", f"See [`tauro.{owner[1]}`]({where})."]
    if inspect.isclass(thing):
        return [f"## `{name}`", signature(name, thing), docstring(thing), *_members(name, thing)]
    if callable(thing):
        return [f"## `{name}`", signature(name, thing), docstring(thing)]
    return [f"## `{name}`", f"A value of type `{type(thing).__name__}`."]


def _members(name: str, cls: type) -> list[str]:
    parts: list[str] = []
    tests: list[str] = []
    for attribute, raw in inspect.getmembers_static(cls):
        if attribute.startswith("_") or not _is_ours(cls, attribute):
            continue
        if attribute.startswith("test_"):
            tests.append(f"- `{attribute}` {first_paragraph(raw)}".rstrip())
            continue
        if isinstance(raw, property) or type(raw).__name__ == "cached_property":
            parts += [
                f"### `{name}.{attribute}`",
                docstring(getattr(raw, "fget", None) or getattr(raw, "func", raw)),
            ]
        elif isinstance(raw, classmethod | staticmethod) or inspect.isfunction(raw):
            bound = getattr(cls, attribute)
            parts += [f"### `{name}.{attribute}`", signature(attribute, bound), docstring(bound)]
    return [*parts, "**Tests of the suite**", "\n".join(tests)] if tests else parts


def _is_ours(cls: type, attribute: str) -> bool:
    owner = next(each for each in cls.__mro__ if attribute in vars(each))
    return owner.__module__.startswith("tauro.")


def signature(name: str, thing: Any) -> str:
    """Return how a thing is called, as a block, "" where it does not say."""
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):  # enumerations and classes made in C have none to show
        return ""
    shown = (
        _QUOTED.sub(r"\1\2", _ADDRESS.sub("", text)).replace("self, ", "").replace("(self)", "()")
    )
    return f"```python\n{_broken(name + shown)}\n```"


def _broken(line: str) -> str:
    """Return a long signature with a line for each parameter."""
    if len(line) <= _WIDTH or line.partition("(")[2].startswith(")"):
        return line
    depth, parts, start = 0, [], line.index("(") + 1
    for place, letter in enumerate(line):
        depth += (letter in "([{") - (letter in ")]}")
        if place >= start and ((letter == "," and depth == 1) or (letter == ")" and depth == 0)):
            parts.append(line[start:place].strip())
            start = place + 1
            if depth == 0:
                break
    body = "".join(f"    {part},\n" for part in parts)
    return f"{line[: line.index('(') + 1]}\n{body}){line[start:]}"
