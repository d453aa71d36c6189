"""What users give with a model, as the registry's documents keep it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from tauro._internal._floats import float_to_json
from tauro.errors import ValidationError
from tauro.flavors import ModelSignature
from tauro.validation import (
    validate_metric_key,
    validate_metric_value,
    validate_parameter,
    validate_tag,
)

_Number = TypeVar("_Number", int | None, float | None)


def clean_metrics(metrics: Mapping[str, Any] | None) -> dict[str, float | str]:
    """Return metrics as JSON holds them; NaN and infinities by name.

    Raises:
        ValidationError: A value is no number; a bool is none.
    """
    return {
        validate_metric_key(key): float_to_json(validate_metric_value(value, key=key))
        for key, value in _items(metrics, "metrics")
    }


def clean_hyperparameters(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return hyperparameters as JSON values.

    Raises:
        ValidationError: A value is no JSON; the message names its key.
    """
    return dict(validate_parameter(key, value) for key, value in _items(values, "hyperparameters"))


def clean_tags(tags: Mapping[str, Any] | None) -> dict[str, str]:
    """Return tags as texts.

    Raises:
        ValidationError: A value is neither text, number nor boolean.
    """
    return dict(validate_tag(key, value) for key, value in _items(tags, "tags"))


def clean_dependencies(dependencies: Any) -> list[str]:
    """Return dependencies as texts; a mapping of package to version is written ``a==1``.

    Raises:
        ValidationError: One is no text.
    """
    if dependencies is None:
        return []
    if isinstance(dependencies, Mapping):
        return [f"{name}=={version}" if version else name for name, version in dependencies.items()]
    one = isinstance(dependencies, str) or not isinstance(dependencies, Iterable)
    entries = [dependencies] if one else list(dependencies)
    wrong = [entry for entry in entries if not isinstance(entry, str)]
    if wrong:
        raise ValidationError(
            f"A dependency is {wrong[0]!r}; expected a text such as 'scikit-learn==1.5'.",
            context={"dependency": repr(wrong[0])},
        )
    return entries


def clean_schema(schema: Any, role: str) -> Any:
    """Return a schema as JSON after checking that it reads as one; None and empty are none.

    Raises:
        ValidationError: It is no schema.
    """
    if schema is None or (isinstance(schema, Mapping | list | tuple) and not schema):
        return None
    sides = (schema, None) if role == "input" else (None, schema)
    signature = ModelSignature.from_schemas(*sides)
    if isinstance(schema, ModelSignature):
        columns = signature.inputs if role == "input" else signature.outputs
        return msgspec.to_builtins(columns) or None
    return msgspec.to_builtins(schema, str_keys=True, enc_hook=_type_name)


def check_text(value: Any, what: str, *, empty: bool = True) -> str:
    """Return a text; None is the empty one.

    Raises:
        ValidationError: It is something else, or empty where that is no answer.
    """
    if value is not None and not isinstance(value, str):
        raise ValidationError(
            f"{what} is {value!r} ({type(value).__name__}); expected a text.",
            context={"argument": what},
        )
    if not value and not empty:
        raise ValidationError(f"{what} is empty; expected a text.", context={"argument": what})
    return value or ""


def check_limit(limit: _Number, what: str) -> _Number:
    """Return how much is to be kept; None is all.

    Raises:
        ValidationError: It is no positive number: what is older than -1 days is everything.
    """
    given: object = limit
    if given is None:
        return limit
    if isinstance(given, int | float) and not isinstance(given, bool) and given > 0:
        return limit
    raise ValidationError(
        f"{what} is {limit!r}; expected a positive number.",
        context={"argument": what},
        suggestions=["Leave it out to keep all."],
    )


def copy_mapping(value: Any) -> Any:
    """Return a mapping's copy, for hooks to change; {} for None; anything else as it is."""
    return {} if value is None else dict(value) if isinstance(value, Mapping) else value


def _type_name(value: Any) -> str:
    """Return the name of a class or dtype that stands for a type; the schema was checked."""
    return value.__name__ if isinstance(value, type) else str(value)


def _items(values: Mapping[str, Any] | None, what: str) -> list[tuple[str, Any]]:
    if values is None:
        return []
    if not isinstance(values, Mapping):
        raise ValidationError(
            f"{what} is a {type(values).__name__}; expected a mapping of names to values.",
            context={"argument": what},
        )
    return list(values.items())
