"""Page tokens: where a page ended, sealed to the query it belongs to."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tauro.errors import TrackingValidationError
from tauro.tracking._query import Kind, OrderKey

_VERSION: Final = 1


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last run of a page.

    Attributes:
        version: Of the token.
        query: Digest of the query.
        values: The run's value for each part of the order.
        run_id: The run.
    """

    version: int
    query: str
    values: list[Any]
    run_id: str


def query_digest(*parts: Any) -> str:
    """Return a digest of what a query asks for, its limit aside."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def encode_token(query: str, values: list[Any], run_id: str) -> str:
    """Return a page token."""
    plain = [{"float": repr(each)} if _is_odd(each) else each for each in values]
    data = msgspec.json.encode(Cursor(_VERSION, query, plain, run_id))
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode_token(token: str, query: str, order: Sequence[OrderKey]) -> Cursor:
    """Return what a page token says.

    Args:
        token: As a caller, who may have it from anywhere, gave it.
        query: Digest of the query that it must belong to.
        order: Of the query; the token holds a value for each part.

    Raises:
        TrackingValidationError: It is no page token, or belongs to another query or version.
    """
    if not isinstance(token, str):
        raise _refused(repr(token), "is not a page token")
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars="-_", validate=True)
        cursor = msgspec.json.decode(data, type=Cursor)
    except (binascii.Error, ValueError, RecursionError, msgspec.DecodeError) as error:
        raise _refused(token, "is not a page token") from error
    if cursor.version != _VERSION:
        raise _refused(token, f"is a page token of version {cursor.version}, not {_VERSION}")
    if cursor.query != query or len(cursor.values) != len(order):
        raise _refused(token, "belongs to another query")
    values = [
        _ODD.get(str(each), each) if isinstance(each, dict) else each for each in cursor.values
    ]
    if not all(map(_fits, values, order)):
        raise _refused(token, "is not a page token")
    return msgspec.structs.replace(cursor, values=values)


def _fits(value: Any, part: OrderKey) -> bool:
    """Tell whether a value may be one of a field."""
    if value is None:
        return True
    if part.field.kind not in (Kind.NUMBER, Kind.TIME):
        return isinstance(value, str)
    return isinstance(value, float) or (type(value) is int and abs(value) < 1 << 63)


_ODD: Final = {str({"float": repr(each)}): each for each in (math.nan, math.inf, -math.inf)}


def _is_odd(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _refused(token: str, why: str) -> TrackingValidationError:
    shown = token if len(token) <= 40 else f"{token[:40]}…"
    return TrackingValidationError(
        f"page_token {shown!r} {why}.",
        context={"page_token": token},
        suggestions=[
            "Pass the next_page_token of the page before, and ask for the same as there.",
        ],
    )
