"""Pipelines: a thousand trivial nodes beside Kedro, and what the commands cost.

python -m benchmarks pipeline
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._environments import measure, peer_python, print_table

WORKER = Path(__file__).parent / "_pipeline_worker.py"
COUNT = 1000
ROUNDS = 5
BARS = {"nodes": 0.1, "help": 0.15, "run": 0.25}


def main() -> None:
    kedro = peer_python("kedro", ["kedro"])
    pythons = {"tauro": sys.executable, **({"kedro": kedro} if kedro else {})}
    rows = []
    for shape in ("chain", "fan"):
        medians = {name: _median(python, name, shape) for name, python in pythons.items()}
        for name, found in medians.items():
            ratio = found["total"] / medians["tauro"]["total"]
            rows.append(
                [
                    f"{COUNT} trivial nodes, {shape}",
                    name,
                    f"{found['configuration']:.3f}",
                    f"{found['run']:.3f}",
                    f"{found['total']:.3f}",
                    f"{ratio:.1f}",
                    _verdict(found["total"], BARS["nodes"]) if name == "tauro" else "",
                ]
            )
    heads = ["work", "system", "build or load (s)", "plan, run (s)", "total (s)", "ratio", "bar"]
    print("Median of", ROUNDS, "fresh processes; imports left out. Tauro reads YAML, runs with a")
    print("hook and a listener, and writes its record; Kedro is built in Python, with no record.")
    print_table(heads, rows)
    print()
    _commands()


def _median(python: str, system: str, shape: str) -> dict[str, float]:
    found: list[dict[str, Any]] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            measured = measure(python, WORKER, system, COUNT, shape, folder)
        if not measured.get("correct"):
            sys.exit(f"{system} gave a wrong answer: {measured}")
        measured["total"] = measured["configuration"] + measured["run"]
        found.append(measured)
    return {
        key: statistics.median(one[key] for one in found)
        for key in ("configuration", "run", "total")
    }


def _commands() -> None:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        _write_etl(folder)
        help_ = _seconds([sys.executable, "-m", "tauro", "--help"], folder)
        command = [sys.executable, "-m", "tauro", "run", "--env", "base", "--pipeline", "main"]
        run = _seconds(command, folder)
        bare = _seconds([sys.executable, "-c", "pass"], folder)
    rows = [
        ["python -c pass", f"{bare:.3f}", ""],
        ["tauro --help", f"{help_:.3f}", _verdict(help_, BARS["help"])],
        ["tauro run, one ETL node", f"{run:.3f}", _verdict(run, BARS["run"])],
    ]
    print_table(["command", "whole process (s)", "bar"], rows)


def _write_etl(folder: Path) -> None:
    from benchmarks._pipeline_worker import write_tauro_project

    write_tauro_project(folder, 1, "chain")


def _seconds(command: list[str], folder: Path) -> float:
    times = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])  # the first one compiles


def _verdict(seconds: float, bar: float) -> str:
    return f"{bar:g} s {'met' if seconds <= bar else 'missed'}"


if __name__ == "__main__":
    main()
