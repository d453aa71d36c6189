"""Data in the form that a framework takes, checked against the signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tauro.flavors._protocol import InputForm
from tauro.flavors._signature import ModelSignature
from tauro.flavors._tables import as_table, is_frame, to_array, with_categories, with_types


def prepare(data: Any, signature: ModelSignature | None, form: InputForm) -> Any:
    """Return data as a frame, an array or a mapping of arrays.

    Args:
        data: As ``predict`` takes it.
        signature: What it must fit, None where that is not known.
        form: What the framework takes.

    Raises:
        SignatureMismatchError: The data does not fit the signature.
    """
    if signature is not None and signature.inputs:
        signature.validate(data)
        if not signature.is_tensor:
            frame = with_types(signature.to_frame(data), signature.inputs)
            if form == "frame":
                return with_categories(frame, signature.inputs)
            return to_array(frame)
    table = as_table(data)
    if isinstance(table, Mapping) and form == "tensors":
        return {str(name): to_array(value) for name, value in table.items()}
    return table if form == "frame" and is_frame(table) else to_array(table)
