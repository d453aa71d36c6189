"""Drift beside scipy by hand, Evidently and NannyML: python -m benchmarks.drift [trials].

Time of 100,000 rows of 20 columns against 100,000; memory of 1,000,000 rows of 100 columns; and how
often each says drift, where nothing changed and where something did. Evidently and NannyML need
pandas below 3 and run in environments of their own.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import drift_peers
from benchmarks._environments import ROOT, measure, peer_python, print_table

PEERS = {
    "evidently": ["evidently==0.7.11", "numpy<2.3", "pandas<3"],
    "nannyml": ["nannyml==0.13.1", "pandas<3", "scikit-learn<1.7", "setuptools<80", "statsmodels"],
}
ROWS = 100_000
WORKER = ROOT / "benchmarks" / "drift_peers.py"


def side_by_side(repeats: int = 7) -> dict[str, tuple[float, float]]:
    """Return the median wall and CPU seconds of Tauro and of scipy by hand.

    Both take turns on the same fresh data, so that what else the machine does falls on both.
    """
    libraries = {"tauro": drift_peers.tauro(), "scipy by hand": drift_peers.scipy()}
    rng = np.random.default_rng(1)
    for detect in libraries.values():
        detect(drift_peers.wide(rng, 500), drift_peers.wide(rng, 500))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in libraries}
    for _ in range(repeats):
        old, new = drift_peers.wide(rng, ROWS), drift_peers.wide(rng, ROWS)
        for name, detect in libraries.items():
            wall, cpu = time.perf_counter(), time.process_time()
            detect(old, new)
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: (statistics.median(w for w, _ in taken), statistics.median(c for _, c in taken))
        for name, taken in times.items()
    }


def speed(pythons: dict[str, str | None]) -> None:
    measured = side_by_side()
    ours = measured["tauro"][0]
    rows = [
        [name, f"{wall * 1e3:,.0f} ms", f"{cpu * 1e3:,.0f} ms", f"{wall / ours:.1f}"]
        for name, (wall, cpu) in measured.items()
    ]
    for name, python in pythons.items():
        found = measure(python, WORKER, name, "time", ROWS) if python else {"error": "no install"}
        if "error" in found:
            rows.append([name, found["error"], "", ""])
            continue
        wall = statistics.median(found["seconds"])
        rows.append([name, f"{wall * 1e3:,.0f} ms", "", f"{wall / ours:.1f}"])
    print(f"{ROWS:,} x 20 against {ROWS:,}, fresh data each time, median")
    print_table(["library", "time", "CPU", "times Tauro's"], rows)


def wide_memory(rows: int = 1_000_000, columns: int = 100) -> None:
    """Compare two Parquet files in a process of its own, and say what memory it took."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{side}.parquet") for side in ("old", "new")]
        for seed, path in enumerate(paths):
            _write(path, rows, columns, seed)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.drift", "--wide", *paths],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        found = json.loads(done.stdout.splitlines()[-1])
    data = rows * columns * 8 * 2 / 2**20
    print(
        f"\n{rows:,} x {columns} Parquet against as much ({data:,.0f} MB of numbers): "
        f"{found['seconds']:.1f} s, {found['grown_mb']:,.0f} MB above the imports "
        f"(a column of both sides is {2 * rows * 8 / 2**20:.0f} MB), drift {found['drift']}"
    )


def _write(path: str, rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    schema = pa.schema([(f"x{i}", pa.float64()) for i in range(columns)])
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(10):
            part = [rng.normal(size=rows // 10) for _ in range(columns)]
            writer.write_table(pa.table(part, schema=schema))


def peak_mb() -> float:
    """Return the most memory this process has held. (ru_maxrss may be that of its parent.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def wide_child(paths: list[str]) -> None:
    from tauro.drift import DriftDetector

    detector = DriftDetector()
    rng = np.random.default_rng(0)
    detector.detect_data_drift(rng.normal(size=(3000, 2)), rng.normal(size=(2000, 2)))
    before = peak_mb()
    started = time.perf_counter()
    report = detector.detect_data_drift(*paths)
    seconds = time.perf_counter() - started
    grown = peak_mb() - before
    print(json.dumps({"seconds": seconds, "grown_mb": grown, "drift": report.drift_detected}))


def rates(pythons: dict[str, str | None], trials: int) -> None:
    found: dict[str, dict[str, Any]] = {}
    for name, python in {"tauro": sys.executable, "scipy": sys.executable, **pythons}.items():
        found[name] = measure(python, WORKER, name, "rates", trials, timeout=3600) if python else {}
    for what in ("false alarms", "power"):
        print(f"\n{what}, share of {trials} trials (per column, and any of the five)")
        rows = []
        for n, m in drift_peers.SIZES:
            for name, rate in found.items():
                shares = rate.get(f"{what} {n}/{m}", {})
                rows.append([f"{n:,}/{m:,}", name, *[f"{100 * v:.0f} %" for v in shares.values()]])
        print_table(
            ["rows", "library", "normal", "skewed", "counts", "gaps", "words", "any"],
            [row + [""] * (8 - len(row)) for row in rows],
        )


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    pythons = {name: peer_python(name, wanted) for name, wanted in PEERS.items()}
    speed(pythons)
    wide_memory()
    rates(pythons, trials)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--wide"]:
        wide_child(sys.argv[2:])
    else:
        main()
