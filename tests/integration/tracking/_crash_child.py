"""A process that tracks in several threads and tells, after each call, what was acknowledged.

Run as ``python _crash_child.py STORE BOARD THREADS SEED``. The board is a file of 8-byte counters
that parent and child map: slot ``2 * thread`` is the number of the present run, slot
``2 * thread + 1`` how many calls on it were acknowledged. Each call is known from its number, so
that the parent can tell what must be there.
"""

from __future__ import annotations

import mmap
import random
import struct
import sys
import threading
from pathlib import Path

from tauro.mlops import ExperimentTracker

POINTS, PARAMS, TEXTS = 30, 3, 3
CALLS = 1 + PARAMS + POINTS + TEXTS + 1 + 1
"""Of each run: create, parameters, points, one artifact after the other in one place, tag, end."""


def value_of(thread: int, run: int, point: int) -> float:
    """Return the value of a point, different for every point."""
    return thread * 1e6 + run * 1e3 + point


def text_of(thread: int, run: int, version: int) -> str:
    """Return the text of an artifact, different for every version."""
    return f"{thread}-{run}-{version} " * (version + 1)


def work(tracker: ExperimentTracker, board: mmap.mmap, thread: int, seed: int) -> None:
    """Make runs for ever, telling the board after each call that returned."""
    random.seed(seed + thread)
    run_number = 0

    def tell(calls: int) -> None:
        struct.pack_into("<qq", board, 16 * thread, run_number, calls)

    while True:
        run = tracker.start_run(name=f"{thread}-{run_number}", experiment_name="crash")
        tell(1)
        for number in range(PARAMS):
            run.log_param(f"p{number}", number)
            tell(2 + number)
        for point in range(POINTS):
            run.log_metric("m", value_of(thread, run_number, point), step=point)
            tell(2 + PARAMS + point)
        for version in range(TEXTS):
            run.log_text(text_of(thread, run_number, version), "notes/a.txt")
            tell(2 + PARAMS + POINTS + version)
        run.set_tag("team", "ds")
        tell(CALLS - 1)
        run.end()
        tell(CALLS)
        run_number += 1


def main() -> None:
    """Work in threads until killed."""
    store, board_path, threads, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with Path(board_path).open("r+b") as file:
        board = mmap.mmap(file.fileno(), 0)
    tracker = ExperimentTracker(store)
    workers = [
        threading.Thread(target=work, args=(tracker, board, number, seed))
        for number in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
