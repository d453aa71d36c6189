"""Running a check so that its time-out ends it."""

from __future__ import annotations

import ctypes
import threading
import time
from typing import Final

from tauro._internal._clock import now
from tauro.health._check import HealthCheck, to_finding
from tauro.health._models import CheckResult, Finding, HealthStatus

_GRACE_SECONDS: Final = 0.1
"""How long an ended check may take to leave; then it is left behind."""


class CheckEnded(SystemExit):
    """Raised inside a check whose time is over; not an Exception, so that checks let it through.

    A thread that ends with SystemExit ends silently, should this come at its very last moment.
    """


class Execution:
    """One run of a check, on a thread of its own."""

    def __init__(self, check: HealthCheck) -> None:
        self.check = check
        self._finding: Finding | None = None
        self._began = time.monotonic()
        self._gate = threading.Lock()
        self._done = False
        # A daemon: what hangs in the operating system must not hold up the program's end.
        self._thread = threading.Thread(
            target=self._run, name=f"tauro-health-{check.name}", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError as error:  # the system gives no more threads: that is a result too
            self._finding = Finding(HealthStatus.UNKNOWN, f"The check could not start: {error}")

    @property
    def running(self) -> bool:
        """Whether the check's code has not come back."""
        return self._thread.is_alive()

    def result(self) -> CheckResult:
        """Wait for the check at most its time-out, end it then, and return what it found."""
        if self.running:
            self._thread.join(max(0.0, self._began + self.check.timeout - time.monotonic()))
        if self.running:
            self._end()
        finding = self._finding
        return self._as_result(finding if finding is not None else self._timed_out())

    def still_running(self) -> CheckResult:
        """Return the result of a check that cannot start because this run has not come back."""
        seconds = time.monotonic() - self._began
        message = f"The check that began {seconds:.0f} s ago has not come back."
        return self._as_result(Finding(HealthStatus.UNHEALTHY, message, {"hanging": True}))

    def _run(self) -> None:
        try:
            self._finding = to_finding(self.check.check())
        except Exception as error:  # noqa: BLE001 - user code; what it raises is the result
            self._finding = Finding(HealthStatus.UNHEALTHY, f"{type(error).__name__}: {error}")
        except CheckEnded:
            return
        finally:
            with self._gate:
                self._done = True

    def _end(self) -> None:
        # Not after the check is done: the exception would come in the thread's own clean-up.
        with self._gate:
            if not self._done and self._thread.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread.ident), ctypes.py_object(CheckEnded)
                )
        self._thread.join(_GRACE_SECONDS)

    def _timed_out(self) -> Finding:
        return Finding(
            HealthStatus.UNHEALTHY,
            f"No answer within {self.check.timeout:g} s; the check was ended.",
            {"timeout": self.check.timeout, "hanging": self.running},
        )

    def _as_result(self, finding: Finding) -> CheckResult:
        return CheckResult(
            name=self.check.name,
            status=finding.status,
            message=finding.message,
            details=finding.details,
            duration=time.monotonic() - self._began,
            timestamp=now(),
            critical=self.check.critical,
            readiness=self.check.readiness,
        )
