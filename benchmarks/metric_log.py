"""The metric log alone, re-read by a fresh process: python -m benchmarks metric_log."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks._environments import print_table
from tauro.tracking._metric_log import MetricLog

READ = """
import json, sys, time
import numpy as np
from tauro.tracking._metric_log import MetricLog
log = MetricLog(sys.argv[1])
started = time.perf_counter()
found = 0
for key in json.loads(sys.argv[2]):
    history = log.history("exp", "run", key)
    assert (history.step == np.arange(len(history))).all()
    assert (history.value == history.step * 0.5).all()
    found += len(history)
seconds = time.perf_counter() - started
assert not log.verify("exp")
print(json.dumps([found, seconds]))
"""

Write = Callable[[MetricLog, int], list[str]]


def through_a_tracker(log: MetricLog, points: int) -> list[str]:
    """Log as the tracker does: a lookup, a flag, an append."""

    class Tracker:
        def __init__(self) -> None:
            self._hooks = False
            self._appenders = {"run": log.writer("exp", "run").append}

        def log_metric(self, run_id: str, key: str, value: float, step: int = 0) -> None:
            append = self._appenders[run_id]
            if not self._hooks:
                append(key, value, step)

    tracker = Tracker()
    for step in range(points):
        tracker.log_metric("run", "loss", step * 0.5, step=step)
    return ["loss"]


def alone(log: MetricLog, points: int) -> list[str]:
    append = log.writer("exp", "run").append
    for step in range(points):
        append("loss", step * 0.5, step)
    return ["loss"]


def batch(log: MetricLog, points: int) -> list[str]:
    steps = np.arange(points)
    log.writer("exp", "run").append_batch("loss", steps * 0.5, steps)
    return ["loss"]


def threads(log: MetricLog, points: int) -> list[str]:
    writer = log.writer("exp", "run")

    def work(key: str) -> None:
        for step in range(points // 4):
            writer.append(key, step * 0.5, step)

    keys = [f"loss{number}" for number in range(4)]
    workers = [threading.Thread(target=work, args=(key,)) for key in keys]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return keys


def row(name: str, write: Write, points: int, **options: object) -> list[str]:
    """Write, re-read in a fresh process, check every point; return a line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        log = MetricLog(folder, **options)  # type: ignore[arg-type]
        started = time.perf_counter()
        keys = write(log, points)
        log.flush()
        seconds = time.perf_counter() - started
        command = [sys.executable, "-c", READ, folder, json.dumps(keys)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        found, reading = json.loads(result.stdout)
        assert found == points, (name, found, points)
        started = time.perf_counter()
        log.close()
        log.compact("exp")
        compacting = time.perf_counter() - started
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return [
        name,
        f"{points:,}",
        f"{points / seconds:,.0f}",
        f"{points / reading:,.0f}",
        f"{points / compacting:,.0f}",
        f"{size / points:.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    points = parser.parse_args().points
    rows = [
        row("log_metric through a tracker", through_a_tracker, points),
        row("append", alone, points),
        row("append, 4 threads", threads, points),
        row("append, durability disk", alone, points, durability="disk"),
        row("append, one write a point", alone, points // 4, maps=False),
        row("append_batch", batch, 8 * points),
    ]
    print_table(["", "points", "written/s", "re-read/s", "compacted/s", "bytes a point"], rows)


if __name__ == "__main__":
    main()
