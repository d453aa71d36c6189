"""One library's stream detectors, run by benchmarks.drift: ``python … tauro`` or ``… river``.

The last line printed is JSON: for each detector its false alarms in stationary streams, the delays
of a change after 5,000 values, the changes it missed, and its seconds a value.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

STREAMS, LENGTH = 20, 100_000
CHANGES, BEFORE, AFTER = 100, 5_000, 3_000
PATIENCE = 60.0
"""Seconds of CPU after which a detector is given no further stream."""
ERRORS = ("DDM", "EDDM", "HDDM-A", "HDDM-W")
DETECTORS = ("ADWIN", *ERRORS, "Page-Hinkley", "KSWIN")
Watch = Callable[[list[float]], list[int]]
"""Return where a fresh detector finds drift in a stream."""


def tauro() -> dict[str, Watch]:
    from tauro import drift

    def watch(make: Callable[[], Any]) -> Watch:
        def run(stream: list[float]) -> list[int]:
            detector = make()
            for value in stream:
                detector.update(value)
            return list(detector.drift_points)

        return run

    made = {
        "ADWIN": drift.ADWIN,
        "DDM": drift.DDM,
        "EDDM": drift.EDDM,
        "HDDM-A": drift.HDDMA,
        "HDDM-W": drift.HDDMW,
        "Page-Hinkley": drift.PageHinkley,
        "KSWIN": drift.KSWIN,
    }
    return {name: watch(make) for name, make in made.items()}


def river() -> dict[str, Watch]:
    from river import drift

    def watch(make: Callable[[], Any]) -> Watch:
        def run(stream: list[float]) -> list[int]:
            detector, found = make(), []
            for index, value in enumerate(stream):
                detector.update(value)
                if detector.drift_detected:
                    found.append(index)
            return found

        return run

    made = {
        "ADWIN": drift.ADWIN,
        "DDM": drift.binary.DDM,
        "EDDM": drift.binary.EDDM,
        "HDDM-A": drift.binary.HDDMA,
        "HDDM-W": drift.binary.HDDMW,
        "Page-Hinkley": drift.PageHinkley,
        "KSWIN": lambda: drift.KSWIN(seed=1),  # it compares with a random part of its window
    }
    return {name: watch(make) for name, make in made.items()}


def stationary(name: str, rng: np.random.Generator, length: int) -> list[float]:
    if name in ERRORS:
        return (rng.random(length) < 0.2).astype(float).tolist()
    return rng.normal(size=length).tolist()


def changed(name: str, rng: np.random.Generator) -> list[float]:
    after = rng.random(AFTER) < 0.5 if name in ERRORS else rng.normal(1, 1, AFTER)
    return stationary(name, rng, BEFORE) + after.astype(float).tolist()


def look(name: str, watch: Watch) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    alarms, seconds, values, delays, changes = 0, 0.0, 0, [], 0
    while changes < CHANGES and (not changes or seconds < PATIENCE):
        stream = changed(name, rng)
        started = time.process_time()
        found = [point - BEFORE for point in watch(stream) if point >= BEFORE]
        seconds += time.process_time() - started
        delays += found[:1]
        changes += 1
    seconds = 0.0
    while values < STREAMS * LENGTH and (not values or seconds < PATIENCE):
        stream = stationary(name, rng, LENGTH)
        started = time.process_time()
        alarms += len(watch(stream))
        seconds += time.process_time() - started
        values += LENGTH
    return {
        "alarms": alarms,
        "values": values,
        "delays": delays,
        "changes": changes,
        "seconds": seconds / values,
    }


def main() -> None:
    libraries = {"tauro": tauro, "river": river}
    watches = libraries[sys.argv[1]]()
    print(json.dumps({name: look(name, watch) for name, watch in watches.items()}))


if __name__ == "__main__":
    main()
