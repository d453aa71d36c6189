"""Searching runs, beside MLflow on SQLite: python -m benchmarks search.

Tauro is measured at 100,000 runs, and once more beside MLflow at 10,000, which MLflow can search in
the time that a benchmark may take. Each figure is of a fresh process; the results of the search are
compared with plain Python over the values that were written. "Cold" is the first search of a
process. Tauro keeps no cache between processes: what it reads are the published views, and where
these are deleted, the documents.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._environments import measure, peer_python, print_table

WORKER = Path(__file__).with_name("_search_worker.py")
RUNS = 100_000
BESIDE = 10_000
LONGEST = 300.0
"""Seconds that a worker may take."""
COLD_ROUNDS = 5
BARS = {
    "search ms": "10",
    "page newest ms": "20",
    "page by a metric ms": "20",
    "frame ms": "100",
    "cold search ms": "1000",
}


def work(python: str, system: str, workload: str, count: int, folder: Path) -> dict[str, Any]:
    """Return the figures of a fresh process."""
    return measure(python, WORKER, system, workload, count, folder, timeout=LONGEST)


def cold(python: str, system: str, count: int, folder: Path) -> dict[str, Any]:
    """Return the median of several first searches, the import of the library apart."""
    rounds = [work(python, system, "cold", count, folder) for _ in range(COLD_ROUNDS)]
    if any("error" in each for each in rounds):
        return next(each for each in rounds if "error" in each)
    rounds.sort(key=lambda each: each["search ms"])
    middle = rounds[len(rounds) // 2]
    return {"cold search ms": middle["search ms"], "import ms": middle["import ms"]}


def lose_views(folder: Path) -> None:
    """Delete what is not a document, as a user may."""
    shutil.rmtree(folder / "_tauro" / "journal")
    for path in folder.rglob("index.parquet"):
        path.unlink()


def figures(system: str, python: str, count: int) -> dict[str, Any]:
    """Return every figure of a system."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        found = work(python, system, "make", count, folder)
        if "error" in found:
            return found
        found |= work(python, system, "warm", count, folder)
        found |= cold(python, system, count, folder)
        if system == "tauro":
            lose_views(folder)
            first = work(python, system, "cold", count, folder)
            found["cold, all views deleted ms"] = first.get("search ms", first.get("error"))
        return found


def show(count: int, systems: dict[str, dict[str, Any]], bars: dict[str, str]) -> None:
    """Print a column for each system, and bars, or the last one's multiple of the first's time."""
    print(f"\n{count:,} runs of 5 metrics, 5 parameters and 2 tags in one experiment")
    names = list(dict.fromkeys(name for found in systems.values() for name in found))
    rows = []
    for name in names:
        values = [found.get(name, "-") for found in systems.values()]
        shown = [f"{each:,.1f}" if isinstance(each, float) else str(each) for each in values]
        times = [each for each in values if isinstance(each, float) and name.endswith(" ms")]
        ratio = f"{times[-1] / times[0]:,.0f} x" if len(times) > 1 else ""
        rows.append([name, *shown, bars.get(name, "") if bars else ratio])
    print_table(["figure", *systems, "bar" if bars else "ratio"], rows)


def main(count: int = RUNS, beside: int = BESIDE) -> None:
    show(count, {"tauro": figures("tauro", sys.executable, count)}, BARS)
    mlflow = peer_python("mlflow", ["mlflow"])
    if mlflow is not None:
        systems = {
            "tauro": figures("tauro", sys.executable, beside),
            "mlflow-sqlite": figures("mlflow-sqlite", mlflow, beside),
        }
        show(beside, systems, {})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
