"""A function to put into a pipeline: it lets current data pass, or stops them."""

from __future__ import annotations

import warnings
from typing import Any, Literal

from tauro.drift._detector import DriftDetector
from tauro.drift._options import check_threshold
from tauro.errors import DriftFoundError, DriftOptionError


class DriftWarning(UserWarning):
    """Drift was found by a node that only warns."""


def drift_gate(
    reference: Any,
    current: Any,
    *,
    on_drift: Literal["fail", "warn", "pass"] = "fail",
    threshold: float = 0.05,
    **options: Any,
) -> Any:
    """Return ``current`` as it is, unless it drifted from ``reference``.

    As a node: ``function: tauro.drift.drift_gate`` with two inputs.

    Args:
        reference: A table, the path of one, or a profile.
        current: A table.
        on_drift: ``fail`` raises, ``warn`` warns, ``pass`` only emits the event.
        threshold: Alpha of the check.
        **options: Of :class:`DriftDetector`.

    Raises:
        DriftFoundError: Drift was found, and ``on_drift`` is ``fail``.
        DriftInputError: The data cannot be compared.
    """
    if on_drift not in {"fail", "warn", "pass"}:
        raise DriftOptionError(f"on_drift is {on_drift!r}; fail, warn or pass is needed.")
    alpha = check_threshold(threshold)
    report = DriftDetector(**options).detect_data_drift(reference, current, alpha)
    if report.drift_detected and on_drift == "fail":
        raise DriftFoundError(
            report.summary,
            context={"features": list(report.drifted_features)},
            suggestions=[report.features[name].verdict for name in report.drifted_features[:3]],
        )
    if report.drift_detected and on_drift == "warn":
        warnings.warn(report.summary, DriftWarning, stacklevel=2)
    return current
