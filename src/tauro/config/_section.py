"""Typed reading of one mapping: the one place that says what is wrong with a key or a value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from tauro._internal._close import close_matches, did_you_mean
from tauro.config._source import Entry, Map, Mark, Node, Problems, Scalar, Seq, kind_of, to_plain

T = TypeVar("T")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)?")
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_WORDS: Final = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}


class Section:
    """One mapping and what was taken from it so far.

    Every ``take`` marks its key as known; :meth:`close` reports the keys that nobody took. A null
    counts as not given.

    Args:
        node: The mapping.
        what: What it is, for messages: "node 'train'".
        problems: Takes what is wrong.
        mark: Where it is named; by default where it starts.
    """

    def __init__(self, node: Map, what: str, problems: Problems, mark: Mark | None = None) -> None:
        self.node = node
        self.mark = mark or node.mark
        self.what = what
        self.problems = problems
        self._known: list[str] = []
        self._missing: list[str] = []

    def node_of(self, key: str) -> Node | None:
        """Return the value of a key as a tree, or None where it is absent or null."""
        self._known.append(key)
        entry = self.node.entries.get(key)
        if entry is None or (isinstance(entry.node, Scalar) and entry.node.value is None):
            return None
        return entry.node

    def _wrong(self, key: str, expected: str, node: Node, hints: list[str]) -> None:
        entry = self.node.entries.get(key)
        spelled = entry.spelled if entry is not None else key
        self.problems.add(f"{spelled!r} must be {expected}, got {kind_of(node)}", node.mark, hints)

    def text(self, key: str, *, required: bool = False) -> str | None:
        """Take a text; a number that interpolation made of a text is taken as written."""
        node = self.node_of(key)
        if node is None:
            if required:
                self.missing(key)
            return None
        text = text_of(node)
        if text is None:
            self._wrong(key, "a text", node, _quote_hint(node))
        elif not text.strip():
            self._wrong(key, "a text that is not empty", node, ["Write it, or remove the key."])
            return None
        return text

    def missing(self, key: str) -> None:
        """Note a key that must be there, for :meth:`close` to report."""
        entry = self.node.entries.get(key)
        if entry is None or not (isinstance(entry.node, Scalar) and entry.node.failed):
            self._missing.append(key)

    def choice(
        self, key: str, choices: Iterable[str], aliases: Mapping[str, str] = {}
    ) -> str | None:
        """Take one of some words, compared without case."""
        text = self.text(key)
        if text is None:
            return None
        lowered = text.lower()
        allowed = list(choices)
        found = aliases.get(lowered, lowered)
        if found in allowed:
            return found
        node = self.node_of(key)
        if node is not None:
            hints = did_you_mean(text, [*allowed, *aliases]) or ["Choose one of them."]
            self._wrong(key, f"one of {', '.join(allowed)}", node, hints)
        return None

    def flag(self, key: str) -> bool | None:
        """Take a truth value."""
        node = self.node_of(key)
        if node is None:
            return None
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str):
            value = _WORDS.get(value.lower(), value)
        if isinstance(value, bool):
            return value
        self._wrong(key, "true or false", node, ["Write true or false, without quotes."])
        return None

    def integer(self, key: str, *, minimum: int | None = None) -> int | None:
        """Take a whole number."""
        node = self.node_of(key)
        if node is None:
            return None
        value = _number(node)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and (minimum is None or value >= minimum):
            return value
        at_least = f" of at least {minimum}" if minimum is not None else ""
        hints = [f"Write a number such as {max(minimum or 0, 3)}, without quotes."]
        self._wrong(key, f"a whole number{at_least}", node, hints)
        return None

    def number(
        self, key: str, *, minimum: float | None = None, maximum: float | None = None
    ) -> float | None:
        """Take a finite number."""
        node = self.node_of(key)
        if node is None:
            return None
        value = _finite(node)
        low = -math.inf if minimum is None else minimum
        high = math.inf if maximum is None else maximum
        if value is not None and low <= value <= high:
            return value
        limits = {"at least": minimum, "at most": maximum}
        bounds = " and ".join(f"{word} {at:g}" for word, at in limits.items() if at is not None)
        fraction = "Write a fraction: 0.85 is 85 %."
        hints = [fraction if maximum == 1 else "Write a number such as 2.5, without quotes."]
        self._wrong(key, f"a number{' of ' + bounds if bounds else ''}", node, hints)
        return None

    def seconds(self, key: str) -> float | None:
        """Take a duration: a number of seconds, or a text such as ``90s``, ``5m``, ``1.5h``."""
        node = self.node_of(key)
        if node is None:
            return None
        text = text_of(node)
        value = _finite(node)
        if value is None and text is not None and (found := _DURATION.fullmatch(text.strip())):
            value = float(found.group(1)) * _UNITS[found.group(2) or "s"]
        if value is not None and 0 < value < math.inf:
            return value
        self._wrong(key, "a duration above 0", node, ["Write seconds, or 90s, 5m, 1.5h."])
        return None

    def texts(self, key: str) -> tuple[tuple[str, Scalar], ...]:
        """Take a list of texts, or one text, each with its place."""
        node = self.node_of(key)
        if node is None:
            return ()
        items = node.items if isinstance(node, Seq) else [node]
        found: list[tuple[str, Scalar]] = []
        for item in items:
            text = text_of(item)
            if text is None or not isinstance(item, Scalar):
                self._wrong(key, "a list of names", item, _quote_hint(item))
            elif not text.strip():
                self._wrong(key, "a list of names that are not empty", item, ["Remove it."])
            else:
                found.append((text, item))
        return tuple(found)

    def mapping(self, key: str) -> Map | None:
        """Take a mapping as a tree."""
        node = self.node_of(key)
        if node is None or isinstance(node, Map):
            return node
        self._wrong(key, "a mapping", node, [f"Write '{key}:' and the keys indented below it."])
        return None

    def free(self, key: str) -> dict[str, object]:
        """Take a mapping whose keys are the user's own."""
        node = self.mapping(key)
        return to_plain(node) if node is not None else {}

    def rest(self) -> dict[str, Entry]:
        """Return what nobody took so far."""
        return {k: e for k, e in self.node.entries.items() if k not in self._known}

    def close_open(self, misspelled: Iterable[str] = ()) -> None:
        """Report what is missing, where other keys are the user's own."""
        for key in self._missing if not self.problems.partial else ():
            if not close_matches(key, misspelled, limit=1):
                hints = [f"Add '{key}: ...' to it."]
                self.problems.add(f"{self.what} has no {key!r}", self.mark, hints)

    def close(self, also: Sequence[str] = ()) -> None:
        """Report what is missing and every key that nobody took.

        ``also`` adds spellings to the hints. A missing key of which a misspelling is there is not
        reported twice.
        """
        known = [*self._known, *also]
        self.close_open(self.rest())
        for entry in self.rest().values():
            hints = did_you_mean(entry.spelled, known)
            if not hints:
                hints = [f"Known keys: {', '.join(dict.fromkeys(self._known))}."]
            self.problems.add(f"unknown key {entry.spelled!r} in {self.what}", entry.mark, hints)


def text_of(node: Node) -> str | None:
    """Return a node's text, or None where it is none."""
    if not isinstance(node, Scalar):
        return None
    if isinstance(node.value, str):
        return node.value
    return node.text if node.via and node.value is not None else None


def _number(node: Node) -> int | float | None:
    if not isinstance(node, Scalar) or isinstance(node.value, bool):
        return None
    if isinstance(node.value, int | float):
        return node.value
    if node.via and isinstance(node.value, str):
        # A quoted reference keeps its text, also where a number is wanted.
        from tauro.config._yaml import resolve_scalar

        value = resolve_scalar(node.value)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return None


def _finite(node: Node) -> float | None:
    value = _number(node)
    try:
        return float(value) if value is not None and math.isfinite(value) else None
    except OverflowError:
        return None


def _quote_hint(node: Node) -> list[str]:
    if isinstance(node, Scalar) and node.value is not None:
        return [f'Put it in quotes: "{node.text}"']
    return ['Write it as a text: name, or "name".']


def records(
    node: Map, what: str, problems: Problems, read: Callable[[str, Map, Entry], T]
) -> dict[str, T]:
    """Read a mapping of named records; what is no mapping is reported, a null is an empty one."""
    found: dict[str, T] = {}
    for name, entry in node.entries.items():
        if name.startswith("x-"):
            continue
        value = entry.node
        if isinstance(value, Scalar) and value.value is None:
            value = Map(entry.mark)
        if not isinstance(value, Map):
            hints = [f"Write '{name}:' and its keys indented below it."]
            message = f"{what} {name!r} must be a mapping, got {kind_of(value)}"
            problems.add(message, value.mark, hints)
        elif not name.strip():
            problems.add(f"a {what} needs a name", entry.mark, ["Write its name before the ':'."])
        else:
            found[name] = read(name, value, entry)
    return found
