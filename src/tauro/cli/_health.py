"""``tauro health``: whether a store, and what it stands on, do their work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_context
from tauro.errors import ExitCode

if TYPE_CHECKING:
    from tauro.health import Finding, HealthMonitor
    from tauro.mlops import MLOpsContext


@click.command(name="health")
@store_options
def command() -> None:
    """Check the store, its tracker and registry, the disk and the memory.

    Exit code 1 if the result is unhealthy, else 0: disk and memory can only warn.
    """
    output = Output.current()
    with _said_once():
        report = _monitor(open_context()).check_all()

    def render() -> None:
        rows = [
            {"name": check.name, "status": check.status, "message": " ".join(check.message.split())}
            for check in report.checks
        ]
        output.table(rows, {"name": "Check", "status": "Status", "message": "Finding"})
        ready = "OK" if report.is_ready else "Not Ready"
        output.line(f"\nThe whole is {report.overall_status}; readiness: {ready}.")

    output.result(report.to_dict(), render)
    if not report.is_healthy:
        click.get_current_context().exit(ExitCode.FAILED)


@contextmanager
def _said_once() -> Iterator[None]:
    """Keep what the monitor would log of its first report from the terminal: the table says it."""
    log = logging.getLogger("tauro.health")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _monitor(context: MLOpsContext) -> HealthMonitor:
    """Return the checks of a store; they open it when they run, so failing to is a finding."""
    from tauro.health import DiskHealthCheck, FunctionHealthCheck, HealthMonitor, MemoryHealthCheck
    from tauro.storage import SupportsLocalPath

    monitor = HealthMonitor(observers=context.observers)
    for name, look in (
        ("storage", _storage),
        ("tracker", _tracker),
        ("registry", _registry),
    ):
        monitor.register(FunctionHealthCheck(name, partial(look, context), timeout=30.0))
    storage = context.storage
    folder = storage.local_path() if isinstance(storage, SupportsLocalPath) else "."
    disk, memory = context.config.health_disk_threshold, context.config.health_memory_threshold
    monitor.register(DiskHealthCheck("disk", path=folder, warning_threshold=disk))
    monitor.register(MemoryHealthCheck("memory", warning_threshold=memory))
    return monitor


def _storage(context: MLOpsContext) -> Finding:
    from tauro.health import Finding, HealthStatus, StorageHealthCheck
    from tauro.storage import read_format

    if read_format(context.storage) is None:
        # The usual check would write, and so make a store where somebody only looked.
        return Finding(HealthStatus.UNKNOWN, f"{context.storage.uri} holds no store yet.")
    return StorageHealthCheck("storage", context.storage).check()


def _tracker(context: MLOpsContext) -> Finding:
    from tauro.health import Finding, HealthStatus

    tracker = context.experiment_tracker
    runs, experiments = tracker.count_runs(), len(tracker.list_experiments())
    facts = {"runs": runs, "experiments": experiments}
    return Finding(HealthStatus.HEALTHY, f"{runs} runs of {experiments} experiments.", facts)


def _registry(context: MLOpsContext) -> Finding:
    from tauro.health import Finding, HealthStatus

    models = len(context.model_registry.list_models())
    return Finding(HealthStatus.HEALTHY, f"{models} models.", {"models": models})
