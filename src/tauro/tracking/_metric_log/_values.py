"""What may be logged: the checks of values, steps, times and names."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tauro.errors import TrackingValidationError
from tauro.tracking._metric_log._format import MAX_NAME_BYTES
from tauro.validation import validate_metric_key, validate_metric_step, validate_metric_value

_INT64: Final = range(-(1 << 63), 1 << 63)
_SHOWN: Final = 80


def refuse(what: str, got: Any, expected: str, *hints: str) -> TrackingValidationError:
    """Return the error for a value that cannot be logged."""
    shown = repr(got)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    return TrackingValidationError(
        f"{what} is {shown} of type {type(got).__name__}; expected {expected}. "
        f"Nothing was written.",
        context={"got": shown},
        suggestions=hints,
    )


def as_value(key: str, value: Any) -> float:
    """Return a metric's value as a float."""
    if isinstance(value, float):  # numpy's float64 too, which loops log most
        return float(value)
    return validate_metric_value(value, key=key, error=TrackingValidationError)


def as_step(key: str, step: Any) -> int:
    """Return a metric's step, an int64."""
    return validate_metric_step(step, key=key, error=TrackingValidationError)


def as_key(key: Any) -> str:
    """Return a metric's key."""
    return validate_metric_key(key, error=TrackingValidationError)


def as_time(what: str, value: Any) -> int:
    """Return a time in nanoseconds, an int64."""
    if isinstance(value, (bool, np.bool_)):
        raise refuse(what, value, "an integer")
    try:
        number = operator.index(value)
    except TypeError as error:
        raise refuse(what, value, "an integer of nanoseconds") from error
    if number not in _INT64:
        raise refuse(what, value, "an integer of 64 bits")
    return number


def as_name(what: str, text: Any) -> bytes:
    """Return a run's id, or a key, as bytes."""
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


def as_steps(key: str, steps: Any, count: int) -> NDArray[np.int64]:
    """Return a column of ``count`` steps; a single one stands for all of them."""
    return _integers(f"The step of metric {key!r}", steps, count, functools.partial(as_step, key))


def as_times(key: str, times: Any, count: int) -> NDArray[np.int64]:
    """Return a column of ``count`` times; a single one stands for all of them."""
    what = f"The timestamp of metric {key!r}"
    return _integers(what, times, count, functools.partial(as_time, what))


def _integers(what: str, values: Any, count: int, check: Callable[[Any], int]) -> NDArray[np.int64]:
    if np.ndim(values) == 0:
        number = values.item() if isinstance(values, np.ndarray) else values
        return np.broadcast_to(np.int64(check(number)), count)
    column = np.asarray(values)
    if column.shape != (count,):
        raise refuse(what, column.shape, f"one dimension of {count}, as the values have")
    if column.dtype.kind == "i":
        return column.astype(np.int64, copy=False)
    return np.array([check(value) for value in column.tolist()], np.int64)
