"""How a version is called: with columns that were read for it, or with data as it stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from tauro.flavors import ColumnSpec, LoadedModel
from tauro.serving._tables import build_frame


class Caller(ABC):
    """A way to the predictions of a version.

    Attributes:
        path: Its name in ``/metadata``: ``plain`` or ``onnx``.
        is_quick: Whether a few rows take so little time that they need no thread of their own.
    """

    path: str
    is_quick = False

    @abstractmethod
    def predict_columns(self, columns: Sequence[Sequence[Any]]) -> Any:
        """Return predictions for checked values by column, in the signature's order."""

    @abstractmethod
    def predict_data(self, data: Any) -> Any:
        """Return predictions for a checked frame, or whatever a model without columns takes."""


class PlainCaller(Caller):
    """The model as its framework runs it."""

    path = "plain"

    def __init__(self, model: LoadedModel, specs: Sequence[ColumnSpec]) -> None:
        self._model = model
        self._specs = specs

    def predict_columns(self, columns: Sequence[Sequence[Any]]) -> Any:
        """Return the model's predictions."""
        return self._model.predict_checked(build_frame(self._specs, columns))

    def predict_data(self, data: Any) -> Any:
        """Return the model's predictions."""
        return self._model.predict(data)


def to_plain(result: Any) -> Any:
    """Return predictions as JSON can hold them."""
    if hasattr(result, "to_dict") and hasattr(result, "columns"):
        return result.to_dict("records")
    if isinstance(result, dict):
        return {str(name): to_plain(value) for name, value in result.items()}
    if hasattr(result, "tolist"):
        return result.tolist()
    return np.asarray(result).tolist()


def _encode_odd(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


_encoder = msgspec.json.Encoder(enc_hook=_encode_odd)


def to_json(value: Any) -> bytes:
    """Return a value as JSON; NumPy's scalars as numbers, whatever else as its text."""
    return _encoder.encode(value)
