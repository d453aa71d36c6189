"""The process-wide monitor, and answers for the probes of an orchestrator."""

from __future__ import annotations

from typing import Any

from tauro.health._models import HealthReport
from tauro.health._monitor import HealthMonitor

_monitor = HealthMonitor()


def get_health_monitor() -> HealthMonitor:
    """Return the process-wide monitor."""
    return _monitor


def set_health_monitor(monitor: HealthMonitor) -> HealthMonitor:
    """Replace the process-wide monitor; return the one before."""
    global _monitor
    before, _monitor = _monitor, monitor
    return before


def check_health() -> HealthReport:
    """Run every check of the process-wide monitor now."""
    return _monitor.check_all()


def is_healthy() -> bool:
    """Tell whether the process should go on living (liveness)."""
    return _monitor.is_healthy()


def is_ready() -> bool:
    """Tell whether the process can take work (readiness)."""
    return _monitor.is_ready()


def health_response(monitor: HealthMonitor | None = None) -> tuple[int, dict[str, Any]]:
    """Return status code and body of ``GET /health``: 200, or 503 when UNHEALTHY."""
    report = (monitor or _monitor).check_all()
    return (200 if report.is_healthy else 503), report.to_dict()


def ready_response(monitor: HealthMonitor | None = None) -> tuple[int, str]:
    """Return status code and body of ``GET /ready``: 200 "OK" or 503 "Not Ready"."""
    return (200, "OK") if (monitor or _monitor).is_ready() else (503, "Not Ready")
