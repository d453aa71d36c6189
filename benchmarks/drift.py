"""Drift beside scipy by hand, Evidently, NannyML and River: python -m benchmarks.drift [trials].

Time of 100,000 rows of 20 columns against 100,000; time and peak memory of 1,000,000 rows of 10 and
of 100 columns; how often each says drift, where nothing changed and where something did; and the
detectors on streams beside River's. The peers run in environments of their own, which this makes:
Evidently and NannyML need pandas below 3.

A part alone: ``python -m benchmarks.drift speed``, ``wide``, ``rates [trials]`` or ``streams``.
"""

from __future__ import annotations

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

from benchmarks import drift_peers, drift_stream_peers
from benchmarks._environments import ROOT, measure, peer_python, print_table

PEERS = {
    "evidently": ["evidently==0.7.11", "numpy<2.3", "pandas<3", "pyarrow"],
    "nannyml": ["nannyml==0.13.1", "pandas<3", "scikit-learn<1.7", "setuptools<80", "statsmodels"],
}
RIVER = ["river==0.26.1"]
ROWS, MANY = 100_000, 1_000_000
PATIENCE = 300.0
"""Seconds that a library has for a million rows."""
WORKER = ROOT / "benchmarks" / "drift_peers.py"
STREAMS = ROOT / "benchmarks" / "drift_stream_peers.py"


def side_by_side(repeats: int = 15) -> list[dict[str, tuple[float, float]]]:
    """Return the wall and CPU seconds of Tauro and of scipy by hand in each repetition.

    Both take turns on the same fresh data, so that what else the machine does falls on both.
    """
    libraries = {"tauro": drift_peers.tauro(), "scipy by hand": drift_peers.scipy()}
    rng = np.random.default_rng(1)
    for detect in libraries.values():
        detect(drift_peers.wide(rng, 500), drift_peers.wide(rng, 500))
    taken = []
    for _ in range(repeats):
        old, new = drift_peers.wide(rng, ROWS), drift_peers.wide(rng, ROWS)
        times = {}
        for name, detect in libraries.items():
            wall, cpu = time.perf_counter(), time.process_time()
            detect(old, new)
            times[name] = (time.perf_counter() - wall, time.process_time() - cpu)
        taken.append(times)
    return taken


def speed() -> None:
    taken = side_by_side()
    ours = statistics.median(times["tauro"][0] for times in taken)
    rows = []
    for name in taken[0]:
        wall, cpu = (statistics.median(times[name][i] for times in taken) for i in (0, 1))
        ratios = [times[name][0] / times["tauro"][0] for times in taken]
        rows.append([name, ms(wall), ms(cpu), f"{statistics.median(ratios):.1f}"])
    for name, wanted in PEERS.items():
        found = measured(name, wanted, "time", ROWS)
        if "error" in found:
            rows.append([name, found["error"], "", ""])
            continue
        wall = statistics.median(found["seconds"])
        rows.append([name, ms(wall), "", f"{wall / ours:.1f}"])
    print(f"{ROWS:,} x 20 against {ROWS:,}, fresh data each time, median of {len(taken)}")
    print_table(["library", "time", "CPU", "times Tauro's"], rows)


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.0f} ms"


def measured(
    name: str, wanted: list[str] | None, *task: object, timeout: float = 900, worker: Path = WORKER
) -> dict[str, Any]:
    """Return what a worker found; ``wanted`` is of its environment, None for that of Tauro."""
    python = peer_python(name, wanted) if wanted else sys.executable
    if python is None:
        return {"error": "does not install"}
    try:
        return measure(python, worker, name, *task, timeout=timeout)
    except subprocess.TimeoutExpired:
        return {"error": f"not within {timeout:,.0f} s"}


def wide() -> None:
    """Compare two Parquet files of a million rows in a process of each library."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for columns in (10, 100):
            paths = [str(Path(folder) / f"{side}-{columns}.parquet") for side in ("old", "new")]
            for seed, path in enumerate(paths):
                write(path, MANY, columns, seed)
            for name, wanted in {"tauro": None, "scipy": None, **PEERS}.items():
                found = measured(name, wanted, "parquet", *paths, timeout=PATIENCE)
                figures = [found.get("error", ""), "", ""]
                if "seconds" in found:
                    figures = [f"{found['seconds']:.1f} s", f"{found['grown_mb']:,.0f} MB"]
                    figures.append(str(found["drifted"]))
                rows.append([f"{MANY:,} x {columns}", name, *figures])
            for path in paths:
                Path(path).unlink()
    column = 2 * 8 * MANY / 1e6
    print(f"\nParquet against as many rows; memory above the imports; {column:.0f} MB a column")
    print_table(["data", "library", "time", "peak memory", "columns drifted"], rows)


def write(path: str, rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    schema = pa.schema([(f"x{i}", pa.float64()) for i in range(columns)])
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(10):
            part = [rng.normal(size=rows // 10) for _ in range(columns)]
            writer.write_table(pa.table(part, schema=schema))


def rates(trials: int) -> None:
    found = {
        name: measured(name, wanted, "rates", trials, timeout=3600)
        for name, wanted in {"tauro": None, "scipy": None, **PEERS}.items()
    }
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


def streams() -> None:
    """Compare the stream detectors, each with its defaults, with River's."""
    found = {
        "tauro": measured("tauro", None, timeout=3600, worker=STREAMS),
        "river": measured("river", RIVER, timeout=3600, worker=STREAMS),
    }
    print("\nstreams: up to 2,000,000 stationary values; a change after 5,000 in up to 100 streams")
    rows = []
    for detector in drift_stream_peers.DETECTORS:
        for name, result in found.items():
            figures = [result["error"]] if "error" in result else of_stream(result[detector])
            rows.append([detector, name, *figures, *[""] * (6 - len(figures))])
    heads = ["false alarms", "values", "median delay", "slowest", "missed", "a value"]
    print_table(["detector", "library", *heads], rows)


def of_stream(found: dict[str, Any]) -> list[str]:
    delays = sorted(found["delays"])
    return [
        f"{found['alarms']:,}",
        f"{found['values']:,}",
        f"{statistics.median(delays):,.0f}" if delays else "",
        f"{delays[-1]:,}" if delays else "",
        f"{found['changes'] - len(delays)}",
        f"{found['seconds'] * 1e6:.2f} µs",
    ]


def main() -> None:
    part, *rest = [*sys.argv[1:], ""]
    trials = int(next((word for word in (part, *rest) if word.isdigit()), "200"))
    parts = {"speed": speed, "wide": wide, "rates": lambda: rates(trials), "streams": streams}
    for name, run in parts.items():
        if part in {name, ""} or part.isdigit():
            run()


if __name__ == "__main__":
    main()
