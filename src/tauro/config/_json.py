"""JSON text to a tree with positions.

The standard parser keeps no positions, and YAML's would accept files that no other JSON reader
does; a recursive descent over one pattern is short and exact.
"""

from __future__ import annotations

import json
import re
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]
from typing import Final, NoReturn

from tauro.config._source import Entry, Map, Mark, Node, Problems, Scalar, Seq, SourceFile

_SPACE = re.compile(r"[ \t\n\r]*")
_LITERAL = re.compile(
    r"true|false|null|-?(?:0|[1-9][0-9]{0,4000})(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
)
_DEEPEST: Final = 100
_CHECK: Final = "Check the quotes, commas and brackets here and just before."


class _SyntaxError(Exception):
    """Where and why the text is no JSON."""

    def __init__(self, message: str, position: int, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.hint = hint


def parse_json(text: str, source: SourceFile, problems: Problems) -> Node | None:
    """Return the tree of a document; None where it is empty or does not parse."""
    reader = _Reader(text, source, problems)
    try:
        return reader.document()
    except _SyntaxError as failure:
        where = reader.mark(failure.position)
        problems.add(f"not valid JSON: {failure.message}", where, [failure.hint])
        return None


class _Reader:
    def __init__(self, text: str, source: SourceFile, problems: Problems) -> None:
        self._text = text
        self._source = source
        self._problems = problems
        # Where each line starts, by the same breaks as the lines that errors show.
        breaks = re.finditer("\r\n|[\n\r\x85\u2028\u2029]", text)
        self._starts = [0, *(found.end() for found in breaks)]

    def mark(self, start: int, end: int | None = None) -> Mark:
        low, high = 0, len(self._starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._starts[middle] <= start else (low, middle)
        return Mark(self._source, low, start - self._starts[low], max(1, (end or start) - start))

    def document(self) -> Node | None:
        position = self._skip(0)
        if position == len(self._text):
            return None
        node, position = self._value(position, 0)
        position = self._skip(position)
        if position < len(self._text):
            self._fail("something follows the end of the document", position)
        return node

    def _skip(self, position: int) -> int:
        found = _SPACE.match(self._text, position)
        return found.end() if found else position

    def _fail(self, message: str, position: int, hint: str = _CHECK) -> NoReturn:
        raise _SyntaxError(message, min(position, max(0, len(self._text) - 1)), hint)

    def _value(self, position: int, depth: int) -> tuple[Node, int]:
        if depth > _DEEPEST:
            self._fail(f"nested more than {_DEEPEST} deep", position)
        first = self._text[position : position + 1]
        if first == "{":
            return self._object(position, depth)
        if first == "[":
            return self._array(position, depth)
        if first == '"':
            text, end = self._string(position)
            return Scalar(self.mark(position, end), text, text), end
        found = _LITERAL.match(self._text, position)
        if not found:
            self._fail(
                f"expected a value, got {self._seen(position)}", position, self._hint(position)
            )
        text = found.group()
        return Scalar(self.mark(position, found.end()), json.loads(text), text), found.end()

    def _seen(self, position: int) -> str:
        return repr(self._text[position]) if position < len(self._text) else "the end of the file"

    def _hint(self, position: int) -> str:
        first = self._text[position : position + 1]
        return "Write texts in double quotes." if first == "'" or first.isalpha() else _CHECK

    def _string(self, position: int) -> tuple[str, int]:
        try:
            text, end = scanstring(self._text, position + 1, True)
        except JSONDecodeError as error:
            self._fail(error.msg[:1].lower() + error.msg[1:], error.pos)
        return text, end

    def _object(self, position: int, depth: int) -> tuple[Map, int]:
        result = Map(self.mark(position))
        position = self._skip(position + 1)
        if self._text.startswith("}", position):
            return result, position + 1
        while True:
            if not self._text.startswith('"', position):
                message = f"expected a key in double quotes, got {self._seen(position)}"
                self._fail(message, position, self._hint(position))
            key, end = self._string(position)
            mark = self.mark(position, end)
            position = self._skip(end)
            if not self._text.startswith(":", position):
                self._fail(f"expected ':' after the key, got {self._seen(position)}", position)
            node, position = self._value(self._skip(position + 1), depth + 1)
            self._put(result, key, mark, node)
            position, ended = self._separator(position, "}")
            if ended:
                return result, position

    def _put(self, result: Map, key: str, mark: Mark, node: Node) -> None:
        first = result.entries.get(key)
        if first is None:
            result.entries[key] = Entry(key, mark, node)
            return
        self._problems.add(
            f"the key {key!r} is here twice (first on line {first.mark.line + 1})",
            mark,
            ["Remove one of the two, or merge them."],
        )

    def _array(self, position: int, depth: int) -> tuple[Seq, int]:
        result = Seq(self.mark(position))
        position = self._skip(position + 1)
        if self._text.startswith("]", position):
            return result, position + 1
        while True:
            node, position = self._value(position, depth + 1)
            result.items.append(node)
            position, ended = self._separator(position, "]")
            if ended:
                return result, position

    def _separator(self, position: int, closing: str) -> tuple[int, bool]:
        position = self._skip(position)
        if self._text.startswith(closing, position):
            return position + 1, True
        if not self._text.startswith(",", position):
            self._fail(f"expected ',' or '{closing}', got {self._seen(position)}", position)
        after = self._skip(position + 1)
        if self._text.startswith(closing, after):
            self._fail(f"a comma before '{closing}'", position, "Remove the comma.")
        return after, False
