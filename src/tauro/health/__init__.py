"""Health: checks of store, memory, disk and components, and what probes ask."""

from tauro.health._check import FunctionHealthCheck, HealthCheck
from tauro.health._component import ComponentHealthCheck
from tauro.health._defaults import (
    check_health,
    get_health_monitor,
    health_response,
    is_healthy,
    is_ready,
    ready_response,
    set_health_monitor,
)
from tauro.health._models import CheckResult, Finding, HealthReport, HealthStatus
from tauro.health._monitor import HealthMonitor
from tauro.health._storage import StorageHealthCheck
from tauro.health._system import DiskHealthCheck, MemoryHealthCheck

__all__ = [
    "CheckResult",
    "ComponentHealthCheck",
    "DiskHealthCheck",
    "Finding",
    "FunctionHealthCheck",
    "HealthCheck",
    "HealthMonitor",
    "HealthReport",
    "HealthStatus",
    "MemoryHealthCheck",
    "StorageHealthCheck",
    "check_health",
    "get_health_monitor",
    "health_response",
    "is_healthy",
    "is_ready",
    "ready_response",
    "set_health_monitor",
]
