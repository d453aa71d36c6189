"""How many files runs of 5 metrics leave, before and after: python -m benchmarks files."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks._environments import print_table
from tauro.mlops import ExperimentTracker


def count(root: Path) -> Counter[str]:
    """Return the number of files in each part of a store."""
    found: Counter[str] = Counter()
    for folder, _, names in os.walk(root):
        parts = Path(folder).relative_to(root).parts
        found["/".join(parts[:2]) or "."] += len(names)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "store"
        tracker = ExperimentTracker(root)
        experiment = tracker.create_experiment("files")
        started = time.perf_counter()
        for number in range(runs):
            with tracker.start_run(experiment) as run:
                run.log_metrics({f"m{key}": number + key for key in range(5)})
            if number % 10_000 == 9_999:
                print(f"{number + 1:,} runs, {time.perf_counter() - started:.0f} s", flush=True)
        before = count(root)
        tracker.close()
        with ExperimentTracker(root) as again:
            again.compact()
        after = count(root)
    rows = [[part, f"{before[part]:,}", f"{after[part]:,}"] for part in sorted(before | after)]
    rows.append(["all", f"{before.total():,}", f"{after.total():,}"])
    print_table([f"files of {runs:,} runs of 5 metrics", "before", "after"], rows)


if __name__ == "__main__":
    main()
