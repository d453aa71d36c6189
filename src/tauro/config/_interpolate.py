"""``${NAME}``, ``${NAME|default}``, ``${NAME:default}``: from the environment, then the settings.

A value that is one reference and nothing else takes what it refers to as it is (a number, a
list); within a longer text the referred value is written out. ``$${`` stands for a literal ``${``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tauro._internal._close import did_you_mean
from tauro.config._source import Entry, Map, Mark, Node, Problems, Scalar, Seq

_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*")
_LONGEST: Final = 1 << 20
_DEEPEST: Final = 50
_MOST_NODES: Final = 100_000
_DEEPEST_TREE: Final = 150


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str
    default: str | None


class Interpolator:
    """Resolves references against one environment and one tree of settings.

    Args:
        environment: Variables of the process.
        settings: The merged global settings; their own references are resolved too.
        builtins: Names known when nobody set them: ``env``, ``project_root``.
        problems: Takes unknown names and cycles.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        settings: Map | None,
        builtins: Mapping[str, str],
        problems: Problems,
    ) -> None:
        self._environment = environment
        self._settings = settings
        self._builtins = builtins
        self._problems = problems
        self._done: dict[int, tuple[Node, Node]] = {}
        self._open: list[tuple[int, str]] = []
        self._depth = 0
        self._extent: dict[int, tuple[Node, int, int]] = {}

    def resolve_part(self, tree: Map) -> Map:
        """Return a part of the configuration with every reference replaced."""
        found = self.resolve(tree)
        if self._measure(found)[0] > _MOST_NODES * 5:
            message = f"more than {_MOST_NODES * 5} values once references are followed"
            self._problems.add(message, tree.mark, ["Refer to less."])
            return Map(tree.mark)
        return found if isinstance(found, Map) else Map(tree.mark)

    def resolve(self, node: Node) -> Node:
        """Return the tree with every reference replaced; positions stay those of the reference."""
        if self._depth > _DEEPEST_TREE:
            message = f"nested more than {_DEEPEST_TREE} deep once references are followed"
            self._problems.add(message, node.mark, ["Refer to less."])
            return _failed(node)
        self._depth += 1
        try:
            return self._resolved(node)
        finally:
            self._depth -= 1

    def _resolved(self, node: Node) -> Node:
        if isinstance(node, Map):
            return Map(node.mark, {k: self._entry(e) for k, e in node.entries.items()})
        if isinstance(node, Seq):
            return Seq(node.mark, [self.resolve(item) for item in node.items])
        if not isinstance(node.value, str) or "${" not in node.value:
            return node
        known = self._done.get(id(node))
        if known is None:
            # The node is kept beside its result, so that its id is not given to another.
            known = self._done[id(node)] = (node, self._scalar(node))
        return known[1]

    def _entry(self, entry: Entry) -> Entry:
        return Entry(entry.spelled, entry.mark, self.resolve(entry.node))

    def _scalar(self, node: Scalar) -> Node:
        parts = self._parts(str(node.value), node.mark)
        if parts is None:
            return _failed(node)
        if len(parts) == 1 and isinstance(parts[0], _Reference):
            found = self._look_up(parts[0], node)
            return found if found is not None else _failed(node)
        written: list[str] = []
        via: list[str] = []
        for part in parts:
            if isinstance(part, str):
                written.append(part)
                continue
            found = self._look_up(part, node)
            if found is None:
                return _failed(node)
            if not isinstance(found, Scalar):
                message = f"${{{part.name}}} is not a text and cannot stand within one"
                hints = ["Refer to one of its values, or let the reference stand alone."]
                self._problems.add(message, node.mark, hints)
                return _failed(node)
            written.append("" if found.value is None else found.text)
            via += [found.via] if found.via else []
        text = "".join(written)
        if len(text) > _LONGEST:
            message = "the text grows past 1 MB once its references are followed"
            self._problems.add(message, node.mark, ["Refer to less."])
            return _failed(node)
        return Scalar(node.mark, text, text, quoted=True, via=", ".join(dict.fromkeys(via)))

    def _parts(self, text: str, mark: Mark) -> list[str | _Reference] | None:
        """Split a text into literal pieces and references; None where it is malformed."""
        parts: list[str | _Reference] = []
        literal, position = "", 0
        while (start := text.find("${", position)) >= 0:
            if start > 0 and text[start - 1] == "$":
                literal += text[position : start - 1] + "${"
                position = start + 2
                continue
            end = _closing(text, start + 2)
            if end < 0:
                self._problems.add(
                    f"the reference {_opening(text[start + 2 :])!r} is not closed",
                    mark,
                    ["Close it with '}', or write '$${' for a literal '${'."],
                )
                return None
            reference = self._reference(text[start + 2 : end], mark)
            if reference is None:
                return None
            literal += text[position:start]
            if literal:
                parts.append(literal)
            parts.append(reference)
            literal, position = "", end + 1
        literal += text[position:]
        return [*parts, literal] if literal else parts

    def _reference(self, inside: str, mark: Mark) -> _Reference | None:
        found = _NAME.match(inside)
        rest = inside[found.end() :] if found else inside
        if found is None or (rest and rest[0] not in "|:"):
            self._problems.add(
                f"{_opening(inside) + '}'!r} is not a reference",
                mark,
                ["Write ${NAME}, ${NAME|default} or ${NAME:default}; '$${' for a literal '${'."],
            )
            return None
        return _Reference(found.group(), rest[1:] if rest else None)

    def _look_up(self, reference: _Reference, at: Scalar) -> Node | None:
        name = reference.name
        # `NAME= command` is how a shell unsets a variable for one command: with a default, an empty
        # one counts as not set, as in the shell's own ${NAME:-default}.
        if self._environment.get(name) or (name in self._environment and reference.default is None):
            return _typed(self._environment[name], at, f"environment variable {name}")
        setting = self._setting(name)
        if setting is not None:
            return self._follow(setting, name, at)
        if name in self._builtins:
            return _typed(self._builtins[name], at, f"built-in {name}")
        if reference.default is not None:
            return self._default(reference.default, at)
        hints = did_you_mean(name, [*self._names(), *self._environment, *self._builtins])
        self._problems.add(
            f"${{{name}}} is unknown: no environment variable and no setting has this name",
            at.mark,
            [*hints, f"Set it, or give a default: ${{{name}|...}}"],
        )
        return None

    def _default(self, default: str, at: Scalar) -> Node | None:
        if "${" not in default:
            return _typed(default, at, "default")
        inner = Scalar(at.mark, default, default, at.quoted)
        if self._too_deep(at):
            return None
        self._open.append((id(inner), ""))
        try:
            return self._scalar(inner)
        finally:
            self._open.pop()

    def _too_deep(self, at: Scalar) -> bool:
        if len(self._open) < _DEEPEST:
            return False
        message = f"references follow each other more than {_DEEPEST} deep"
        self._problems.add(message, at.mark, ["Refer to the last of them."])
        return True

    def _setting(self, name: str) -> Node | None:
        if self._settings is None:
            return None
        whole = self._settings.entries.get(name)
        if whole is not None:
            return whole.node
        node: Node = self._settings
        for part in name.split("."):
            entry = node.entries.get(part) if isinstance(node, Map) else None
            if entry is None:
                return None
            node = entry.node
        return node

    def _follow(self, target: Node, name: str, at: Scalar) -> Node | None:
        if any(id(target) == opened for opened, _ in self._open):
            chain = " -> ".join([*(n for _, n in self._open if n), name])
            hints = ["Give one of them a value of its own."]
            self._problems.add(f"settings refer to each other in a circle: {chain}", at.mark, hints)
            return None
        if self._too_deep(at):
            return None
        self._open.append((id(target), name))
        try:
            found = self.resolve(target)
        finally:
            self._open.pop()
        if isinstance(found, Scalar):
            return Scalar(
                at.mark, found.value, found.text, found.quoted, found.via or f"setting {name}"
            )
        return self._bounded(found, at)

    def _bounded(self, found: Node, at: Scalar) -> Node | None:
        """Return what was referred to, unless it grows without end.

        Lists that refer to lists twice double at every step; the copies share their parts, so
        they cost nothing until somebody walks them.
        """
        size, depth = self._measure(found)
        if size > _MOST_NODES:
            message = f"more than {_MOST_NODES} values once references are followed"
            self._problems.add(message, at.mark, ["Refer to less."])
            return None
        if depth > _DEEPEST_TREE:
            message = f"nested more than {_DEEPEST_TREE} deep once references are followed"
            self._problems.add(message, at.mark, ["Refer to less."])
            return None
        return found

    def _measure(self, node: Node) -> tuple[int, int]:
        """Return how many values a tree has when all are walked, and how deep it is."""
        if isinstance(node, Scalar):
            return 1, 1
        known = self._extent.get(id(node))
        if known is None:
            parts = [e.node for e in node.entries.values()] if isinstance(node, Map) else node.items
            measured = [self._measure(part) for part in parts]
            size = 1 + sum(part[0] for part in measured)
            depth = 1 + max((part[1] for part in measured), default=0)
            # The node is kept beside its measures, so that its id is not given to another.
            known = self._extent[id(node)] = (node, size, depth)
        return known[1], known[2]

    def _names(self) -> list[str]:
        return _paths(self._settings, "") if self._settings is not None else []


def _paths(node: Map, prefix: str) -> list[str]:
    names: list[str] = []
    for key, entry in node.entries.items():
        names.append(prefix + key)
        if isinstance(entry.node, Map):
            names += _paths(entry.node, f"{prefix}{key}.")
    return names


def _closing(text: str, start: int) -> int:
    """Return where the reference that opened before ``start`` closes, counting nested ones."""
    depth, position = 1, start
    while position < len(text):
        if text.startswith("${", position):
            depth, position = depth + 1, position + 2
            continue
        if text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    return -1


def _opening(inside: str) -> str:
    """Return how a reference begins, for messages: its default may be secret."""
    name = re.split(r"[|:]", inside, maxsplit=1)[0]
    return "${" + (name if len(name) <= 30 else f"{name[:27]}...")


def _failed(node: Node) -> Scalar:
    """Return what stands for a reference that was reported, so that nothing else is said of it."""
    return Scalar(node.mark, None, failed=True)


def _typed(text: str, at: Scalar, via: str) -> Scalar:
    """Return a text from outside as the place that refers to it would have meant it."""
    if at.quoted:
        return Scalar(at.mark, text, text, quoted=True, via=via)
    from tauro.config._yaml import resolve_scalar

    return Scalar(at.mark, resolve_scalar(text), text, via=via)
