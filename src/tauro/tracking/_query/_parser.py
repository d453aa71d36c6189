"""The filter language, by recursive descent.

::

    filter     := disjunct (OR disjunct)*
    disjunct   := factor (AND factor)*
    factor     := NOT factor | '(' filter ')' | condition
    condition  := field (= | != | < | <= | > | >=) literal
                | field [NOT] (LIKE | ILIKE) text
                | field [NOT] IN '(' literal (',' literal)* ')'
                | field IS [NOT] NULL
    field      := attribute | (metrics | params | tags) '.' name
    order      := field [ASC | DESC]
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, cast

from tauro.errors import FilterSyntaxError
from tauro.tracking._query._ast import (
    And,
    Compare,
    Expression,
    Field,
    In,
    IsNull,
    Kind,
    Like,
    Not,
    Operator,
    Or,
    OrderKey,
    Value,
)
from tauro.tracking._query._fields import read_field
from tauro.tracking._query._lexer import (
    Token,
    TokenKind,
    as_text,
    brief,
    syntax_error,
    tokenize,
)
from tauro.tracking._query._literals import read_literal
from tauro.tracking._query._schema import RUNS, Schema

_MAX_DEPTH: Final = 100
_CONDITION: Final = "=, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN or IS NULL"


def parse_filter(text: str, schema: Schema = RUNS) -> Expression | None:
    """Return the parsed filter, or None for a blank text, which every record passes.

    Raises:
        FilterSyntaxError: The text is wrong; the message shows where and what was expected.
    """
    return _parse(text, schema) if as_text(text).strip() else None


@lru_cache(maxsize=256)
def _parse(text: str, schema: Schema) -> Expression:
    return _Parser(text, schema).parse()


def parse_field(text: str, schema: Schema = RUNS) -> Field:
    """Return the field that a text names.

    Raises:
        FilterSyntaxError: It names none.
    """
    (key,) = parse_order([text], schema)
    return key.field


def listed(fields: Iterable[str] | str) -> list[str]:
    """Return a list of fields; one by itself is a list of one.

    Raises:
        FilterSyntaxError: It is no list.
    """
    if isinstance(fields, str):
        return [fields]
    try:
        return list(fields)
    except TypeError as error:
        raise FilterSyntaxError(
            f"Got {type(fields).__name__} where a list of fields, such as ['start_time'], belongs."
        ) from error


def parse_order(parts: Iterable[str], schema: Schema = RUNS) -> tuple[OrderKey, ...]:
    """Return the parsed parts of an order, such as ``["metrics.loss DESC", "start_time"]``.

    Raises:
        FilterSyntaxError: A part is not a field with an optional ASC or DESC.
    """
    keys = []
    for text in parts:
        tokens = tokenize(as_text(text))
        field, position = read_field(text, tokens, 0, schema)
        descending = tokens[position].is_keyword("desc")
        if tokens[position].is_keyword("asc", "desc"):
            position += 1
        rest = tokens[position]
        if rest.kind is not TokenKind.END:
            raise syntax_error(
                text,
                rest.start,
                rest.end,
                f"Expected ASC, DESC or the end after {field}, not {brief(rest.text)!r}",
                ["Several fields are several entries of the list."] if rest.text == "," else [],
            )
        keys.append(OrderKey(field, descending=descending))
    return tuple(keys)


class _Parser:
    """One pass over one text."""

    def __init__(self, text: str, schema: Schema) -> None:
        self._text = text
        self._schema = schema
        self._tokens = tokenize(text)
        self._position = 0
        self._depth = 0

    def parse(self) -> Expression:
        expression = self._disjunction()
        if self._token.kind is not TokenKind.END:
            shown = brief(self._text[self._token.start : self._token.end])
            raise self._error(f"Expected AND, OR or the end, not {shown!r}")
        return expression

    @property
    def _token(self) -> Token:
        return self._tokens[self._position]

    def _error(self, problem: str, *suggestions: str) -> FilterSyntaxError:
        return syntax_error(self._text, self._token.start, self._token.end, problem, suggestions)

    def _take_keyword(self, *words: str) -> str | None:
        token = self._token
        if not token.is_keyword(*words):
            return None
        self._position += 1
        return token.text.casefold()

    def _take_punctuation(self, character: str) -> bool:
        if self._token.kind is TokenKind.PUNCTUATION and self._token.text == character:
            self._position += 1
            return True
        return False

    def _disjunction(self) -> Expression:
        parts = [self._conjunction()]
        while self._take_keyword("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _conjunction(self) -> Expression:
        parts = [self._factor()]
        while self._take_keyword("and"):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _factor(self) -> Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(f"Nested more than {_MAX_DEPTH} deep")
        try:
            if self._take_keyword("not"):
                return Not(self._factor())
            opening = self._token
            if not self._take_punctuation("("):
                return self._condition()
            inner = self._disjunction()
            if not self._take_punctuation(")"):
                raise self._error(
                    f"Expected AND, OR or the ) of the parenthesis opened at column "
                    f"{opening.start + 1}"
                )
            return inner
        finally:
            self._depth -= 1

    def _condition(self) -> Expression:
        field, self._position = read_field(self._text, self._tokens, self._position, self._schema)
        if self._token.kind is TokenKind.OPERATOR:
            return self._comparison(field)
        if self._take_keyword("is"):
            negated = self._take_keyword("not") is not None
            if not self._take_keyword("null"):
                raise self._error("Expected NULL or NOT NULL after IS")
            return _negate(IsNull(field), negated=negated)
        negated = self._take_keyword("not") is not None
        word = self._take_keyword("like", "ilike", "in")
        if word is None:
            wanted = "LIKE, ILIKE or IN after NOT" if negated else f"{_CONDITION} after {field}"
            raise self._error(f"Expected {wanted}")
        found = self._in(field) if word == "in" else self._like(field, ignore_case=word == "ilike")
        return _negate(found, negated=negated)

    def _comparison(self, field: Field) -> Compare:
        operator = cast("Operator", self._token.text)
        self._position += 1
        value, reading = read_literal(self._text, self._token, field, self._schema)
        if reading is Kind.BOOLEAN and operator not in ("=", "!="):
            raise self._error("true and false are compared with = and != only")
        self._position += 1
        return Compare(field, operator, value, reading)

    def _like(self, field: Field, *, ignore_case: bool) -> Like:
        if field.kind not in (Kind.TEXT, Kind.LOOSE):
            self._position -= 1
            raise self._error(f"{field} is a {field.kind.value}, which has no text for LIKE")
        if self._token.kind not in (TokenKind.TEXT, TokenKind.QUOTED):
            raise self._error("Expected a quoted pattern, such as 'ds%'")
        pattern = self._token.text
        self._position += 1
        return Like(field, pattern, ignore_case)

    def _in(self, field: Field) -> In:
        if not self._take_punctuation("("):
            raise self._error("Expected ( and a list of values after IN")
        values: list[Value] = []
        readings: set[Kind] = set()
        while True:
            value, reading = read_literal(self._text, self._token, field, self._schema)
            readings.add(reading)
            if len(readings) > 1:
                raise self._error("The values of a list are all texts, all numbers or all booleans")
            values.append(value)
            self._position += 1
            if self._take_punctuation(")"):
                return In(field, tuple(values), readings.pop())
            if not self._take_punctuation(","):
                raise self._error("Expected a comma or ) in the list of values")


def _negate(expression: Expression, *, negated: bool) -> Expression:
    return Not(expression) if negated else expression
