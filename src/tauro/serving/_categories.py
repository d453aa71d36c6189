"""Which values a model's text columns may have, where the model refuses all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tauro.flavors import ModelSignature


def find_categories(model: Any, signature: ModelSignature | None) -> dict[str, frozenset[Any]]:
    """Return column to known values, for scikit-learn's encoders that raise on an unknown one.

    Encoders told to ignore unknown values are left out: to them every value is fine. Only encoders
    that come first in a column's way are looked at, as those after another step see other values.
    """
    if signature is None or signature.is_tensor:
        return {}
    known = {column.name for column in signature.inputs}
    found: dict[str, frozenset[Any]] = {}
    for columns, encoder in _encoders(model, signature.input_names):
        if getattr(encoder, "handle_unknown", "") != "error" or len(columns) != len(
            getattr(encoder, "categories_", ())
        ):
            continue
        for column, values in zip(columns, encoder.categories_, strict=True):
            plain = frozenset(values.tolist())
            if column in known and all(isinstance(value, str) for value in plain):
                found[column] = plain
    return found


def _encoders(model: Any, columns: list[str]) -> Iterator[tuple[list[str], Any]]:
    """Yield every first step that has columns of the inputs, with these columns."""
    steps = getattr(model, "steps", None)
    if isinstance(steps, list) and steps:
        yield from _encoders(steps[0][1], columns)
    elif hasattr(model, "transformers_"):
        for _, inner, chosen in model.transformers_:
            if isinstance(inner, str):
                continue
            names = _names(chosen, columns)
            if names is not None:
                yield from _encoders(inner, names)
    else:
        yield columns, model


def _names(chosen: Any, columns: list[str]) -> list[str] | None:
    """Return the names of a transformer's columns; None where they are chosen in another way."""
    if isinstance(chosen, str):
        return [chosen]
    if not isinstance(chosen, list | tuple) and hasattr(chosen, "tolist"):
        chosen = chosen.tolist()
    if not isinstance(chosen, list | tuple):
        return None
    if all(isinstance(one, str) for one in chosen):
        return list(chosen)
    if all(type(one) is int and -len(columns) <= one < len(columns) for one in chosen):
        return [columns[one] for one in chosen]
    return None
