"""How good the three models are: ``python -m forest_cover.evaluate --data covertype.csv``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from forest_cover.data import Sample, load_samples
from forest_cover.evaluation import measure, split_samples, take_stratified
from forest_cover.models import candidates
from forest_cover.road import SVC_MAX_ROWS, ingested_samples
from forest_cover.schema import FEATURES, SOURCE_COLUMNS, TARGET, hash_samples, normalise

SEED = 42


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one model reached.

    Attributes:
        model: Its name.
        training_rows: What it learned from.
        test_rows: What it was measured on.
        f1_macro: The average of F1 over the classes.
        seconds: How long the training took.
    """

    model: str
    training_rows: int
    test_rows: int
    f1_macro: float
    seconds: float


def evaluate(rows: Sequence[Sample], svc_max_rows: int | None) -> list[Outcome]:
    """Train and measure the three models as the training pipeline does."""
    frame = normalise(pd.DataFrame(rows, columns=list(SOURCE_COLUMNS)))
    frame.insert(0, "sample_hash", hash_samples(frame))
    # In the order that training reads them in: a forest's draws depend on it.
    samples = frame.drop_duplicates("sample_hash").sort_values("sample_hash", ignore_index=True)
    split = split_samples(samples, SEED)
    found = []
    for candidate in candidates(svc_max_rows, SEED):
        train = take_stratified(split.train, candidate.max_rows, SEED)
        started = time.perf_counter()
        model = candidate.build().fit(train[list(FEATURES)], train[TARGET])
        seconds = time.perf_counter() - started
        predicted = model.predict(split.test[list(FEATURES)])
        metrics = measure(split.test[TARGET].tolist(), predicted.tolist())
        outcome = Outcome(candidate.name, len(train), len(split.test), metrics["f1_macro"], seconds)
        print(f"  {outcome.model}: {outcome.f1_macro:.4f}", file=sys.stderr)
        found.append(outcome)
    return found


def table(parts: dict[str, list[Outcome]]) -> str:
    """Return the outcomes as a Markdown table."""
    lines = [
        "| data | model | trained on | tested on | f1_macro | seconds |",
        "|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {data} | {one.model} | {one.training_rows:,} | {one.test_rows:,} | "
        f"{one.f1_macro:.4f} | {one.seconds:.1f} |"
        for data, outcomes in parts.items()
        for one in outcomes
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m forest_cover.evaluate", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("FOREST_COVER_DATA") or None,
        help="CSV file with the 13 columns (default: $FOREST_COVER_DATA, else as the source)",
    )
    try:
        rows, origin = load_samples(parser.parse_args(arguments).data)
    except (OSError, ValueError) as error:
        print(f"The samples cannot be read: {error}", file=sys.stderr)
        return 1
    print(f"{len(rows):,} samples of {origin}, seed {SEED}", file=sys.stderr)
    parts = {
        "what the demo ingests": evaluate(ingested_samples(rows), SVC_MAX_ROWS),
        "the whole file": evaluate(rows, None),
    }
    print(table(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
