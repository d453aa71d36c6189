"""Concept drift: a stream of errors that changed, by any of the stream detectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from tauro._internal._optional import load
from tauro.drift._checks import one_of
from tauro.drift._models import ConceptDriftReport
from tauro.drift._stream import StreamDetector, as_numbers
from tauro.drift._words import number
from tauro.errors import DriftInputError, DriftOptionError

METHODS: Final[Mapping[str, str]] = {
    "adwin": "tauro.drift._adwin:ADWIN",
    "ddm": "tauro.drift._error_streams:DDM",
    "eddm": "tauro.drift._error_streams:EDDM",
    "hddm_a": "tauro.drift._error_streams:HDDMA",
    "hddm_w": "tauro.drift._error_streams:HDDMW",
    "page_hinkley": "tauro.drift._value_streams:PageHinkley",
    "kswin": "tauro.drift._value_streams:KSWIN",
}


def create_stream_detector(method: str, **options: Any) -> StreamDetector:
    """Return a stream detector by name; the options are its own.

    Raises:
        DriftOptionError: An unknown method or option.
    """
    one_of("method", method, METHODS)
    try:
        detector: StreamDetector = load(METHODS[method])(**options)
    except TypeError as error:
        raise DriftOptionError(f"{method} does not take these options: {error}.") from error
    return detector


def watch_errors(
    errors: Any,
    y_true: Any,
    y_pred: Any,
    *,
    method: str,
    options: Mapping[str, Any],
    tenant_id: str | None,
) -> ConceptDriftReport:
    """Watch a whole stream of errors and say where it changed."""
    values = _errors(errors, y_true, y_pred)
    detector = create_stream_detector(method, **options)
    detector.update(values)
    points = detector.drift_points
    rates = [float(part.mean()) for part in np.split(values, points) if len(part)]
    if points:
        summary = (
            f"The errors changed: noticed at prediction {', '.join(map(number, points[:5]))}"
            f"{' and later' if points[5:] else ''} of {len(values):,}; "
            f"mean error {' then '.join(number(float(f'{rate:.3g}')) for rate in rates[:6])}."
        )
    else:
        mean = number(float(f"{rates[0]:.3g}"))
        summary = f"No change of the errors in {len(values):,} predictions; mean error {mean}."
    return ConceptDriftReport(
        drift_detected=bool(points),
        drift_points=tuple(points),
        method=method,
        seen=len(values),
        error_rates=tuple(rates),
        summary=summary,
        tenant_id=tenant_id,
    )


def _errors(errors: Any, y_true: Any, y_pred: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    if errors is None:
        if y_true is None or y_pred is None:
            raise DriftInputError(
                "detect_concept_drift was given neither errors nor labels with predictions.",
                suggestions=["Give errors=[0, 1, …], or y_true= and y_pred=."],
            )
        truth, guess = pd.Series(y_true).to_numpy(), pd.Series(y_pred).to_numpy()
        if len(truth) != len(guess):
            raise DriftInputError(
                f"There are {len(truth):,} labels and {len(guess):,} predictions; "
                "one label a prediction is needed."
            )
        errors = truth != guess
    elif y_true is not None or y_pred is not None:
        raise DriftInputError("Give errors, or y_true and y_pred, not both.")
    values = as_numbers("errors", errors)
    if not len(values):
        raise DriftInputError("There are no errors to watch: the stream is empty.")
    return values
