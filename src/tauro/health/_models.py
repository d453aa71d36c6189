"""What a health check finds, and what all of them say together."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class HealthStatus(enum.StrEnum):
    """How something is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """It works, and something needs attention."""
    UNHEALTHY = "unhealthy"
    """It does not do its work."""
    UNKNOWN = "unknown"
    """It could not be found out; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check's own code says.

    Attributes:
        status: How the thing is.
        message: One line for people.
        details: The figures behind it.
    """

    status: HealthStatus
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found, and when.

    Attributes:
        name: The check's name.
        status: How the thing is.
        message: One line for people.
        details: The figures behind it.
        duration: Seconds the check took.
        timestamp: When it ended, UTC.
        critical: Whether the whole is unhealthy when this is.
        readiness: Whether the process is ready only when this answers.
    """

    name: str
    status: HealthStatus
    message: str
    details: Mapping[str, Any]
    duration: float
    timestamp: datetime
    critical: bool = True
    readiness: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return {
            "name": self.name,
            "status": self.status.value,
            "message": self.message,
            "details": dict(self.details),
            "duration": round(self.duration, 6),
            "timestamp": self.timestamp.isoformat(),
            "critical": self.critical,
            "readiness": self.readiness,
        }


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What all checks found.

    Attributes:
        checks: The results, in the order of registration.
        timestamp: When the last one ended, UTC.
        duration: Seconds from the first to the last.
    """

    checks: tuple[CheckResult, ...]
    timestamp: datetime
    duration: float

    @property
    def overall_status(self) -> HealthStatus:
        """UNHEALTHY only when a critical check is; otherwise the worst that was found.

        A check that is not critical makes the whole DEGRADED at most, and one that found nothing
        out makes it UNKNOWN where all others are healthy.
        """
        found = {check.status for check in self.checks}
        if any(one.critical and one.status is HealthStatus.UNHEALTHY for one in self.checks):
            return HealthStatus.UNHEALTHY
        if found & {HealthStatus.DEGRADED, HealthStatus.UNHEALTHY}:
            return HealthStatus.DEGRADED
        return HealthStatus.UNKNOWN if HealthStatus.UNKNOWN in found else HealthStatus.HEALTHY

    @property
    def is_healthy(self) -> bool:
        """Whether the process should go on living: true unless UNHEALTHY."""
        return self.overall_status is not HealthStatus.UNHEALTHY

    @property
    def is_ready(self) -> bool:
        """Whether the process can take work: readiness checks answer, nothing is UNHEALTHY."""
        return not any(
            one.status is HealthStatus.UNHEALTHY
            or (one.readiness and one.status is HealthStatus.UNKNOWN)
            for one in self.checks
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values, as ``/health`` answers it."""
        return {
            "status": self.overall_status.value,
            "is_healthy": self.is_healthy,
            "is_ready": self.is_ready,
            "checks": [check.to_dict() for check in self.checks],
            "timestamp": self.timestamp.isoformat(),
            "duration": round(self.duration, 6),
        }
