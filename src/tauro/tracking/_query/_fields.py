"""Names in a filter or order to the fields they mean."""

from __future__ import annotations

from tauro._internal._close import close_matches
from tauro.errors import FilterSyntaxError
from tauro.tracking._query._ast import Field, Kind, Space
from tauro.tracking._query._lexer import KEYWORDS, Token, TokenKind, brief, syntax_error
from tauro.tracking._query._schema import SPACE_KINDS, Schema


def read_field(text: str, tokens: list[Token], position: int, schema: Schema) -> tuple[Field, int]:
    """Return the field that begins at a token, and the position after it.

    Raises:
        FilterSyntaxError: No name stands there, or the name is not known.
    """
    token = tokens[position]
    if token.kind is TokenKind.QUOTED:
        return _attribute(text, token, token.text, schema), position + 1
    if token.kind is not TokenKind.NAME or token.text.casefold() in KEYWORDS:
        raise _no_field(text, token, schema)
    if token.text.endswith("."):
        quoted = tokens[position + 1]
        if quoted.start == token.end and quoted.kind is TokenKind.QUOTED:
            return _in_space(text, token, token.text[:-1], quoted.text, schema), position + 2
    prefix, dot, name = token.text.partition(".")
    if dot:
        return _in_space(text, token, prefix, name, schema), position + 1
    return _attribute(text, token, token.text, schema), position + 1


def _in_space(text: str, token: Token, prefix: str, name: str, schema: Schema) -> Field:
    space = schema.spaces.get(prefix.casefold())
    if space is None:
        if schema.bare_tags:
            return Field("tags", f"{prefix}.{name}", Kind.LOOSE)
        raise syntax_error(
            text,
            token.start,
            token.start + len(prefix),
            f"Unknown prefix {prefix!r}; expected {_listed(_prefixes(schema))}",
            _hint(prefix, _prefixes(schema), suffix=f".{name}"),
        )
    if space == "attributes":
        return _attribute(text, token, name, schema)
    return Field(space, name, SPACE_KINDS[space])


def _attribute(text: str, token: Token, name: str, schema: Schema) -> Field:
    known = schema.attribute_name(name)
    if known is not None:
        return Field("attributes", known, schema.attributes[known].kind)
    if schema.bare_tags:
        return Field("tags", name, Kind.LOOSE)
    spaces: list[Space] = ["metrics", "params", "tags"]
    hints = _hint(name, [*schema.attributes, *schema.aliases])
    name = brief(name)
    hints.append(
        "Metrics, parameters and tags are written "
        + ", ".join(f"{space}.{name}" for space in spaces if space in schema.spaces)
        + "."
    )
    raise syntax_error(
        text,
        token.start,
        token.end,
        f"Unknown attribute {name!r} of {schema.subject}; "
        f"expected one of {', '.join(schema.attributes)}",
        hints,
    )


def _no_field(text: str, token: Token, schema: Schema) -> FilterSyntaxError:
    expected = f"a field such as {_example(schema)}"
    if token.kind is TokenKind.END:
        return syntax_error(text, token.start, token.end, f"The text ends where {expected} belongs")
    hints = []
    if token.kind is TokenKind.TEXT:
        hints.append("Single quotes make a text; the field stands left of the operator, unquoted.")
    elif token.text.casefold() in KEYWORDS:
        hints.append(f"A tag, metric or parameter of this name is quoted: `{token.text}`.")
    shown = brief(text[token.start : token.end])
    return syntax_error(text, token.start, token.end, f"Expected {expected}, not {shown!r}", hints)


def _example(schema: Schema) -> str:
    return "metrics.loss or status" if "metrics" in schema.spaces else "tags.team or name"


def _prefixes(schema: Schema) -> list[str]:
    return list(dict.fromkeys(schema.spaces.values()))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + f" or {names[-1]}"


def _hint(name: str, candidates: list[str], suffix: str = "") -> list[str]:
    found = close_matches(name, candidates)
    return [f"Did you mean {' or '.join(match + suffix for match in found)}?"] if found else []
