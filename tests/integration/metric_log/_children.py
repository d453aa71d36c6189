"""Programs that the tests start, kill and read after. Each is called by its name."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tauro._internal import _fs
from tauro.tracking._metric_log import MetricLog

WIDTH = 8
"""Numbers of shared memory a thread: its count on a cache line of its own."""


def shared(path: str) -> NDArray[np.int64]:
    """Map the file of counts; each store is one move and survives the death of the process.

    ``struct.pack_into`` would not do: it clears the place before it stores, and may be killed
    between.
    """
    fd = os.open(path, os.O_RDWR)
    try:
        return np.frombuffer(mmap.mmap(fd, 0), np.int64)
    finally:
        os.close(fd)


def log_until_killed(folder: str, counts: str, threads: str, maps: str, seed: str) -> None:
    """Log from several threads; after each call say in shared memory how far it is."""
    log = MetricLog(folder, maps=maps == "maps", segment_points=1)
    acknowledged = shared(counts)

    def work(thread: int) -> None:
        random = np.random.default_rng([int(seed), thread])
        count = 0
        while True:
            runs = [log.writer("exp", f"run{thread}-{n}") for n in range(3)]
            for _ in range(int(random.integers(50, 3000))):
                if random.random() < 0.002:
                    size = int(random.integers(1, 400))
                    steps = np.arange(count, count + size)
                    runs[0].append_batch(f"all{thread}", np.full(size, float(thread)), steps)
                    count += size
                else:
                    metadata = {"n": count} if random.random() < 0.001 else None
                    runs[0].append(f"all{thread}", float(thread), count, None, metadata)
                    count += 1
                acknowledged[thread * WIDTH] = count
                if random.random() < 0.01:
                    runs[1].append(f"k{random.integers(100)}", 1.0)
            for run in runs[1:]:
                run.close()

    def compact() -> None:
        while True:
            log.compact("exp")

    workers = [threading.Thread(target=work, args=(n,)) for n in range(int(threads))]
    for thread in [*workers, threading.Thread(target=compact)]:
        thread.start()


def log_points(folder: str, threads: str, points: str, name: str) -> None:
    """Log so many points from each thread into one run, then end."""
    log = MetricLog(folder, segment_points=1)
    writer = log.writer("exp", "run")

    def work(thread: int) -> None:
        for step in range(int(points)):
            writer.append("m", float(thread), step)
        writer.append_batch(f"{name}-{thread}", np.arange(100.0), np.arange(100))

    workers = [threading.Thread(target=work, args=(n,)) for n in range(int(threads))]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    log.close()


def die_at_each_call(template: str, folder: str, first: str, every: str) -> None:
    """Fork children that compact a copy of a folder and kill themselves at the n-th call."""
    import shutil

    number = int(first)
    while True:
        copy = shutil.copytree(template, Path(folder, str(number)))
        child = os.fork()
        if child == 0:
            _fs.set_fault_hook(_killer(number))
            MetricLog(copy).compact("exp")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))
        number += int(every)


def _killer(number: int) -> Callable[[str, str], int | None]:
    calls = 0

    def hook(operation: str, path: str) -> int | None:
        nonlocal calls
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return None

    return hook


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
