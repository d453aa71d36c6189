"""Telling that drift was found: an event, and the callbacks of a detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from tauro.drift._models import ConceptDriftReport, DataDriftReport, ModelDriftReport
from tauro.errors import DriftOptionError
from tauro.events import EventType, get_observers

Found: TypeAlias = DataDriftReport | ModelDriftReport | ConceptDriftReport
Alert: TypeAlias = Callable[[Found], Any]
"""Called with a report that found drift. What it raises reaches the caller of the check."""


def check_alerts(given: Any) -> tuple[Alert, ...]:
    """Return the alerts, of which one or several may be given.

    Raises:
        DriftOptionError: One cannot be called.
    """
    alerts = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for alert in alerts:
        if not callable(alert):
            raise DriftOptionError(
                f"on_drift is {given!r}; a function that takes the report is needed, or several."
            )
    return alerts


def announce(report: Found, alerts: Sequence[Alert]) -> None:
    """Emit ``drift.detected`` and call the alerts, where the report found drift."""
    if not report.drift_detected:
        return
    payload: dict[str, Any] = {
        "kind": _kind(report),
        "summary": report.summary,
        "tenant_id": report.tenant_id,
    }
    if isinstance(report, DataDriftReport):
        payload["features"] = list(report.drifted_features)
        payload["p_value"] = report.p_value
    elif isinstance(report, ModelDriftReport):
        payload["metrics"] = list(report.degraded_metrics)
    else:
        payload["drift_points"] = list(report.drift_points)
    get_observers().emitter.emit(EventType.DRIFT_DETECTED, payload, source="drift")
    for alert in alerts:
        alert(report)


def _kind(report: Found) -> str:
    if isinstance(report, DataDriftReport):
        return "data"
    return "model" if isinstance(report, ModelDriftReport) else "concept"
