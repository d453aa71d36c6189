"""What users hand to the tracker, checked and made plain before anything is written."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tauro.errors import TrackingValidationError
from tauro.types import JsonValue
from tauro.validation import (
    validate_experiment_name,
    validate_metric_key,
    validate_metric_step,
    validate_metric_value,
    validate_parameter,
    validate_run_name,
    validate_tag,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from tauro.tracking._metric_log import RunWriter

_NS_PER_MS: Final = 1_000_000
_LATEST_MS: Final = (2**63 - 1) // _NS_PER_MS


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


def single(key: Any, value: Any) -> dict[Any, Any]:
    """Return a mapping of one entry.

    Raises:
        TrackingValidationError: The key is of a kind that no mapping takes, and so no text.
    """
    try:
        return {key: value}
    except TypeError as error:
        raise _no_text("A key", key) from error


def check_key_text(key: Any) -> str:
    """Return the key of something to read.

    Raises:
        TrackingValidationError: It is no text.
    """
    if not isinstance(key, str):
        raise _no_text("A metric's key", key)
    return key


def _no_text(what: str, value: Any) -> TrackingValidationError:
    return TrackingValidationError(
        f"{what} is a text, got {type(value).__name__} {_shown(value)}.",
        context={"type": type(value).__name__},
    )


def check_count(count: Any, what: str, unit: str) -> int:
    """Return a whole number of 1 or more.

    Raises:
        TrackingValidationError: It is no such number.
    """
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise TrackingValidationError(f"{what} is {_shown(count)}; expected 1 or more {unit}.")
    return int(count)


def check_seconds(seconds: Any, what: str) -> float:
    """Return a positive number of seconds that a thread can wait.

    Raises:
        TrackingValidationError: It is no such number.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, np.number)):
        wrong = True
    else:
        wrong = not 0 < seconds <= threading.TIMEOUT_MAX
    if wrong:
        raise TrackingValidationError(
            f"{what} is {_shown(seconds)}; expected seconds between two samples."
        )
    return float(seconds)


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


def time_in_ns(timestamp: int) -> int:
    """Return a time in nanoseconds, from whole milliseconds since the epoch."""
    if isinstance(timestamp, bool) or not isinstance(timestamp, (int, np.integer)):
        raise TrackingValidationError(
            f"timestamp is {timestamp!r}; expected whole milliseconds since the epoch.",
            suggestions=["int(time.time() * 1000) is now."],
        )
    if not -_LATEST_MS <= timestamp <= _LATEST_MS:
        raise TrackingValidationError(
            f"timestamp is {_shown(timestamp)}; expected milliseconds since the epoch, at most "
            f"{_LATEST_MS}.",
            suggestions=["int(time.time() * 1000) is now."],
        )
    return int(timestamp) * _NS_PER_MS


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def clean_column(key: str, values: ArrayLike) -> NDArray[Any]:
    """Return a column of values of a metric."""
    column = _as_array(f"The column {key!r}", values)
    if column.ndim != 1 or column.dtype.kind not in "fiu":
        raise TrackingValidationError(
            f"The column {key!r} is of shape {column.shape} and type {column.dtype}; expected "
            "numbers of shape (n,).",
            context={"metric": str(key)},
        )
    return column


def clean_columns(columns: Mapping[str, ArrayLike] | pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Return columns of metrics by name; a frame's are taken too."""
    named = dict(columns.items()) if hasattr(columns, "items") else columns
    return {
        validate_metric_key(key, error=TrackingValidationError): clean_column(key, values)
        for key, values in check_mapping(named, "columns").items()
    }


def append_columns(writer: RunWriter, data: dict[str, Any]) -> dict[str, Any]:
    """Append columns as hooks left them; return what listeners are told."""
    columns, times = clean_columns(data["columns"]), data["timestamps"]
    writer.append_columns(columns, data["steps"], None if times is None else times_in_ns(times))
    return {**data, "columns": columns}


def check_point(key: str, value: float, step: int, timestamp: int | None) -> None:
    """Refuse a point that is not acceptable, before a run is opened for it."""
    validate_metric_key(key, error=TrackingValidationError)
    validate_metric_value(value, key=key, error=TrackingValidationError)
    validate_metric_step(step, key=key, error=TrackingValidationError)
    if timestamp is not None:
        time_in_ns(timestamp)


def times_in_ns(timestamps: ArrayLike) -> NDArray[np.int64]:
    """Return times in nanoseconds, from milliseconds or from numpy's times."""
    times = _as_array("timestamps", timestamps)
    if times.dtype.kind == "M":
        if np.isnat(times).any():
            raise TrackingValidationError("timestamps hold NaT, which is no time.")
        unit = times.astype("datetime64[ms]").astype(np.int64)  # nanoseconds end in 2262
    elif times.dtype.kind in "iu":
        unit = times
    else:
        raise TrackingValidationError(
            f"timestamps are of type {times.dtype}; expected whole milliseconds since the epoch, "
            "or datetime64."
        )
    if times.size and (int(unit.min()) < -_LATEST_MS or int(unit.max()) > _LATEST_MS):
        raise TrackingValidationError(
            f"timestamps reach from {unit.min()} to {unit.max()}; expected milliseconds since the "
            f"epoch, at most {_LATEST_MS}."
        )
    if times.dtype.kind == "M":
        return times.astype("datetime64[ns]").astype(np.int64)
    return times.astype(np.int64) * _NS_PER_MS


def _as_array(what: str, values: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (TypeError, ValueError, OverflowError) as error:  # such as rows of several lengths
        raise TrackingValidationError(f"{what} cannot be made an array: {error}.") from error
