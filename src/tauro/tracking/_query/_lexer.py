"""Filter text to tokens, and the error that points into the text."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tauro._internal._terminal import cell_width, harmless
from tauro.errors import FilterSyntaxError

KEYWORDS: Final = frozenset(
    {"and", "or", "not", "like", "ilike", "in", "is", "null", "true", "false", "asc", "desc"}
)
_SHOWN: Final = 120


class TokenKind(enum.Enum):
    """What a token is."""

    NAME = "a name"
    QUOTED = "a quoted name"
    TEXT = "a quoted text"
    NUMBER = "a number"
    OPERATOR = "an operator"
    PUNCTUATION = "a parenthesis or comma"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text.

    Attributes:
        kind: What it is.
        text: Its content, quotes taken off.
        start: Where it begins, from zero.
        end: Where it ends.
    """

    kind: TokenKind
    text: str
    start: int
    end: int

    def is_keyword(self, *words: str) -> bool:
        """Tell whether this is one of the keywords, in any letter case."""
        return self.kind is TokenKind.NAME and self.text.casefold() in words


_PATTERN: Final = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])
        |[+-]?(?:nan|infinity|inf)(?![\w./-]))
  | (?P<name>[^\W\d][\w/-]*(?:\.[\w/-]+)*(?:\.(?=["`]))?)
  | (?P<text>'(?:[^']|'')*')
  | (?P<double>"(?:[^"]|"")*")
  | (?P<backtick>`(?:[^`]|``)*`)
  | (?P<operator><=|>=|!=|=|<|>)
  | (?P<punctuation>[(),])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FOREIGN: Final = {"==": "=", "<>": "!=", "&&": "AND", "||": "OR", "!": "NOT"}


def syntax_error(
    text: str, start: int, end: int, problem: str, suggestions: Sequence[str] = ()
) -> FilterSyntaxError:
    """Return the error that shows the text with a caret under the columns ``start`` to ``end``."""
    offset = max(0, min(start - _SHOWN // 2, len(text) - _SHOWN))
    window = "".join(map(_shown, text[offset : offset + _SHOWN]))
    before, under = window[: start - offset], window[start - offset : end - offset]
    more = offset + _SHOWN < len(text)
    return FilterSyntaxError(
        f"{problem} (column {start + 1})\n"
        f"  {'…' if offset else ''}{window}{'…' if more else ''}\n"
        f"  {' ' * (bool(offset) + cell_width(before))}{'^' * max(1, cell_width(under))}",
        context={"text": text, "column": start + 1},
        suggestions=suggestions,
    )


def _shown(character: str) -> str:
    """Return a character as one of a line: what breaks lines or moves the cursor has a stand-in."""
    if character.isspace():
        return " "
    return character if harmless(character) == character else "\ufffd"


def brief(text: str) -> str:
    """Return a piece of the text as a message shows it."""
    return text if len(text) <= _SHOWN // 2 else f"{text[: _SHOWN // 2]}…"


def as_text(value: object) -> str:
    """Return what is to be parsed.

    Raises:
        FilterSyntaxError: It is no text.
    """
    if not isinstance(value, str):
        raise FilterSyntaxError(
            f"Got {type(value).__name__} {brief(repr(value))} where a text of the filter language, "
            'such as "metrics.loss < 0.5", belongs.',
            context={"type": type(value).__name__},
        )
    return value


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a text, the last one being its end.

    Raises:
        FilterSyntaxError: A quote is not closed, or a character has no meaning here.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        _refuse_foreign(text, position)
        match = _PATTERN.match(text, position)
        if match is None:
            raise _no_token(text, position)
        if match.lastgroup != "space":
            tokens.append(_token(match))
        position = match.end()
    tokens.append(Token(TokenKind.END, "", len(text), len(text)))
    return tokens


def _token(match: re.Match[str]) -> Token:
    raw, start, end = match.group(), match.start(), match.end()
    match match.lastgroup:
        case "text":
            return Token(TokenKind.TEXT, raw[1:-1].replace("''", "'"), start, end)
        case "double":
            return Token(TokenKind.QUOTED, raw[1:-1].replace('""', '"'), start, end)
        case "backtick":
            return Token(TokenKind.QUOTED, raw[1:-1].replace("``", "`"), start, end)
        case "number":
            return Token(TokenKind.NUMBER, raw, start, end)
        case "operator":
            return Token(TokenKind.OPERATOR, raw, start, end)
        case "punctuation":
            return Token(TokenKind.PUNCTUATION, raw, start, end)
        case _:
            return Token(TokenKind.NAME, raw, start, end)


def _refuse_foreign(text: str, position: int) -> None:
    for foreign, ours in _FOREIGN.items():
        if text.startswith(foreign, position) and not text.startswith("!=", position):
            raise syntax_error(
                text,
                position,
                position + len(foreign),
                f"{foreign!r} is not an operator of this language",
                [f"Write {ours}."],
            )


def _no_token(text: str, position: int) -> FilterSyntaxError:
    character = text[position]
    if character in "'\"`":
        return syntax_error(
            text,
            position,
            len(text),
            f"The quote {character} is opened here and never closed",
            [f"Close it; a {character} inside the text is written twice."],
        )
    word = re.match(r"[^\s'\"`()<>=!,]+", text[position:])
    length = len(word.group()) if word else 1
    return syntax_error(
        text,
        position,
        position + length,
        f"{text[position : position + length]!r} has no meaning here",
        ["Quote texts with ' and names with odd characters with `, as in metrics.`val loss`."],
    )
