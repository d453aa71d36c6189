"""What users hand to the tracker, checked and made plain before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tauro.errors import TrackingValidationError
from tauro.types import JsonValue
from tauro.validation import (
    validate_experiment_name,
    validate_parameter,
    validate_run_name,
    validate_tag,
)


def clean_experiment_name(name: Any) -> str:
    """Return an experiment's name."""
    return validate_experiment_name(name, error=TrackingValidationError)


def clean_run_name(name: Any) -> str:
    """Return a run's name."""
    return validate_run_name(name, error=TrackingValidationError)


def clean_description(text: Any) -> str:
    """Return free text about an experiment; None is none."""
    return clean_text("" if text is None else text, "A description", 1 << 20)


def clean_text(text: Any, what: str, longest: int) -> str:
    """Return a free text.

    Raises:
        TrackingValidationError: It is no text, too long, or holds what UTF-8 does not.
    """
    if not isinstance(text, str):
        raise TrackingValidationError(f"{what} is a text, got a {type(text).__name__}.")
    if len(text) > longest:
        raise TrackingValidationError(
            f"{what} is a text of up to {longest:,} characters, got {len(text):,}."
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TrackingValidationError(f"{what} holds what UTF-8 does not: {error}.") from error
    return text


def clean_parameters(parameters: Any) -> dict[str, JsonValue]:
    """Return parameters as JSON values; one that is not acceptable refuses all."""
    items = _items(parameters, "parameters")
    return dict(
        validate_parameter(key, value, error=TrackingValidationError) for key, value in items
    )


def clean_tags(tags: Any) -> dict[str, str]:
    """Return tags as texts; one that is not acceptable refuses all."""
    items = _items(tags, "tags")
    return dict(validate_tag(key, value, error=TrackingValidationError) for key, value in items)


def check_mapping(values: Any, what: str) -> Mapping[Any, Any]:
    """Return ``values`` if it is a mapping.

    Raises:
        TrackingValidationError: It is not.
    """
    if not isinstance(values, Mapping):
        raise TrackingValidationError(
            f"Got {type(values).__name__} where a mapping of {what} is expected.",
            context={"type": type(values).__name__},
            suggestions=[f"Give {what} by name, such as {{'name': value}}."],
        )
    return values


def _items(values: Any, what: str) -> list[tuple[Any, Any]]:
    return list(check_mapping(values, what).items())
