"""Settings as a tree whose every part remembers where it was written.

YAML, JSON and plain mappings all become this tree; merging, interpolation and reading work on it,
so that any later error can point at the file, the line and the column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tauro._internal._secrets import MASK, is_secret_name, mask_line
from tauro.errors import ConfigProblem, SourceLocation

# The breaks that YAML counts, so that its line numbers index our lines.
_BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")

_KEY = re.compile(r"""[\s"'{[-]*([\w.-]+)["']?\s*:""")

ScalarValue: TypeAlias = bool | int | float | str | None


class SourceFile:
    """One file's name and lines; or the name of a value that came as a mapping."""

    __slots__ = ("_lines", "_text", "name")

    def __init__(self, name: str, text: str | None = None) -> None:
        self.name = name
        self._text = text
        self._lines: list[str] | None = None

    @property
    def is_file(self) -> bool:
        """Whether there are lines to show."""
        return self._text is not None

    @property
    def is_literal(self) -> bool:
        """Whether no value in it can be a reference or a ``$replace``."""
        return self._text is not None and "$" not in self._text

    def line(self, number: int) -> str:
        """Return a line by its number from 0; empty past the end."""
        lines = self._split()
        return lines[number] if number < len(lines) else ""

    def is_blank_from(self, number: int, column: int) -> bool:
        """Tell whether nothing but space follows a place."""
        rest = self._split()[number:]
        return not rest or not "".join([rest[0][column:], *rest[1:]]).strip()

    def _split(self) -> list[str]:
        if self._lines is None:
            self._lines = _BREAKS.split(self._text or "")
        return self._lines


@dataclass(slots=True, eq=False)
class Mark:
    """A place in a source: line and column from 0, and how many characters it spans.

    Not frozen, only never changed: a large project makes tens of thousands of them, and setting
    the fields of a frozen record takes three times as long.
    """

    source: SourceFile
    line: int = 0
    column: int = 0
    width: int = 1

    @property
    def location(self) -> SourceLocation:
        """Return the place as users see it, from 1."""
        if not self.source.is_file:
            return SourceLocation(self.source.name)
        return SourceLocation(self.source.name, self.line + 1, self.column + 1)


@dataclass(slots=True)
class Scalar:
    """A leaf.

    Attributes:
        value: What it means: the text, number, truth value or null.
        text: What is written, before its meaning was taken.
        quoted: Whether it was written in quotes, so that it stays a text.
        failed: Whether it was reported already and nothing more is to be said of it.
        via: Where interpolation took it from ("environment variable X"); empty where it did not.
    """

    mark: Mark
    value: ScalarValue
    text: str = ""
    quoted: bool = False
    via: str = ""
    failed: bool = False


@dataclass(slots=True)
class Entry:
    """A key of a mapping, as written and where, and its value."""

    spelled: str
    mark: Mark
    node: Node


@dataclass(slots=True)
class Map:
    """A mapping in the order of its file."""

    mark: Mark
    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class Seq:
    """A list."""

    mark: Mark
    items: list[Node] = field(default_factory=list)


Node: TypeAlias = Scalar | Map | Seq


class Problems:
    """Collects every mistake, so that the user sees them all at once.

    Attributes:
        found: The mistakes, in the order in which they were noticed.
        unread: Parts of the configuration of which a file could not be read, so that names
            which refer to them cannot be judged.
        partial: Whether the records being read lack a layer, so that a key that is not there may
            be in the file that could not be read.
    """

    def __init__(self) -> None:
        self.found: list[ConfigProblem] = []
        self.unread: set[str] = set()
        self.partial = False
        self._seen: set[tuple[str, str]] = set()

    def add(self, message: str, mark: Mark | None, hints: list[str]) -> None:
        """Record a mistake; the same one at the same place is recorded once."""
        problem = make_problem(message, mark, hints)
        key = (str(problem.location), message)
        if key not in self._seen:
            self._seen.add(key)
            self.found.append(problem)

    def in_order(self) -> list[ConfigProblem]:
        """Return the mistakes file by file, down each file."""

        def place(problem: ConfigProblem) -> tuple[str, int, int]:
            where = problem.location
            return (where.file, where.line, where.column) if where is not None else ("", 0, 0)

        return sorted(self.found, key=place)


def make_problem(message: str, mark: Mark | None, hints: list[str]) -> ConfigProblem:
    """Return a problem with its line, secrets masked."""
    if mark is None:
        return ConfigProblem(message, suggestions=tuple(hints))
    return ConfigProblem(
        message,
        mark.location,
        _shown_line(mark) if mark.source.is_file else "",
        mark.width,
        tuple(hints),
    )


def _shown_line(mark: Mark) -> str:
    """Return the line of a place, masked where it, or a key that it stands below, holds secrets."""
    line = mark.source.line(mark.line)
    depth = _depth(line)
    for number in range(mark.line - 1, -1, -1):
        above = mark.source.line(number)
        key = _KEY.match(above)
        if key is None or _depth(above) >= depth:
            continue
        depth = _depth(above)
        if is_secret_name(key.group(1)):
            return line[: len(line) - len(line.lstrip())] + MASK
    return mask_line(line)


def _depth(line: str) -> int:
    """Return how far a line is indented; an item of a list stands below a key of its column."""
    stripped = line.lstrip()
    return 2 * (len(line) - len(stripped)) + stripped.startswith("- ")


def to_plain(node: Node) -> Any:
    """Return the values alone, as new lists and dicts."""
    if isinstance(node, Map):
        return {key: to_plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Seq):
        return [to_plain(item) for item in node.items]
    return node.value


def from_plain(value: Any, name: str, problems: Problems) -> Node:
    """Return the tree of a value given in Python; ``name`` says in errors what it is."""
    mark = Mark(SourceFile(name))
    if isinstance(value, Mapping):
        entries = {
            str(key): Entry(str(key), mark, from_plain(item, f"{name}.{key}", problems))
            for key, item in value.items()
        }
        return Map(mark, entries)
    if isinstance(value, list | tuple):
        return Seq(mark, [from_plain(v, f"{name}[{i}]", problems) for i, v in enumerate(value)])
    if value is None or isinstance(value, bool | int | float | str):
        return Scalar(mark, value, "" if value is None else str(value))
    hints = ["Use texts, numbers, lists and mappings."]
    problems.add(f"a {type(value).__name__} is not a setting", mark, hints)
    return Scalar(mark, None)


def kind_of(node: Node) -> str:
    """Name what a node is, for messages; what may be secret is not shown."""
    if isinstance(node, Map):
        return "a mapping"
    if isinstance(node, Seq):
        return "a list"
    if node.value is None:
        return "nothing"
    if node.via.startswith("environment variable") or is_secret_name(node.via):
        return f"{'a text' if isinstance(node.value, str) else 'a number'} from {node.via}"
    if isinstance(node.value, bool):
        return f"{str(node.value).lower()} (a truth value)"
    if isinstance(node.value, int | float):
        return f"the number {_shorten(str(node.value))}"
    return repr(_shorten(node.value))


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
