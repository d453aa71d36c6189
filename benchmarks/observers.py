"""What hooks, listeners and the audit log cost: python -m benchmarks.observers.

The same work, round after round in turn: with nobody looking, with a hook and a listener of other
things, with those of the very operation, and with audit records on disk instead of in memory.
What counts is the CPU of the calling thread, which other work on the machine hardly changes.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tauro.events import (
    AuditLogger,
    AuditSink,
    EventType,
    FileAuditSink,
    HookType,
    MemoryAuditSink,
    Observers,
)
from tauro.tracking import ExperimentTracker

ROUNDS = 3
POINTS, TAGS, RUNS = 100_000, 200, 150
METRICS = {f"m{number}": number / 10 for number in range(5)}


class NoAuditSink:
    """Keeps nothing."""

    def append(self, record: object) -> None:
        """Drop a record."""

    def records(self) -> list[object]:
        """Return nothing."""
        return []


def nobody(_: Path) -> Observers:
    return Observers(audit=AuditLogger(_sink(NoAuditSink())))


def others(folder: Path) -> Observers:
    """Return a hook and a listener that the work never meets."""
    observers = nobody(folder)
    observers.hooks.register(HookType.PRE_MODEL_REGISTER, lambda data: None)
    observers.emitter.subscribe(EventType.MODEL_REGISTERED, lambda event: None)
    return observers


def listener(folder: Path) -> Observers:
    observers = nobody(folder)
    for event in (EventType.METRIC_LOGGED, EventType.TAG_SET, EventType.RUN_STARTED):
        observers.emitter.subscribe(event, lambda event: None)
    return observers


def hook(folder: Path) -> Observers:
    observers = nobody(folder)
    for kind in (HookType.PRE_METRIC_LOG, HookType.PRE_TAG_SET, HookType.PRE_RUN_START):
        observers.hooks.register(kind, lambda data: None)
    return observers


def audit_in_memory(_: Path) -> Observers:
    return Observers(audit=AuditLogger(MemoryAuditSink()))


def audit_on_disk(folder: Path) -> Observers:
    return Observers(audit=AuditLogger(FileAuditSink(folder / "audit")))


def _sink(sink: object) -> AuditSink:
    assert isinstance(sink, AuditSink)
    return sink


def points(tracker: ExperimentTracker) -> float:
    """Return microseconds a point."""
    with tracker.start_run(name="points") as run:
        log_metric, run_id = tracker.log_metric, run.run_id
        log_metric(run_id, "warm", 0.0)
        started = time.thread_time()
        for step in range(POINTS):
            log_metric(run_id, "loss", 0.5, step)
        return (time.thread_time() - started) / POINTS * 1e6


def tags(tracker: ExperimentTracker) -> float:
    """Return microseconds a tag, each a document that is replaced."""
    with tracker.start_run(name="tags") as run:
        started = time.thread_time()
        for number in range(TAGS):
            run.set_tag("t", str(number))
        return (time.thread_time() - started) / TAGS * 1e6


def runs(tracker: ExperimentTracker) -> float:
    """Return microseconds of creating a run, five metrics, and ending it."""
    tracker.start_run().end()
    started = time.thread_time()
    for _ in range(RUNS):
        with tracker.start_run() as run:
            run.log_metrics(METRICS)
    return (time.thread_time() - started) / RUNS * 1e6


CASES: dict[str, Callable[[Path], Observers]] = {
    "nobody looks": nobody,
    "hook and listener of other things": others,
    "audit in memory": audit_in_memory,
    "audit on disk": audit_on_disk,
    "listener of the operation": listener,
    "hook of the operation": hook,
}
WORK: dict[str, Callable[[ExperimentTracker], float]] = {
    "point": points,
    "tag": tags,
    "run": runs,
}


def main() -> None:
    found: dict[tuple[str, str], list[float]] = {}
    # Stores stay until the end: where files were just removed, ext4 is slow to make new ones.
    with tempfile.TemporaryDirectory() as place:
        for turn, (case, make) in itertools.product(range(ROUNDS), CASES.items()):
            folder = Path(place) / f"{turn} {case}"
            folder.mkdir()
            observers = make(folder)
            with ExperimentTracker(folder / "store", observers=observers) as tracker:
                for work, measure in WORK.items():
                    found.setdefault((case, work), []).append(measure(tracker))
    print(f"µs of CPU of each, median of {ROUNDS} rounds in turn (and the ratio to nobody looking)")
    print(f"{'':<36}" + "".join(f"{work:>20}" for work in WORK))
    for case in CASES:
        cells = []
        for work in WORK:
            value = statistics.median(found[case, work])
            ratio = value / statistics.median(found["nobody looks", work])
            cells.append(f"{value:.2f} ({ratio:.2f})")
        print(f"{case:<36}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
