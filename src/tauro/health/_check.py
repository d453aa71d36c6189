"""What a health check is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tauro.errors import ValidationError
from tauro.health._models import Finding, HealthStatus


class HealthCheck(ABC):
    """Finds out how one thing is. Subclass it and write :meth:`check`.

    Obligations: ``check`` may be called from any thread, also at the same time. It may raise: that
    is a result, UNHEALTHY with the reason. When ``timeout`` seconds have passed the monitor
    ends it: the result is UNHEALTHY, an exception is raised in the check's own Python code, and
    what hangs in the operating system is left behind on a thread that does not hold up the
    program's end; until that has come back, the check is not started again.

    Args:
        name: What it is called in reports.
        critical: Whether the whole is unhealthy when this is.
        readiness: Whether the process is ready only when this answers.
        timeout: Seconds it may take.
    """

    def __init__(
        self, name: str, *, critical: bool = True, readiness: bool = True, timeout: float = 5.0
    ) -> None:
        given: object = name
        if not isinstance(given, str) or not given:
            raise ValidationError(
                f"A health check's name must be a text; got {name!r}.",
                suggestions=['The name comes first: StorageHealthCheck("storage", backend).'],
            )
        if not timeout > 0:
            raise ValidationError(
                f"timeout is {timeout}; a positive number of seconds is expected.",
                suggestions=["For example timeout=2.0."],
            )
        self.name = name
        self.critical = critical
        self.readiness = readiness
        self.timeout = timeout

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @abstractmethod
    def check(self) -> Finding:
        """Find out how the thing is."""


class FunctionHealthCheck(HealthCheck):
    """Asks a function.

    Args:
        name: What it is called in reports.
        function: Returns a :class:`Finding`, a status, a mapping with ``status`` and ``message``,
            or whether all is well.
        critical: Whether the whole is unhealthy when this is.
        readiness: Whether the process is ready only when this answers.
        timeout: Seconds it may take.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[], Any],
        *,
        critical: bool = True,
        readiness: bool = True,
        timeout: float = 5.0,
    ) -> None:
        super().__init__(name, critical=critical, readiness=readiness, timeout=timeout)
        self._function = function

    def check(self) -> Finding:
        """Call the function and read its answer."""
        return to_finding(self._function())


def to_finding(answer: Any) -> Finding:
    """Return what an answer says, whatever form it has.

    Raises:
        ValidationError: It has none of the forms that are understood.
    """
    if isinstance(answer, Finding):
        return replace(answer, status=to_finding(answer.status).status)
    if isinstance(answer, bool):
        return Finding(HealthStatus.HEALTHY if answer else HealthStatus.UNHEALTHY)
    if isinstance(answer, str) and answer.lower() in set(HealthStatus):
        return Finding(HealthStatus(answer.lower()))
    if isinstance(answer, Mapping) and "status" in answer:
        rest = {key: item for key, item in answer.items() if key not in ("status", "message")}
        status = to_finding(answer["status"]).status
        return Finding(status, str(answer.get("message", "")), rest)
    raise ValidationError(
        f"The check answered {answer!r}, which says nothing about health.",
        suggestions=["Return a Finding, a HealthStatus, a mapping with 'status', or a bool."],
    )


def check_fractions(**thresholds: float) -> None:
    """Hold thresholds to fractions.

    Raises:
        ValidationError: One is not above 0 and up to 1.
    """
    for name, value in thresholds.items():
        if not 0 < value <= 1:
            raise ValidationError(
                f"{name} is {value}; a fraction above 0 and up to 1 is expected.",
                suggestions=[f"{name}={value / 100:g} is {value:g} %."] if value > 1 else [],
            )
