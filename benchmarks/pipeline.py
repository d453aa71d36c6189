"""Pipelines beside Kedro: a thousand trivial nodes, and what the commands cost as whole processes.

python -m benchmarks pipeline
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._environments import measure, peer_python, plain_environment, print_table
from benchmarks._pipeline_worker import write_kedro_project, write_tauro_project

WORKER = Path(__file__).parent / "_pipeline_worker.py"
COUNT = 1000
ROUNDS = 7
BARS = {"nodes": 0.1, "--help": 0.15, "run": 0.25}
KEDRO_COMMAND = "from kedro.framework.cli import main; main()"
"""What the script ``kedro`` does; called so, it needs no path of its own."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """The times of all rounds of one measurement."""

    all: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.all)

    def __str__(self) -> str:
        return f"{self.median:.3f} ({min(self.all):.3f} to {max(self.all):.3f})"


def main() -> None:
    kedro = peer_python("kedro", ["kedro"])
    pythons = {"tauro": sys.executable, **({"kedro": kedro} if kedro else {})}
    print(f"Median (range) of {ROUNDS} rounds in turn, each a fresh process, in seconds.")
    print(
        f"{COUNT} nodes: imports left out, by running one node first. Tauro reads its YAML files,"
    )
    print(
        "runs with a hook and a listener and writes its record, which is read back; Kedro's nodes"
    )
    print("are built in Python and leave no record.")
    _nodes(pythons)
    print()
    print("Commands: whole processes; Kedro's telemetry is off. One node, no data.")
    _commands(pythons)


def _nodes(pythons: dict[str, str]) -> None:
    rows = []
    for shape in ("chain", "fan"):
        found = _thousand_nodes(pythons, shape)
        for name, parts in found.items():
            ratio = parts["total"].median / found["tauro"]["total"].median
            rows.append(
                [
                    f"{COUNT} trivial nodes, {shape}",
                    name,
                    *(parts[part] for part in ("configuration", "run", "total")),
                    f"{ratio:.1f}",
                    _verdict(parts["total"], "nodes") if name == "tauro" else "",
                ]
            )
    print_table(["work", "system", "build or load", "plan, run", "total", "ratio", "bar"], rows)


def _thousand_nodes(pythons: dict[str, str], shape: str) -> dict[str, dict[str, Seconds]]:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    for _ in range(ROUNDS):
        for name, python in pythons.items():
            with tempfile.TemporaryDirectory() as folder:
                measured = measure(python, WORKER, name, COUNT, shape, folder)
            if not measured.get("correct"):
                sys.exit(f"{name} gave a wrong answer: {measured}")
            measured["total"] = measured["configuration"] + measured["run"]
            found[name].append(measured)
    return {
        name: {
            part: Seconds(tuple(one[part] for one in rounds))
            for part in ("configuration", "run", "total")
        }
        for name, rounds in found.items()
    }


def _commands(pythons: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as text:
        folders = {name: Path(text) / name for name in pythons}
        for folder in folders.values():
            folder.mkdir()
        write_tauro_project(folders["tauro"], 1, "chain")
        if "kedro" in pythons:
            write_kedro_project(folders["kedro"], _version(pythons["kedro"], "kedro"))
        starts = {"tauro": ["-m", "tauro"], "kedro": ["-c", KEDRO_COMMAND]}
        runs = {"tauro": ["run", "--env", "base", "--pipeline", "main"], "kedro": ["run"]}
        rows = []
        for label, arguments in (("python -c pass", None), ("--help", {}), ("run", runs)):
            commands = {
                name: [python, "-c", "pass"]
                if arguments is None
                else [python, *starts[name], *arguments.get(name, ["--help"])]
                for name, python in pythons.items()
            }
            rows += _command_rows(label, commands, folders)
    print_table(["command", "system", "whole process", "ratio", "bar"], rows)


def _command_rows(
    label: str, commands: dict[str, list[str]], folders: dict[str, Path]
) -> list[list[object]]:
    if label not in BARS:
        commands = {"tauro": commands["tauro"]}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(ROUNDS + 1):
        for name, command in commands.items():
            seconds = _seconds(command, folders[name])
            if number:  # the first round compiles
                taken[name].append(seconds)
    found = {name: Seconds(tuple(times)) for name, times in taken.items()}
    return [
        [
            label if label not in BARS else f"{name} {label}",
            name,
            times,
            f"{times.median / found['tauro'].median:.1f}",
            _verdict(times, label) if name == "tauro" and label in BARS else "",
        ]
        for name, times in found.items()
    ]


def _seconds(command: Sequence[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=plain_environment())
    return time.perf_counter() - began


def _version(python: str, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def _verdict(seconds: Seconds, bar: str) -> str:
    return f"{BARS[bar]:g} s {'met' if seconds.median <= BARS[bar] else 'missed'}"


if __name__ == "__main__":
    main()
