"""One library's drift detection, run by benchmarks.drift in an environment that holds it.

``python drift_peers.py LIBRARY time ROWS``, ``… rates TRIALS`` or ``… parquet OLD NEW``; the last
line printed is JSON. Every library runs with its defaults, and says which columns drifted.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Detect = Callable[[pd.DataFrame, pd.DataFrame], set[str]]
SIZES = [(50, 50), (200, 1000), (500, 500), (10_000, 10_000)]
SHARES = np.array([0.4, 0.2, 0.15, 0.1, 0.06, 0.04, 0.025, 0.015, 0.007, 0.003])
WORDS = [f"w{i}" for i in range(len(SHARES))]


def wide(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Return 16 columns of numbers and 4 of words."""
    columns: dict[str, Any] = {
        f"n{i}": rng.normal(size=rows) if i % 2 else rng.lognormal(0, 1, rows) for i in range(16)
    }
    for i in range(4):
        columns[f"c{i}"] = rng.choice(WORDS[: 4 + 2 * i], rows)
    return pd.DataFrame(columns)


def narrow(rng: np.random.Generator, rows: int, *, changed: bool) -> pd.DataFrame:
    """Return five columns of different shapes, changed a little where asked."""
    shares = SHARES.copy()
    if changed:
        shares[:3] = [0.33, 0.23, 0.19]
    gaps = rng.normal(size=rows)
    gaps[rng.random(rows) < (0.15 if changed else 0.05)] = np.nan
    return pd.DataFrame(
        {
            "normal": rng.normal(0.3 if changed else 0.0, 1, rows),
            "skewed": rng.lognormal(0.6 if changed else 0.0, 2, rows),
            "counts": rng.poisson(2.4 if changed else 2.0, rows).astype(float),
            "gaps": gaps,
            "words": rng.choice(WORDS, rows, p=shares),
        }
    )


def tauro() -> Detect:
    from tauro.drift import DriftDetector

    detector = DriftDetector()
    return lambda old, new: set(detector.detect_data_drift(old, new).drifted_features)


def scipy() -> Detect:
    from scipy import stats

    def detect(old: pd.DataFrame, new: pd.DataFrame) -> set[str]:
        found = set()
        for name in old:
            if old[name].dtype.kind == "f":
                p = stats.ks_2samp(old[name].dropna(), new[name].dropna()).pvalue
            else:
                counts = [old[name].value_counts(), new[name].value_counts()]
                table = pd.concat(counts, axis=1).fillna(0).to_numpy()
                p = stats.chi2_contingency(table).pvalue
            if p < 0.05:
                found.add(str(name))
        return found

    return detect


def evidently() -> Detect:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    def detect(old: pd.DataFrame, new: pd.DataFrame) -> set[str]:
        numbers = [name for name in old if old[name].dtype.kind == "f"]
        words = [name for name in old if old[name].dtype.kind != "f"]
        kinds = DataDefinition(numerical_columns=numbers, categorical_columns=words)
        sides = [Dataset.from_pandas(side, kinds) for side in (new, old)]
        metrics = Report([DataDriftPreset()]).run(*sides).dict()["metrics"]
        # Up to 1,000 reference rows it gives p-values, against 0.05; beyond, distances against 0.1.
        small = len(old) <= 1000
        found = set()
        for metric in metrics:
            if metric["metric_id"].startswith("ValueDrift(column="):
                name = metric["metric_id"].split("=", 1)[1].rstrip(")").split(",")[0]
                value = float(metric["value"])
                if value < 0.05 if small else value >= 0.1:
                    found.add(name)
        return found

    return detect


def nannyml() -> Detect:
    import nannyml as nml

    def detect(old: pd.DataFrame, new: pd.DataFrame) -> set[str]:
        names = list(old)
        words = [name for name in names if old[name].dtype.kind != "f"]
        calculator = nml.UnivariateDriftCalculator(column_names=names, treat_as_categorical=words)
        calculator.fit(old)
        table = calculator.calculate(new).filter(period="analysis").to_df()
        return {key[0] for key in table if key[-1] == "alert" and table[key].any()}

    return detect


def timing(detect: Detect, rows: int, repeats: int = 5) -> dict[str, Any]:
    """Return the seconds of each repetition, on fresh data each time."""
    rng = np.random.default_rng(0)
    detect(wide(rng, 500), wide(rng, 500))
    seconds = []
    for _ in range(repeats):
        old, new = wide(rng, rows), wide(rng, rows)
        started = time.perf_counter()
        detect(old, new)
        seconds.append(time.perf_counter() - started)
    return {"seconds": seconds}


def rates(detect: Detect, trials: int) -> dict[str, Any]:
    """Return, for each size, how often each column was said to drift, without and with a change."""
    found: dict[str, Any] = {}
    for n, m in SIZES:
        for what, changed in (("false alarms", False), ("power", True)):
            rng = np.random.default_rng(n + m)
            counts = dict.fromkeys(["normal", "skewed", "counts", "gaps", "words", "any"], 0)
            for _ in range(trials):
                old, new = narrow(rng, n, changed=False), narrow(rng, m, changed=changed)
                drifted = detect(old, new)
                for name in drifted:
                    counts[name] += 1
                counts["any"] += bool(drifted)
            found[f"{what} {n}/{m}"] = {name: hits / trials for name, hits in counts.items()}
    return found


def parquet(library: str, detect: Detect, old: str, new: str) -> dict[str, Any]:
    """Return the seconds and the memory that two Parquet files take, read as the library likes."""
    rng = np.random.default_rng(0)
    detect(wide(rng, 3000), wide(rng, 2000))
    before = peak_mb()
    started = time.perf_counter()
    if library == "tauro":  # which takes paths; the others take frames
        drifted = detect(old, new)  # type: ignore[arg-type]
    else:
        drifted = detect(pd.read_parquet(old), pd.read_parquet(new))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "grown_mb": peak_mb() - before, "drifted": len(drifted)}


def peak_mb() -> float:
    """Return the most memory this process has held. (ru_maxrss may be that of its parent.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    library, task, *amounts = sys.argv[1:]
    warnings.simplefilter("ignore")
    made = {"tauro": tauro, "scipy": scipy, "evidently": evidently, "nannyml": nannyml}
    with contextlib.redirect_stdout(io.StringIO()):
        detect = made[library]()
        result = (
            parquet(library, detect, *amounts)
            if task == "parquet"
            else {"time": timing, "rates": rates}[task](detect, int(amounts[0]))
        )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
