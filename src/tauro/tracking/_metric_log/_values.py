"""What may be logged: the checks of values, steps, times and names."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tauro.errors import TrackingValidationError
from tauro.tracking._metric_log._format import MAX_NAME_BYTES

_INT64: Final = range(-(1 << 63), 1 << 63)


def refuse(what: str, got: Any, expected: str, *hints: str) -> TrackingValidationError:
    """Return the error for a value that cannot be logged."""
    return TrackingValidationError(
        f"{what} is {got!r} of type {type(got).__name__}; expected {expected}. "
        f"Nothing was written.",
        context={"got": repr(got)[:200]},
        suggestions=hints,
    )


def as_value(key: str, value: Any) -> float:
    """Return a metric's value as a float: of an int, a numpy scalar, a zero-dimensional array."""
    if isinstance(value, float):
        return float(value)
    what = f"The value of metric {key!r}"
    number = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        number = _from_protocol(number, what)
    try:
        return float(number)
    except OverflowError as error:
        hint = "Scale the value, or log it as a parameter."
        raise refuse(what, value, "a number within the range of a float64", hint) from error


def _from_protocol(value: Any, what: str) -> float:
    """Convert number-like objects (Decimal, Fraction); refuse what only looks like a number."""
    if (
        isinstance(value, (bool, np.bool_, complex, str, bytes, bytearray))
        or hasattr(value, "__len__")
        or not hasattr(type(value), "__float__")
    ):
        hint = "Convert it: float(value). A bool, a complex number and text are not metrics."
        raise refuse(what, value, "a real number", hint)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise refuse(what, value, "a real number") from error


def as_integer(what: str, value: Any) -> int:
    """Return an int64: a step or a time in nanoseconds."""
    if isinstance(value, (bool, np.bool_)):
        raise refuse(what, value, "an integer")
    try:
        number = operator.index(value)
    except TypeError as error:
        hint = "Steps are whole numbers; round a fraction, and keep time in `timestamp`."
        raise refuse(what, value, "an integer", hint) from error
    if number not in _INT64:
        raise refuse(what, value, "an integer of 64 bits")
    return number


def as_name(what: str, text: Any) -> bytes:
    """Return a run id or key as bytes."""
    if not isinstance(text, str) or not text or "\0" in text:
        raise refuse(what, text, "text that is not empty and holds no NUL character")
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise refuse(what, text, "text that UTF-8 can hold") from error
    if len(data) > MAX_NAME_BYTES:
        raise refuse(what, text, f"at most {MAX_NAME_BYTES} bytes of UTF-8")
    return data


def as_folder_name(experiment_id: Any) -> str:
    """Return an experiment's id, which is the name of its folder."""
    what = "The id of an experiment"
    as_name(what, experiment_id)
    if experiment_id.startswith(".") or any(mark in experiment_id for mark in "/\\"):
        raise refuse(what, experiment_id, "a name without slashes that does not begin with a dot")
    return str(experiment_id)


def as_values(key: str, values: ArrayLike | Sequence[Any]) -> NDArray[np.float64]:
    """Return a column of values, checked as :func:`as_value` checks one."""
    column = np.asarray(values)
    if column.ndim != 1:
        what = f"The column of metric {key!r}"
        raise refuse(what, column.shape, "one dimension")
    if column.dtype.kind in "fiu":
        return column.astype(np.float64, copy=False)
    return np.array([as_value(key, value) for value in column.tolist()], np.float64)


def as_integers(what: str, values: Any, count: int) -> NDArray[np.int64]:
    """Return a column of ``count`` int64; a single integer stands for all of them."""
    if np.ndim(values) == 0:
        number = values.item() if isinstance(values, np.ndarray) else values
        return np.broadcast_to(np.int64(as_integer(what, number)), count)
    column = np.asarray(values)
    if column.shape != (count,):
        raise refuse(what, column.shape, f"one dimension of {count}, as the values have")
    if column.dtype.kind == "i":
        return column.astype(np.int64, copy=False)
    return np.array([as_integer(what, value) for value in column.tolist()], np.int64)
