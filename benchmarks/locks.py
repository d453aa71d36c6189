"""What taking and giving back a free lock costs: python -m benchmarks.locks."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import filelock

from tauro.concurrency import FileLock
from tauro.storage import LocalStorageBackend

TURNS = 2000


def microseconds(work: Callable[[], None]) -> float:
    rounds = []
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(TURNS):
            work()
        rounds.append((time.perf_counter() - started) / TURNS * 1e6)
    return statistics.median(rounds)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept, ours = filelock.FileLock(folder / "kept"), FileLock(folder / "ours")
        store = LocalStorageBackend(folder / "store")

        def with_kept() -> None:
            with kept:
                pass

        def made_anew() -> None:
            with filelock.FileLock(folder / "anew"):
                pass

        def with_ours() -> None:
            with ours:
                pass

        def with_store() -> None:
            with store.lock("run/1"):
                pass

        def bare_flock() -> None:
            import fcntl

            fd = os.open(folder / "bare", os.O_RDWR | os.O_CREAT)
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.close(fd)

        rows = {
            "filelock.FileLock, kept": with_kept,
            "filelock.FileLock, made anew": made_anew,
            "tauro.concurrency.FileLock": with_ours,
            "LocalStorageBackend.lock": with_store,
            "open, flock, close": bare_flock,
        }
        print(f"{'taking and giving back a free lock':<40} µs")
        for label, work in rows.items():
            print(f"{label:<40} {microseconds(work):.1f}")


if __name__ == "__main__":
    main()
