"""All checks of a process."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tauro.errors import StorageError, ValidationError
from tauro.events import Event, EventType, Observers
from tauro.health import (
    CheckResult,
    Finding,
    FunctionHealthCheck,
    HealthCheck,
    HealthMonitor,
    HealthReport,
    HealthStatus,
    StorageHealthCheck,
    check_health,
    get_health_monitor,
    health_response,
    is_healthy,
    is_ready,
    ready_response,
    set_health_monitor,
)
from tauro.storage import LocalStorageBackend, MemoryStorageBackend, set_storage_provider

HEALTHY, DEGRADED = HealthStatus.HEALTHY, HealthStatus.DEGRADED
UNHEALTHY, UNKNOWN = HealthStatus.UNHEALTHY, HealthStatus.UNKNOWN


@pytest.fixture
def observers() -> Observers:
    return Observers()


@pytest.fixture
def monitor(observers: Observers) -> Iterator[HealthMonitor]:
    monitor = HealthMonitor(observers=observers)
    yield monitor
    monitor.stop()


def _saying(name: str, answer: Any, **options: Any) -> HealthCheck:
    return FunctionHealthCheck(name, lambda: answer, **{"timeout": 240, **options})


def _raising(error: Exception) -> HealthCheck:
    def function() -> None:
        raise error

    return FunctionHealthCheck("raising", function)


@pytest.mark.parametrize("verb", ["check_all", "check_health", "run_checks"])
def test_a_report_has_every_check_in_order(monitor: HealthMonitor, verb: str) -> None:
    monitor.register(_saying("b", Finding(DEGRADED, "slow", {"lag": 3})))
    monitor.register(_saying("a", True))
    report = getattr(monitor, verb)()
    assert [(one.name, one.status, one.message) for one in report.checks] == [
        ("b", DEGRADED, "slow"),
        ("a", HEALTHY, ""),
    ]
    assert report.overall_status is DEGRADED
    assert monitor.last_report is report


def test_a_report_is_json(monitor: HealthMonitor) -> None:
    monitor.register(_saying("a", Finding(HEALTHY, "fine", {"lag": 3})))
    body = json.loads(json.dumps(monitor.check_all().to_dict()))
    assert (body["status"], body["is_healthy"], body["is_ready"]) == ("healthy", True, True)
    assert body["checks"][0]["status"] == "healthy"
    assert body["checks"][0]["details"] == {"lag": 3}


def test_a_status_prints_as_its_word() -> None:
    assert f"{HealthStatus.DEGRADED}" == "degraded"


def test_the_same_name_replaces(monitor: HealthMonitor) -> None:
    monitor.register(_saying("a", False))
    monitor.register(_saying("b", True))
    monitor.register(_saying("a", True))
    assert [check.name for check in monitor.checks] == ["a", "b"]
    assert monitor.check_all().overall_status is HEALTHY
    assert monitor.unregister("a")
    assert not monitor.unregister("a")
    assert [check.name for check in monitor.checks] == ["b"]


def test_only_checks_are_registered(monitor: HealthMonitor) -> None:
    wrong: Any = lambda: True  # noqa: E731
    with pytest.raises(ValidationError, match="no health check"):
        monitor.register(wrong)


def test_without_checks_all_is_well(monitor: HealthMonitor) -> None:
    assert monitor.check_all().overall_status is HEALTHY
    assert monitor.is_ready()


def _report(*checks: tuple[HealthStatus, bool, bool]) -> HealthReport:
    now: Any = None
    results = [
        CheckResult(str(index), status, "", {}, 0.0, now, critical, readiness)
        for index, (status, critical, readiness) in enumerate(checks)
    ]
    return HealthReport(tuple(results), now, 0.0)


@pytest.mark.parametrize(
    ("checks", "overall", "healthy", "ready"),
    [
        ([(HEALTHY, True, True)], HEALTHY, True, True),
        ([(DEGRADED, True, True)], DEGRADED, True, True),
        ([(UNHEALTHY, True, True), (HEALTHY, True, True)], UNHEALTHY, False, False),
        ([(UNHEALTHY, False, True), (HEALTHY, True, True)], DEGRADED, True, False),
        ([(UNHEALTHY, False, False)], DEGRADED, True, False),
        ([(UNKNOWN, True, True), (HEALTHY, True, True)], UNKNOWN, True, False),
        ([(UNKNOWN, True, False)], UNKNOWN, True, True),
        ([(UNKNOWN, True, True), (DEGRADED, False, True)], DEGRADED, True, False),
    ],
)
def test_the_whole_follows_from_the_parts(
    checks: list[tuple[HealthStatus, bool, bool]],
    overall: HealthStatus,
    healthy: bool,
    ready: bool,
) -> None:
    report = _report(*checks)
    assert report.overall_status is overall
    assert report.is_healthy is healthy
    assert report.is_ready is ready


@pytest.mark.parametrize(
    "error", [StorageError("no such host"), OSError("gone"), ZeroDivisionError(), KeyError("x")]
)
def test_what_a_check_raises_is_a_result(monitor: HealthMonitor, error: Exception) -> None:
    monitor.register(_raising(error))
    [result] = monitor.check_all().checks
    assert result.status is UNHEALTHY
    assert result.message.startswith(type(error).__name__)


def test_an_answer_that_says_nothing_is_a_result(monitor: HealthMonitor) -> None:
    monitor.register(_saying("a", 3))
    assert "says nothing about health" in monitor.check_all().checks[0].message


def test_checks_run_at_the_same_time(monitor: HealthMonitor) -> None:
    together = threading.Barrier(5, timeout=240)
    for number in range(5):
        monitor.register(
            FunctionHealthCheck(str(number), lambda: together.wait() >= 0, timeout=240)
        )
    assert monitor.check_all().overall_status is HEALTHY


def test_a_timeout_ends_a_check_that_computes_for_ever(monitor: HealthMonitor) -> None:
    ended = threading.Event()

    def compute() -> None:
        try:
            while True:
                pass
        finally:
            ended.set()

    monitor.register(FunctionHealthCheck("loop", compute, timeout=0.05))
    monitor.register(_saying("other", True))
    report = monitor.check_all()
    assert report.checks[0].status is UNHEALTHY
    assert "No answer within 0.05 s" in report.checks[0].message
    assert report.checks[1].status is HEALTHY
    assert ended.wait(240)


def test_a_check_cannot_catch_its_end_by_catching_exceptions(monitor: HealthMonitor) -> None:
    ended = threading.Event()

    def stubborn() -> None:
        try:
            while True:
                try:
                    while True:
                        pass
                except Exception:  # noqa: BLE001 - what such code does
                    continue
        finally:
            ended.set()

    monitor.register(FunctionHealthCheck("loop", stubborn, timeout=0.05))
    monitor.check_all()
    assert ended.wait(240)


def test_what_hangs_in_the_system_is_left_behind_and_not_started_twice(
    monitor: HealthMonitor,
) -> None:
    gate = threading.Event()
    begun: list[int] = []

    def hang() -> bool:
        begun.append(1)
        gate.wait(240)  # a wait in C, which no exception reaches
        return True

    monitor.register(FunctionHealthCheck("hang", hang, timeout=0.02))
    first = monitor.check_all().checks[0]
    second = monitor.check_all().checks[0]
    assert (first.status, first.details["hanging"]) == (UNHEALTHY, True)
    assert second.status is UNHEALTHY
    assert "has not come back" in second.message
    assert begun == [1]
    gate.set()
    monitor.checks[0].timeout = 60
    while monitor._hanging["hang"].running:
        time.sleep(0.001)
    assert monitor.check_all().checks[0].status is HEALTHY
    assert begun == [1, 1]


def test_another_check_of_the_name_does_not_wait_for_the_hanging_one(
    monitor: HealthMonitor,
) -> None:
    gate = threading.Event()
    monitor.register(FunctionHealthCheck("a", lambda: gate.wait(240), timeout=0.02))
    monitor.check_all()
    monitor.register(_saying("a", True))
    assert monitor.check_all().checks[0].status is HEALTHY
    gate.set()


def test_storage_and_disk_of_the_active_store(monitor: HealthMonitor, tmp_path: Path) -> None:
    backend = LocalStorageBackend(tmp_path)
    set_storage_provider(lambda: backend)
    try:
        monitor.register_storage_check()
        report = monitor.check_all()
    finally:
        set_storage_provider(None)
    assert [check.name for check in report.checks] == ["storage", "disk"]
    assert report.checks[0].details["uri"] == backend.uri
    assert str(tmp_path) in report.checks[1].message


def test_storage_and_disk_may_be_given(monitor: HealthMonitor, tmp_path: Path) -> None:
    backend = MemoryStorageBackend()
    monitor.register_storage_check(backend, tmp_path)
    report = monitor.check_all()
    assert report.checks[0].details["uri"] == backend.uri
    assert str(tmp_path) in report.checks[1].message
    monitor.register_storage_check(MemoryStorageBackend())
    assert len(monitor.checks) == 2
    assert str(Path.cwd()) in monitor.check_all().checks[1].message


def test_a_store_that_cannot_be_opened_is_a_result(monitor: HealthMonitor) -> None:
    def closed() -> Any:
        raise StorageError("no such scheme")

    set_storage_provider(closed)
    try:
        monitor.register_storage_check()
        report = monitor.check_all()
    finally:
        set_storage_provider(None)
    assert report.checks[0].status is UNHEALTHY
    assert "no such scheme" in report.checks[0].message


def test_a_change_of_health_is_an_event(monitor: HealthMonitor, observers: Observers) -> None:
    answer = [True]
    monitor.register(FunctionHealthCheck("a", lambda: answer[0], timeout=240))
    for value in (True, True, False, False, True):
        answer[0] = value
        monitor.check_all()
    events = observers.emitter.get_history(EventType.HEALTH_CHANGED)
    assert [(event.data["before"], event.data["status"]) for event in events] == [
        ("unknown", "healthy"),
        ("healthy", "unhealthy"),
        ("unhealthy", "healthy"),
    ]
    assert set(events[1].data["checks"]) == {"a"}


def test_in_the_background_checks_go_on_and_probes_answer_from_the_last(
    monitor: HealthMonitor, observers: Observers
) -> None:
    changed = threading.Event()
    calls: list[int] = []
    answer = [True]

    def ask() -> bool:
        calls.append(1)
        return answer[0]

    def listen(event: Event) -> None:
        if event.data["status"] == "unhealthy":
            changed.set()

    observers.emitter.on(EventType.HEALTH_CHANGED, listen)
    monitor.register(FunctionHealthCheck("a", ask, timeout=240))
    monitor.start(interval=0.005)
    monitor.start(interval=0.005)
    answer[0] = False
    assert changed.wait(240)
    assert not monitor.is_healthy()
    monitor.stop()
    assert not monitor.running
    done = len(calls)
    answer[0] = True
    assert monitor.is_healthy()
    assert len(calls) == done + 1
    monitor.stop()


def test_probes_in_the_background_run_nothing_themselves(monitor: HealthMonitor) -> None:
    first = threading.Event()
    calls: list[int] = []

    def ask() -> bool:
        calls.append(1)
        first.set()
        return True

    monitor.register(FunctionHealthCheck("a", ask, timeout=240))
    monitor.start(interval=3600)
    assert first.wait(240)
    while monitor.last_report is None:
        time.sleep(0.001)
    assert monitor.is_healthy()
    assert monitor.is_ready()
    assert calls == [1]


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_is_positive(monitor: HealthMonitor, interval: float) -> None:
    with pytest.raises(ValidationError, match="interval is"):
        monitor.start(interval=interval)


def test_probes_answer_as_an_orchestrator_wants(monitor: HealthMonitor) -> None:
    monitor.register(_saying("a", True))
    assert health_response(monitor)[0] == 200
    assert ready_response(monitor) == (200, "OK")
    monitor.register(_saying("b", UNKNOWN))
    assert health_response(monitor)[0] == 200
    assert ready_response(monitor) == (503, "Not Ready")
    monitor.register(_saying("a", False))
    status, body = health_response(monitor)
    assert (status, body["status"]) == (503, "unhealthy")


def test_the_process_has_one_monitor_that_can_be_replaced(monitor: HealthMonitor) -> None:
    monitor.register(_saying("a", False))
    before = set_health_monitor(monitor)
    try:
        assert get_health_monitor() is monitor
        assert check_health().overall_status is UNHEALTHY
        assert not is_healthy()
        assert not is_ready()
    finally:
        assert set_health_monitor(before) is monitor


def test_threads_check_at_once(monitor: HealthMonitor) -> None:
    monitor.register(StorageHealthCheck("storage", MemoryStorageBackend(), timeout=240))
    reports: list[HealthReport] = []

    def work() -> None:
        reports.extend([monitor.check_all() for _ in range(5)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert [report.overall_status for report in reports] == [HEALTHY] * 20


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_no_background_thread_and_checks_for_itself(
    monitor: HealthMonitor,
) -> None:
    monitor.register(_saying("a", True, timeout=240))
    monitor.start(interval=3600)
    fork = multiprocessing.get_context("fork")
    receive, send = fork.Pipe(duplex=False)
    child = fork.Process(
        target=lambda: send.send((monitor.running, monitor.check_all().overall_status.value))
    )
    child.start()
    assert receive.poll(240)
    assert receive.recv() == (False, "healthy")
    child.join(240)


class _Answering(HealthCheck):
    """A check whose author returned something handier than a finding."""

    def __init__(self, answer: Any) -> None:
        super().__init__("handy", timeout=240)
        self._answer = answer

    def check(self) -> Finding:
        answer: Finding = self._answer
        return answer


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (True, HEALTHY),
        ("degraded", DEGRADED),
        ({"status": "unhealthy", "message": "m"}, UNHEALTHY),
        (Finding("healthy"), HEALTHY),  # type: ignore[arg-type]
        (Finding("well"), UNHEALTHY),  # type: ignore[arg-type]
        (None, UNHEALTHY),
        (5, UNHEALTHY),
    ],
)
def test_whatever_a_check_answers_is_a_result(
    monitor: HealthMonitor, answer: Any, status: HealthStatus
) -> None:
    monitor.register(_Answering(answer))
    report = monitor.check_all()
    assert [check.status for check in report.checks] == [status]
    json.dumps(report.to_dict())


def test_a_check_that_cannot_be_started_is_unknown(
    monitor: HealthMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a thread that the system does not give an exception of the probe."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monitor.register(_saying("a", answer=True))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    (result,) = monitor.check_all().checks
    assert result.status is UNKNOWN
    assert "can't start new thread" in result.message


def test_probes_do_not_believe_a_background_thread_that_is_held_up(
    monitor: HealthMonitor, observers: Observers
) -> None:
    answer = [True]
    held_up, go_on = threading.Event(), threading.Event()

    def listen(event: Event) -> None:
        if event.data["status"] == "unhealthy" and not held_up.is_set():
            held_up.set()
            go_on.wait(240)

    observers.emitter.on(EventType.HEALTH_CHANGED, listen)
    monitor.register(FunctionHealthCheck("a", lambda: answer[0], timeout=60))
    monitor.start(interval=0.005)
    while monitor.last_report is None:
        time.sleep(0.001)
    answer[0] = False
    assert held_up.wait(240)
    answer[0] = True
    assert not monitor.is_healthy()
    monitor._fresh_until = 0.0  # as it is once the interval and the longest check have passed
    assert monitor.is_healthy()
    go_on.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_background_thread_that_died_is_not_running_and_may_be_started_again(
    monitor: HealthMonitor, observers: Observers
) -> None:
    def leave(event: Event) -> None:
        raise SystemExit

    observers.emitter.on(EventType.HEALTH_CHANGED, leave)
    monitor.register(_saying("a", answer=True))
    monitor.start(interval=3600)
    while monitor.running:
        time.sleep(0.001)
    observers.emitter.off(EventType.HEALTH_CHANGED, leave)
    assert monitor.is_healthy()
    monitor.start(interval=3600)
    assert monitor.running


def test_the_program_ends_while_checks_run_in_the_background_and_hang() -> None:
    code = (
        "import threading, time\n"
        "from tauro.health import FunctionHealthCheck, HealthMonitor\n"
        "began = threading.Event()\n"
        "def hang():\n"
        "    began.set()\n"
        "    time.sleep(600)\n"
        "monitor = HealthMonitor()\n"
        "monitor.register(FunctionHealthCheck('hangs', hang, timeout=600))\n"
        "monitor.start(interval=0.001)\n"
        "began.wait()\n"
        "print('done')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240
    )
    assert done.stdout == "done\n"
    assert done.stderr == ""
