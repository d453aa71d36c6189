"""All health checks of a process."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from tauro._internal._clock import now
from tauro._internal._fork import tell_after_fork
from tauro.errors import StorageError, ValidationError
from tauro.events import EventType, Observers, get_observers
from tauro.health._check import HealthCheck
from tauro.health._models import CheckResult, HealthReport, HealthStatus
from tauro.health._runner import Execution
from tauro.health._storage import StorageHealthCheck
from tauro.health._system import DiskHealthCheck
from tauro.storage import StorageBackend, SupportsLocalPath, get_active_storage
from tauro.types import StrPath

_log = logging.getLogger("tauro.health")


class HealthMonitor:
    """Runs health checks, all at once, when asked or in the background.

    Checks run beside each other, each on a thread of its own, so a report takes as long as its
    slowest check and never longer than the longest time-out. Whatever a check does is a result:
    nothing here raises because something is ill. A change of the overall status is an event,
    ``HEALTH_CHANGED``. Any thread may call.

    Args:
        observers: Where events go; by default the process's.
    """

    def __init__(self, *, observers: Observers | None = None) -> None:
        self._observers = observers
        self._checks: dict[str, HealthCheck] = {}
        self._hanging: dict[str, Execution] = {}
        self._last: HealthReport | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._fresh_until = 0.0
        tell_after_fork(self)

    # Checks

    def register(self, check: HealthCheck) -> HealthCheck:
        """Add a check, in the place of one of the same name; return it.

        Raises:
            ValidationError: It is no health check.
        """
        given: object = check
        if not isinstance(given, HealthCheck):
            raise ValidationError(
                f"{check!r} is no health check.",
                suggestions=["Subclass HealthCheck, or use FunctionHealthCheck(name, function)."],
            )
        with self._lock:
            self._checks = {**self._checks, check.name: check}
        return check

    def unregister(self, name: str) -> bool:
        """Remove a check; tell whether it was there."""
        with self._lock:
            self._checks = dict(self._checks)
            return self._checks.pop(name, None) is not None

    def register_storage_check(
        self, storage: StorageBackend | None = None, path: StrPath | None = None
    ) -> None:
        """Add the checks ``storage`` and ``disk``.

        Args:
            storage: The store; by default the active one of each moment, else the default store.
            path: A folder on the disk to check; by default the store's, or the working directory
                for a store that is not in a folder.
        """
        self.register(StorageHealthCheck("storage", storage))
        self.register(DiskHealthCheck("disk", path=path if path is not None else _folder(storage)))

    @property
    def checks(self) -> list[HealthCheck]:
        """The checks, in the order of their registration."""
        return list(self._checks.values())

    # Asking

    def check_all(self) -> HealthReport:
        """Run every check now and return what they found."""
        began = time.monotonic()
        started = [(check, self._start(check)) for check in self._checks.values()]
        results = tuple(self._finish(check, run) for check, run in started)
        report = HealthReport(results, now(), time.monotonic() - began)
        self._keep(report)
        return report

    check_health = check_all
    run_checks = check_all

    def is_healthy(self) -> bool:
        """Tell whether the process should go on living: true unless UNHEALTHY."""
        return self._recent().is_healthy

    def is_ready(self) -> bool:
        """Tell whether the process can take work."""
        return self._recent().is_ready

    @property
    def last_report(self) -> HealthReport | None:
        """What was found last; None before the first time."""
        return self._last

    # In the background

    def start(self, interval: float = 30.0) -> None:
        """Run every check each ``interval`` seconds on a thread; probes then answer from the last.

        A thread that falls behind by more than an interval, because a listener holds it up, is not
        believed: probes then check for themselves. Where it runs already, nothing changes.

        Raises:
            ValidationError: The interval is not positive.
        """
        if not interval > 0:
            raise ValidationError(
                f"interval is {interval}; a positive number of seconds is expected.",
                suggestions=["For example monitor.start(interval=30)."],
            )
        with self._lock:
            if self.running:
                return
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._work,
                args=(self._stop, interval),
                name="tauro-health-monitor",
                daemon=True,
            )
            self._thread.start()

    def stop(self) -> None:
        """End the background thread; wait until it has."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    @property
    def running(self) -> bool:
        """Whether checks run in the background."""
        return self._thread is not None and self._thread.is_alive()

    # Inside

    def _start(self, check: HealthCheck) -> Execution | CheckResult:
        with self._lock:
            before = self._hanging.get(check.name)
            if before is not None and before.check is check:
                if before.running:
                    return before.still_running()
                del self._hanging[check.name]
        return Execution(check)

    def _finish(self, check: HealthCheck, run: Execution | CheckResult) -> CheckResult:
        if isinstance(run, CheckResult):
            return run
        result = run.result()
        if run.running:
            with self._lock:
                self._hanging[check.name] = run
        return result

    def _recent(self) -> HealthReport:
        report = self._last
        fresh = self.running and time.monotonic() <= self._fresh_until
        return report if fresh and report is not None else self.check_all()

    def _keep(self, report: HealthReport) -> None:
        with self._lock:
            before, self._last = self._last, report
        old = before.overall_status if before is not None else HealthStatus.UNKNOWN
        new = report.overall_status
        if new is old:
            return
        ill = {one.name: one.message for one in report.checks if one.status is not _HEALTHY}
        level = logging.INFO if new is _HEALTHY else logging.WARNING
        _log.log(level, "Health went from %s to %s. %s", old, new, ill or "")
        observers = self._observers if self._observers is not None else get_observers()
        data = {"before": old.value, "status": new.value, "checks": ill}
        observers.emitter.emit(EventType.HEALTH_CHANGED, data, source="health")

    def _work(self, stop: threading.Event, interval: float) -> None:
        while True:
            longest = max((check.timeout for check in self.checks), default=0.0)
            self._fresh_until = time.monotonic() + 2 * interval + longest
            self.check_all()
            if stop.wait(interval):
                return

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._thread = None
        self._stop = threading.Event()
        self._hanging = {}


_HEALTHY = HealthStatus.HEALTHY


def _folder(storage: StorageBackend | None) -> Path:
    try:
        backend = storage if storage is not None else get_active_storage()
    except StorageError:  # the storage check reports it
        return Path.cwd()
    return backend.local_path() if isinstance(backend, SupportsLocalPath) else Path.cwd()
