"""YAML text to a tree with positions, by PyYAML's C parser.

Scalars follow the core schema of YAML 1.2: ``no`` and ``on`` are texts, ``1e-3`` is a number, a
date stays a text. Where a setting wants a truth value, ``yes`` and ``no`` are understood.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

try:
    from yaml import CSafeLoader as _Base
except ImportError:  # a PyYAML built without libyaml: slower, the same positions
    from yaml import SafeLoader as _Base  # type: ignore[assignment]

from tauro.config._source import Entry, Map, Mark, Node, Problems, Scalar, Seq, SourceFile

_CORE: Final = "tag:yaml.org,2002:"
_PLAIN: Final = "plain"


class _Loader(_Base):
    """Tells written tags from absent ones, instead of guessing types by the rules of YAML 1.1."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else f"{_CORE}str"
        return f"{_CORE}seq" if kind is yaml.SequenceNode else f"{_CORE}map"


_INT = re.compile(r"[-+]?[0-9]{1,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,3500}")
"""No longer than Python reads and shows: 4300 decimal digits."""
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NUMERIC: Final = frozenset("+-.0123456789")
_WORDS: Final[dict[str, bool | float | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{
        f"{sign}{w}": float(f"{sign}inf")
        for sign in ("", "+", "-")
        for w in (".inf", ".Inf", ".INF")
    },
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_COLLECTION_TAGS: Final = {f"{_CORE}map", f"{_CORE}seq"}
_SCALAR_TAGS: Final = {f"{_CORE}{name}" for name in ("int", "float", "bool", "null")}
_SYNTAX_HINTS: Final = {
    "that opens here": "Close it, or remove it.",
    "mapping values are not allowed": (
        "Put a text that holds ': ' in quotes, and check the indentation."
    ),
    "could not find expected ':'": "A key and its value are written as 'key: value'.",
    "undefined alias": "A text that starts with '*' must be in quotes.",
    "another document": "Remove the '---': a file holds one document.",
}
_FLATTER: Final = "Write it out flatter, with fewer aliases."
_SPARE_NODES: Final = 20_000
"""How many values aliases may add to a file; without them it has fewer than characters."""
_DEEPEST: Final = 100


def resolve_scalar(text: str) -> bool | int | float | str | None:
    """Return what an unquoted text means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def parse_yaml(text: str, source: SourceFile, problems: Problems) -> Node | None:
    """Return the tree of one document; None where it is empty or does not parse."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        problems.add(*_syntax_problem(error, source))
        return None
    except yaml.reader.ReaderError as error:
        problems.add(*_unreadable(error, text, source))
        return None
    except RecursionError:
        problems.add("nested too deeply to be a configuration", Mark(source), [_FLATTER])
        return None
    if root is None:
        return None
    return _Converter(source, problems, len(text) + _SPARE_NODES).convert(root, 0)


def _syntax_problem(error: yaml.MarkedYAMLError, source: SourceFile) -> tuple[str, Mark, list[str]]:
    what = error.problem or error.context or "it does not parse"
    place = error.problem_mark or error.context_mark
    mark = Mark(source, place.line, place.column) if place else Mark(source)
    opened = error.context_mark and Mark(source, error.context_mark.line, error.context_mark.column)
    if source.is_blank_from(mark.line, mark.column):
        # The parser noticed at the end of the file; the mistake is where something opens.
        mark = _last_before(mark)
        mark = next((each for each in (opened, mark) if each and _opens(each)), mark)
        what = f"{_opens(mark)} that opens here is not closed" if _opens(mark) else what
    line = source.line(mark.line)
    if "\t" in line[: mark.column + 1]:
        return "not valid YAML: a tab in the indentation", mark, ["Indent with spaces."]
    if "${" in line and "did not find expected" in what:
        hint = 'Within { } or [ ] a reference must be in quotes: "${NAME}".'
        return f"not valid YAML: {what}", mark, [hint]
    for part, hint in _SYNTAX_HINTS.items():
        if part in what:
            return f"not valid YAML: {what.removeprefix('but ')}", mark, [hint]
    hint = "Check the quotes, brackets and indentation here and on the line before."
    if opened and _opens(opened):
        hint = f"Is the bracket of line {opened.line + 1}, column {opened.column + 1} closed?"
    return f"not valid YAML: {what}", mark, [hint]


def _opens(mark: Mark) -> str:
    """Return what opens at a place, or nothing."""
    first = mark.source.line(mark.line)[mark.column : mark.column + 1]
    named = {"'": "the quote", '"': "the quote"}
    return named.get(first, f"the bracket {first!r}" if first and first in "[{" else "")


def _last_before(mark: Mark) -> Mark:
    """Return the end of the last line with text before a place that has none."""
    for number in range(mark.line, -1, -1):
        text = mark.source.line(number).rstrip()
        if text:
            return Mark(mark.source, number, len(text) - 1)
    return mark


def _unreadable(
    error: yaml.reader.ReaderError, text: str, source: SourceFile
) -> tuple[str, Mark, list[str]]:
    position = error.position if isinstance(error.position, int) else 0
    before = text[:position]
    line = before.count("\n")
    column = len(before) - (before.rfind("\n") + 1)
    hints = ["Remove it, or write it in double quotes as an escape such as \\x07."]
    return (
        f"a character that YAML does not allow ({error.reason})",
        Mark(source, line, column),
        hints,
    )


class _Converter:
    """Turns PyYAML's nodes into ours, refusing what would not end."""

    def __init__(self, source: SourceFile, problems: Problems, most: int) -> None:
        self._source = source
        self._problems = problems
        self._open: set[int] = set()
        self._made = 0
        self._most = most

    def convert(self, node: yaml.Node, depth: int) -> Node:
        mark = self._mark(node)
        self._made += 1
        if self._made > self._most:
            # Aliases of aliases ("billion laughs") grow without bound in a few lines.
            if self._made == self._most + 1:
                return self._refuse("its aliases multiply it without bound", mark)
            return Scalar(mark, None, failed=True)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, mark)
        if id(node) in self._open:
            return self._refuse("an alias that contains itself", mark)
        if depth > _DEEPEST:
            return self._refuse(f"nested more than {_DEEPEST} deep", mark)
        self._open.add(id(node))
        try:
            return self._collection(node, mark, depth)
        finally:
            self._open.discard(id(node))

    def _collection(self, node: yaml.Node, mark: Mark, depth: int) -> Node:
        if node.tag not in _COLLECTION_TAGS:
            self._tag(node, mark)
        if isinstance(node, yaml.SequenceNode):
            return Seq(mark, [self.convert(item, depth + 1) for item in node.value])
        result = Map(mark)
        inherited: list[Map] = []
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == "<<" and not key.style:
                inherited += self._merged(value, depth)
                continue
            self._entry(result, key, value, depth)
        for parent in inherited:
            for name, entry in parent.entries.items():
                result.entries.setdefault(name, entry)
        return result

    def _entry(self, result: Map, key: yaml.Node, value: yaml.Node, depth: int) -> None:
        mark = self._mark(key)
        if not isinstance(key, yaml.ScalarNode):
            self._problems.add("a key must be a text", mark, ["Quote it if it starts with [ or {."])
            return
        first = result.entries.get(key.value)
        if first is not None:
            self._problems.add(
                f"the key {key.value!r} is here twice (first on line {first.mark.line + 1})",
                mark,
                ["Remove one of the two, or merge them."],
            )
            return
        result.entries[key.value] = Entry(key.value, mark, self.convert(value, depth + 1))

    def _merged(self, value: yaml.Node, depth: int) -> list[Map]:
        nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
        maps: list[Map] = []
        for node in nodes:
            converted = self.convert(node, depth + 1)
            if isinstance(converted, Map):
                maps.append(converted)
            else:
                hints = ["Write '<<: *anchor' with the anchor of a mapping."]
                self._problems.add("'<<' takes mappings only", self._mark(node), hints)
        return maps

    def _scalar(self, node: yaml.ScalarNode, mark: Mark) -> Scalar:
        text = node.value
        if node.tag is _PLAIN:
            return Scalar(mark, resolve_scalar(text), text)
        if node.tag in _SCALAR_TAGS and not node.style:
            return Scalar(mark, resolve_scalar(text), text)
        if node.tag != f"{_CORE}str":
            self._tag(node, mark)
        return Scalar(mark, text, text, quoted=True)

    def _tag(self, node: yaml.Node, mark: Mark) -> None:
        name = node.tag.replace(_CORE, "!!")
        hints = ["Remove the tag; a configuration holds texts, numbers, lists and mappings."]
        self._problems.add(f"the tag {name} is not allowed", mark, hints)

    def _refuse(self, message: str, mark: Mark) -> Scalar:
        self._problems.add(message, mark, [_FLATTER])
        return Scalar(mark, None, failed=True)

    def _mark(self, node: yaml.Node) -> Mark:
        start, end = node.start_mark, node.end_mark
        column = start.column
        width = end.column - column if end.line == start.line else 1
        return Mark(self._source, start.line, column, width or 1)
