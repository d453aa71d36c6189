"""Whether a component does its work."""

from __future__ import annotations

from typing import Any

from tauro.health._check import HealthCheck, to_finding
from tauro.health._models import Finding, HealthStatus
from tauro.storage import StorageBackend


class ComponentHealthCheck(HealthCheck):
    """Asks a component: its ``health_check()``, else ``is_healthy``, else its ``storage``.

    Args:
        name: What it is called in reports.
        component: What is asked.
        critical: Whether the whole is unhealthy when the component is.
        readiness: Whether the process is ready only when the component answers.
        timeout: Seconds it may take.
    """

    def __init__(
        self,
        name: str,
        component: Any,
        *,
        critical: bool = True,
        readiness: bool = True,
        timeout: float = 5.0,
    ) -> None:
        super().__init__(name, critical=critical, readiness=readiness, timeout=timeout)
        self.component = component

    def check(self) -> Finding:
        """Find out whether the component does its work."""
        component = self.component
        kind = type(component).__name__
        if component is None:
            return Finding(HealthStatus.UNHEALTHY, "There is no component to ask.")
        for question in ("health_check", "is_healthy"):
            answer = getattr(component, question, None)
            if answer is not None:
                found = to_finding(answer() if callable(answer) else answer)
                message = found.message or f"{kind}.{question} says {found.status}."
                return Finding(found.status, message, found.details)
        storage = getattr(component, "storage", None)
        if isinstance(storage, StorageBackend):
            storage.list_paths("_tauro/health")
            message = f"{kind} is there and {storage.uri} answers."
            return Finding(HealthStatus.HEALTHY, message, {"uri": storage.uri})
        return Finding(
            HealthStatus.UNKNOWN,
            f"{kind} has no health_check(), no is_healthy and no storage to ask.",
        )
