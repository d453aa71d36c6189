"""Tracking beside MLflow, Aim, wandb and trackio: python -m benchmarks tracking.

Every system runs in an environment of its own, one after the other, several rounds in turn. Tauro
has its default durability, a hook and a listener installed, and a fresh process reads all back.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._environments import measure, peer_python, print_table

WORKER = Path(__file__).with_name("_tracking_worker.py")
ROUNDS = 3
REQUIREMENTS = {
    "mlflow": ["mlflow"],
    "aim": ["aim"],
    "wandb": ["wandb"],
    "trackio": ["trackio"],
}
SYSTEMS = {
    "tauro": "",
    "mlflow-sqlite": "mlflow",
    "mlflow-file": "mlflow",
    "aim": "aim",
    "wandb": "wandb",
    "trackio": "trackio",
}
POINTS = {
    "tauro": 1_000_000,
    "mlflow-sqlite": 200,
    "mlflow-file": 3000,
    "aim": 20_000,
    "wandb": 20_000,
    "trackio": 20_000,
}
RUNS = {"tauro": 3000, "mlflow-sqlite": 60, "mlflow-file": 200, "aim": 60}

READ_POINTS = """
import sys, json
from tauro.mlops import ExperimentTracker
tracker = ExperimentTracker(sys.argv[1])
run = tracker.list_runs()[0]["run_id"]
frame = tracker.get_metric_history(run, "loss")
n = int(sys.argv[2])
assert len(frame) == n, len(frame)
assert (frame["step"].to_numpy() == range(n)).all()
assert (frame["value"].to_numpy() == frame["step"].to_numpy() + 0.5).all()
print(json.dumps(n))
"""
READ_RUNS = """
import sys, json
from tauro.mlops import ExperimentTracker
tracker = ExperimentTracker(sys.argv[1])
runs = [run for run in tracker.list_runs() if run["parameters"]]
n = int(sys.argv[2])
assert len(runs) == n, len(runs)
assert all(run["metrics"] == {f"m{i}": i / 10 for i in range(5)} for run in runs)
assert all(run["parameters"] == {f"p{i}": i for i in range(5)} for run in runs)
assert all(run["status"] == "COMPLETED" for run in runs)
print(json.dumps(n))
"""


def interpreters() -> dict[str, str | None]:
    made = {name: peer_python(name, wanted) for name, wanted in REQUIREMENTS.items()}
    return {
        system: made[environment] if environment else sys.executable
        for system, environment in SYSTEMS.items()
    }


def read_back(code: str, store: Path, count: int) -> None:
    """Check every value with a fresh process."""
    command = [sys.executable, "-c", code, str(store), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or json.loads(done.stdout) != count:
        sys.exit(f"what was written is not what is read: {done.stderr}")


def rates(
    pythons: dict[str, str | None], workload: str, counts: dict[str, int]
) -> list[list[object]]:
    """Return a row a system: the median of its rounds, their range, and Tauro's ratio to it."""
    found: dict[str, list[float]] = {system: [] for system in counts}
    errors: dict[str, str] = {}
    # What a round wrote stays until the end: where files were just removed, ext4 is slow to make
    # new ones, and nobody removes a store between two runs.
    with tempfile.TemporaryDirectory() as place:
        for turn, system in itertools.product(range(ROUNDS), counts):
            python, count = pythons[system], counts[system]
            if python is None or system in errors:
                errors.setdefault(system, "does not install")
                continue
            folder = Path(place) / f"{turn}-{system}"
            folder.mkdir()
            result = measure(python, WORKER, system, workload, count, str(folder))
            if "error" in result:
                errors[system] = result["error"][:60]
                continue
            found[system].append(count / result["seconds"])
            if system == "tauro":
                code = READ_RUNS if workload == "runs" else READ_POINTS
                read_back(code, folder / "store", count)
    ours = statistics.median(found["tauro"])
    rows: list[list[object]] = []
    for system, values in found.items():
        if values:
            median = statistics.median(values)
            spread = f"{min(values):,.0f} to {max(values):,.0f}"
            rows.append([system, f"{median:,.0f}", spread, f"{ours / median:,.1f}"])
        else:
            rows.append([system, "-", errors.get(system, ""), "-"])
    return rows


def main() -> None:
    pythons = interpreters()
    heads = ["system", "per second", f"range of {ROUNDS}", "Tauro's ratio to it"]
    print("log_metric, one call a point")
    print_table(heads, rates(pythons, "points", POINTS))
    print("\nlog_metrics_batch, columns of numpy (points)")
    print_table(heads, rates(pythons, "batch", {"tauro": 4_000_000}))
    print("\ncreate + 5 parameters + 5 metrics + end")
    print_table(heads, rates(pythons, "runs", RUNS))


if __name__ == "__main__":
    main()
