"""Registering versions of a model of 100 kB, beside MLflow.

python -m benchmarks registry
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks._environments import measure, peer_python, print_table

WORKER = Path(__file__).with_name("_registry_worker.py")
ROUNDS = 3
BAR = 1000
COUNTS = {"tauro-process": 2000, "tauro-disk": 1000, "mlflow-sqlite": 200, "mlflow-file": 60}


def main() -> None:
    mlflow = peer_python("mlflow", ["mlflow"])
    rates: dict[str, float] = {}
    rounds: dict[str, list[float]] = {system: [] for system in COUNTS}
    # ext4 gives the inode of a removed file out again only after minutes, and every new file looks
    # past all of them: after a round whose files were removed, the next one measures that search.
    with tempfile.TemporaryDirectory() as kept:
        # Systems take turns, so that what else the machine does falls on all of them.
        for turn in range(ROUNDS):
            for system, count in COUNTS.items():
                python = sys.executable if system.startswith("tauro") else mlflow
                if python is not None:
                    folder = Path(kept) / f"{system}-{turn}"
                    folder.mkdir()
                    rounds[system].append(_rate(python, system, count, folder))
    for system, found in rounds.items():
        if found:
            rates[system] = statistics.median(found)
    print("Versions of a 100 kB file a second, median of", ROUNDS, "fresh processes; a hook and a")
    print("listener are installed, and another process reads everything back and checks hashes.")
    print("Files that were removed in the last five minutes slow every one down: see the source.")
    rows = [
        [
            system,
            COUNTS[system],
            f"{rate:,.0f}",
            f"{rates['tauro-process'] / rate:.1f}",
            ("reached" if rate >= BAR else "MISSED") if system == "tauro-process" else "",
        ]
        for system, rate in rates.items()
    ]
    print_table(["system", "versions", "versions/s", "ratio", f"bar {BAR:,}/s"], rows)


def _rate(python: str, system: str, count: int, folder: Path) -> float:
    found = measure(python, WORKER, system, count, folder)
    checked = measure(python, WORKER, system, "check", folder)
    if checked.get("found") != count:
        sys.exit(f"{system} gave a wrong answer: {found} {checked}")
    return count / float(found["seconds"])


if __name__ == "__main__":
    main()
