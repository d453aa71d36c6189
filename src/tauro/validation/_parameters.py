"""Parameters and tags."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import msgspec

from tauro._internal._floats import float_to_json
from tauro._internal._shown import short_repr
from tauro.errors import ValidationError
from tauro.types import JsonValue
from tauro.validation._names import validate_parameter_key, validate_tag_key

MAX_PARAMETER_BYTES: Final = 64 * 1024
MAX_TAG: Final = 8000
_MAX_DEPTH: Final = 32
_LOWEST_INT: Final = -(1 << 63)
_HIGHEST_INT: Final = (1 << 64) - 1

_encoder = msgspec.json.Encoder()


def validate_parameter(
    key: object, value: object, *, error: type[ValidationError] = ValidationError
) -> tuple[str, JsonValue]:
    """Return a parameter's key and its value as JSON: at most 64 kB.

    Numbers of numpy become numbers, tuples and sets lists, enum members their values, paths and
    times texts; NaN and infinities, which JSON lacks, their names.

    Raises:
        ValidationError: The key is no printable text of up to 250 characters, or the value is
            none of these, or is too large; as ``error``.
    """
    name = validate_parameter_key(key, error=error)
    if type(value) is int and -(1 << 53) < value < (1 << 53):
        return name, value
    if type(value) is bool or value is None:
        return name, value
    converted = _to_json(value, name, error, 0)
    try:
        size = len(_encoder.encode(converted))
    except UnicodeEncodeError as cause:
        raise error(
            f"The parameter {name!r} holds a text that UTF-8 cannot encode: {cause.reason}.",
            suggestions=["Decode it with errors='replace'."],
        ) from cause
    if size > MAX_PARAMETER_BYTES:
        raise error(
            f"The parameter {name!r} has {size} bytes as JSON, at most {MAX_PARAMETER_BYTES} are "
            "kept.",
            suggestions=["Log it as an artifact: log_dict or log_text."],
        )
    return name, converted


def _to_json(value: Any, key: str, error: type[ValidationError], depth: int) -> JsonValue:
    if depth > _MAX_DEPTH:
        raise error(
            f"The parameter {key!r} is nested more than {_MAX_DEPTH} deep, or holds itself.",
            suggestions=["Log it as an artifact: log_dict."],
        )
    if isinstance(value, enum.Enum):
        return _to_json(value.value, key, error, depth + 1)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return _integer(int(value), key, error)
    if isinstance(value, float):
        return float_to_json(float(value))
    if isinstance(value, Mapping):
        return _object(value, key, error, depth)
    if isinstance(value, list | tuple | set | frozenset | range):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [_to_json(item, key, error, depth + 1) for item in items]
    return _foreign(value, key, error, depth)


def _object(
    value: Mapping[Any, Any], key: str, error: type[ValidationError], depth: int
) -> JsonValue:
    members: dict[str, JsonValue] = {}
    for name, item in value.items():
        text = _member(name, key, error)
        if text in members:
            raise error(
                f"The parameter {key!r} has two keys that JSON writes as {short_repr(text, 60)}.",
                suggestions=["Give each member a text of its own as key."],
            )
        members[text] = _to_json(item, key, error, depth + 1)
    return members


def _foreign(value: Any, key: str, error: type[ValidationError], depth: int) -> JsonValue:
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    # numpy's scalars and arrays, and tensors, know how to become Python's.
    for converter in ("tolist", "item"):
        convert = getattr(value, converter, None)
        if callable(convert) and not isinstance(value, type) and hasattr(value, "dtype"):
            plain = convert()
            # A long double has no Python number and becomes itself; metrics take it as a float.
            plain = float(plain) if type(plain) is type(value) else plain
            return _to_json(plain, key, error, depth + 1)
    raise error(
        f"The parameter {key!r} got a value of {type(value).__module__}.{type(value).__name__}, "
        "which JSON cannot hold.",
        suggestions=["Give a number, text, list or mapping; or str(value), if its text will do."],
    )


def _integer(number: int, key: str, error: type[ValidationError]) -> int:
    if _LOWEST_INT <= number <= _HIGHEST_INT:
        return number
    raise error(
        f"The parameter {key!r} got a whole number of {number.bit_length()} bits, at most 64 are "
        "kept.",
        suggestions=["Give it as a text: str(value)."],
    )


def _member(name: object, key: str, error: type[ValidationError]) -> str:
    if isinstance(name, str):
        return str(name)
    if isinstance(name, bool | int | float) or name is None:
        with suppress(ValueError):  # Python writes whole numbers of up to 4300 digits
            return str(name)
    raise error(
        f"The parameter {key!r} has the key {short_repr(name, 60)}, which is no text.",
        suggestions=["JSON mappings have texts as keys."],
    )


def validate_tag(
    key: object, value: object, *, error: type[ValidationError] = ValidationError
) -> tuple[str, str]:
    """Return a tag's key and its value as a text of up to 8,000 characters.

    Numbers and bools, those of numpy too, become their texts.

    Raises:
        ValidationError: The key is no printable text of up to 250 characters, or the value is
            neither a text nor a number, or is too long; as ``error``.
    """
    name = validate_tag_key(key, error=error)
    if hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        value = value.item()  # type: ignore[attr-defined]  # what has both is a scalar of numpy
    if not isinstance(value, str | bool | int | float):
        raise error(
            f"The tag {name!r} got a value of {type(value).__name__}; a text is expected.",
            suggestions=["Give a text; structured values are parameters."],
        )
    try:
        text = str(value)
    except ValueError as cause:  # Python writes whole numbers of up to 4300 digits
        raise error(
            f"The tag {name!r} got a number that is too long: {cause}.",
            suggestions=["Give it as a text in another form: hex(value)."],
        ) from cause
    if len(text) > MAX_TAG:
        raise error(
            f"The tag {name!r} has {len(text)} characters, at most {MAX_TAG} are kept.",
            suggestions=["Log it as an artifact: log_text."],
        )
    try:
        text.encode()
    except UnicodeEncodeError as cause:
        raise error(
            f"The tag {name!r} holds a text that UTF-8 cannot encode: {cause.reason}.",
            suggestions=["Decode it with errors='replace'."],
        ) from cause
    return name, text
