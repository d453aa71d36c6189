"""Literals of a filter, read as the field beside them asks."""

from __future__ import annotations

import math
from typing import Final

from tauro._internal._close import did_you_mean
from tauro.errors import FilterSyntaxError
from tauro.tracking._query._ast import Field, Kind, Value
from tauro.tracking._query._lexer import Token, TokenKind, brief, syntax_error
from tauro.tracking._query._schema import Schema
from tauro.tracking._query._values import microseconds_of

_MILLISECOND: Final = 1000


def read_literal(text: str, token: Token, field: Field, schema: Schema) -> tuple[Value, Kind]:
    """Return a literal's value and the reading of the field that it asks for.

    Raises:
        FilterSyntaxError: No literal stands there, or one of the wrong kind for the field.
    """
    match field.kind:
        case Kind.NUMBER:
            return _number(text, token, field), Kind.NUMBER
        case Kind.TIME:
            return _time(text, token, field), Kind.TIME
        case Kind.TEXT:
            return _text(text, token, field, schema), Kind.TEXT
        case _:
            return _loose(text, token, field)


def _number(text: str, token: Token, field: Field) -> float:
    if token.kind is TokenKind.NUMBER:
        return float(token.text)
    hint = []
    if _is_quoted(token):
        hint.append("Numbers are written without quotes.")
    raise _expected(text, token, field, "a number", hint)


def _text(text: str, token: Token, field: Field, schema: Schema) -> str:
    if not _is_quoted(token):
        shown = text[token.start : token.end]
        hint = [f"Quote it: '{shown}'."] if shown else []
        raise _expected(text, token, field, "a quoted text", hint)
    choices = schema.attributes[field.name].choices if field.space == "attributes" else ()
    if not choices:
        return token.text
    for choice in choices:
        if choice.casefold() == token.text.casefold():
            return choice
    raise syntax_error(
        text,
        token.start,
        token.end,
        f"{field} is never {token.text!r}; expected one of {', '.join(choices)}",
        did_you_mean(token.text, choices),
    )


def _time(text: str, token: Token, field: Field) -> int:
    expected = "a time: ISO text such as '2026-01-31T12:00:00Z', or milliseconds since the epoch"
    if _is_quoted(token):
        try:
            moment = microseconds_of(token.text)
        except ValueError as error:
            raise _expected(text, token, field, expected) from error
        if moment is not None:
            return moment
    if token.kind is TokenKind.NUMBER:
        try:
            return int(token.text) * _MILLISECOND
        except ValueError:
            value = float(token.text) * _MILLISECOND
            if math.isfinite(value):
                return int(value)
    raise _expected(text, token, field, expected)


def _loose(text: str, token: Token, field: Field) -> tuple[Value, Kind]:
    if _is_quoted(token):
        return token.text, Kind.TEXT
    if token.kind is TokenKind.NUMBER:
        return float(token.text), Kind.NUMBER
    if token.is_keyword("true", "false"):
        return token.text.casefold() == "true", Kind.BOOLEAN
    shown = brief(text[token.start : token.end])
    hint = [f"Quote it: '{shown}'."] if token.kind is TokenKind.NAME else []
    raise _expected(text, token, field, "a quoted text, a number, true or false", hint)


def _is_quoted(token: Token) -> bool:
    # Double quotes around a value are what users of other trackers write; there is no name here.
    return token.kind in (TokenKind.TEXT, TokenKind.QUOTED)


def _expected(
    text: str, token: Token, field: Field, expected: str, hints: list[str] | None = None
) -> FilterSyntaxError:
    if token.is_keyword("null"):
        hints = [f"Write {field} IS NULL or {field} IS NOT NULL."]
    shown = brief(text[token.start : token.end])
    got = f", not {shown!r}" if shown else "; the text ends here"
    return syntax_error(
        text, token.start, token.end, f"{field} is compared with {expected}{got}", hints or []
    )
