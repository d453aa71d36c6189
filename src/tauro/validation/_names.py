"""Names and keys."""

from __future__ import annotations

import re
from typing import Final

from tauro._internal._shown import short_repr
from tauro.errors import ValidationError

MAX_NAME: Final = 255
MAX_KEY: Final = 250

# Control characters, line and paragraph separators, and lone surrogates, which UTF-8 cannot hold.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _check_text(what: str, text: object, longest: int, error: type[ValidationError]) -> str:
    if not isinstance(text, str):
        raise error(
            f"{what} must be a text; got {type(text).__name__} {_short(text)}.",
            suggestions=["Give a str."],
        )
    if not text.strip():
        raise error(
            f"{what} is {'empty' if not text else 'blank'}.",
            suggestions=[f"Give up to {longest} printable characters."],
        )
    if len(text) > longest:
        raise error(
            f"{what} has {len(text)} characters, at most {longest} are kept: {text[:40]!r}….",
            suggestions=["Shorten it; a description or a tag holds more."],
        )
    found = _UNPRINTABLE.search(text)
    if found:
        raise error(
            f"{what} {_short(text)} has the unprintable character {found[0]!r} "
            f"at position {found.start() + 1}.",
            suggestions=["Take it out; spaces, slashes and any letters are fine."],
        )
    return str(text)  # of a subclass, such as numpy's, too


def _short(value: object) -> str:
    return short_repr(value)


def validate_experiment_name(
    name: object, *, error: type[ValidationError] = ValidationError
) -> str:
    """Return an experiment's name: printable text of up to 255 characters, slashes too.

    Args:
        name: The name as the user gave it.
        error: The class to raise, so that each part's users catch that part's errors.

    Raises:
        ValidationError: It is no such text; as ``error``.
    """
    return _check_text("The experiment's name", name, MAX_NAME, error)


def validate_run_name(name: object, *, error: type[ValidationError] = ValidationError) -> str:
    """Return a run's name: printable text of up to 255 characters, slashes too.

    Raises:
        ValidationError: It is no such text; as ``error``.
    """
    return _check_text("The run's name", name, MAX_NAME, error)


def validate_model_name(name: object, *, error: type[ValidationError] = ValidationError) -> str:
    """Return a model's name: printable text of up to 255 characters without ``/`` and ``:``.

    Those two separate name, version and alias in a model's address (``models:/name/3``).

    Raises:
        ValidationError: It is no such text; as ``error``.
    """
    text = _check_text("The model's name", name, MAX_NAME, error)
    found = next((mark for mark in text if mark in "/:"), None)
    if found is not None:
        raise error(
            f"The model's name {_short(text)} has a {found!r}, which separates name and version "
            "in a model's address.",
            suggestions=[f"For example {re.sub('[/:]+', '-', text)!r}."],
        )
    if text in (".", ".."):
        raise error(
            f"The model's name {text!r} means a folder.", suggestions=["Give it a real name."]
        )
    return text


def validate_metric_key(key: object, *, error: type[ValidationError] = ValidationError) -> str:
    """Return a metric's key: printable text of up to 250 characters.

    Raises:
        ValidationError: It is no such text; as ``error``.
    """
    return _check_text("The metric's key", key, MAX_KEY, error)


def validate_parameter_key(key: object, *, error: type[ValidationError] = ValidationError) -> str:
    """Return a parameter's key: printable text of up to 250 characters.

    Raises:
        ValidationError: It is no such text; as ``error``.
    """
    return _check_text("The parameter's key", key, MAX_KEY, error)


def validate_tag_key(key: object, *, error: type[ValidationError] = ValidationError) -> str:
    """Return a tag's key: printable text of up to 250 characters.

    Raises:
        ValidationError: It is no such text; as ``error``.
    """
    return _check_text("The tag's key", key, MAX_KEY, error)
