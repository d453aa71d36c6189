"""Figures of the machine and the process, sampled into a run on request."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

import psutil

from tauro.errors import MLOpsError

_log = logging.getLogger(__name__)
_MB: Final = 1 << 20
SHORTEST_INTERVAL: Final = 0.05

Log = Callable[[Mapping[str, float], int], None]


def sample(process: psutil.Process) -> dict[str, float]:
    """Return what the system and the process use now; percentages are of one core or the whole."""
    memory = psutil.virtual_memory()
    with process.oneshot():
        return {
            "system/cpu_percent": psutil.cpu_percent(),
            "system/memory_percent": memory.percent,
            "system/process_cpu_percent": process.cpu_percent(),
            "system/process_memory_mb": process.memory_info().rss / _MB,
            "system/process_threads": float(process.num_threads()),
        }


class SystemSampler:
    """Log the figures every ``interval`` seconds, from a thread of its own, until stopped.

    Sampling never fails the run: where a figure cannot be had, or the store refuses, it is logged
    to ``tauro.tracking`` and the next sample is tried.
    """

    def __init__(self, log: Log, interval: float) -> None:
        self._log = log
        self._interval = max(interval, SHORTEST_INTERVAL)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tauro-system", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        process, step = psutil.Process(), 0
        with contextlib.suppress(psutil.Error, OSError):  # the samples that follow tell why
            sample(process)  # the first percentages of psutil are since never, and mean nothing
        while not self._stop.wait(self._interval):
            try:
                self._log(sample(process), step)
            except (psutil.Error, MLOpsError, OSError) as error:
                _log.warning("System metrics were not sampled: %s", error)
            step += 1

    def stop(self) -> None:
        """Stop, and wait for the sample that is being taken."""
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5.0)
