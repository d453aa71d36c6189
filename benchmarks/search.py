"""Searching 100,000 runs, beside MLflow on SQLite: python -m benchmarks search.

Each figure is of a fresh process; the results of the search are compared with plain Python over the
values that were written. "Cold" is the first search of a process. Tauro keeps no cache between
processes: what it reads are the published views, and where these are deleted, the documents.
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
COLD_ROUNDS = 5
BARS = {
    "search ms": "10",
    "page newest ms": "20",
    "page by a metric ms": "20",
    "frame ms": "100",
    "cold search ms": "1000",
}


def cold(python: str, system: str, count: int, folder: Path) -> dict[str, Any]:
    """Return the median of several first searches, the import of the library apart."""
    rounds = [measure(python, WORKER, system, "cold", count, folder) for _ in range(COLD_ROUNDS)]
    if any("error" in each for each in rounds):
        return rounds[0]
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
        found = measure(python, WORKER, system, "make", count, folder)
        if "error" in found:
            return found
        found |= measure(python, WORKER, system, "warm", count, folder)
        found |= cold(python, system, count, folder)
        if system == "tauro":
            lose_views(folder)
            first = measure(python, WORKER, system, "cold", count, folder)
            found["cold, all views deleted ms"] = first.get("search ms", first.get("error"))
        return found


def main(count: int = RUNS) -> None:
    print(f"{count:,} runs of 5 metrics, 5 parameters and 2 tags in one experiment")
    systems = {"tauro": figures("tauro", sys.executable, count)}
    mlflow = peer_python("mlflow", ["mlflow"])
    if mlflow is not None:
        systems["mlflow-sqlite"] = figures("mlflow-sqlite", mlflow, count)
    names = list(dict.fromkeys(name for found in systems.values() for name in found))
    rows = []
    for name in names:
        cells = [found.get(name, "-") for found in systems.values()]
        shown = [f"{each:,.1f}" if isinstance(each, float) else str(each) for each in cells]
        rows.append([name, *shown, BARS.get(name, "")])
    print_table(["figure", *systems, "bar"], rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
