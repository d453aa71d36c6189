"""Make a store of many runs, or search one; the last line is JSON.

python _search_worker.py SYSTEM WORKLOAD COUNT FOLDER
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()
FILTER = "metrics.m1 > 0.5 and params.p0 = '3'"
ORDER = "metrics.m2 DESC"
FIRST_START = 1_767_225_600_000
Values = tuple[str, dict[str, float], dict[str, int], dict[str, str]]
SOURCE = {
    "git_commit": "a" * 40,
    "git_dirty": False,
    "command": ["python", "train.py", "--lr", "0.1"],
    "python": "3.11.9",
    "host": "worker-7",
    "packages": {"numpy": "2.1.0", "pandas": "2.2.3", "scikit-learn": "1.5.2", "torch": "2.5.1"},
}


def run_values(count: int) -> Iterator[Values]:
    """Yield id, five metrics, five parameters and tags of each run; the same on every call."""
    chance = random.Random(7)
    for number in range(count):
        yield (
            f"{number:032x}",
            {f"m{key}": chance.random() for key in range(5)},
            {f"p{key}": chance.randrange(10) for key in range(5)},
            {"team": f"ds{number % 3}", "owner": "someone"},
        )


def expected_top(count: int) -> list[str]:
    """Return what the search must find."""
    found = [
        (metrics["m2"], run_id)
        for run_id, metrics, parameters, _ in run_values(count)
        if metrics["m1"] > 0.5 and parameters["p0"] == 3
    ]
    return [run_id for _, run_id in sorted(found, reverse=True)[:10]]


def median_ms(action: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1e3


# Tauro


def tauro_make(count: int, folder: Path) -> dict[str, Any]:
    from datetime import UTC, datetime, timedelta

    import msgspec

    from tauro._internal import _fs
    from tauro.storage import ensure_format, open_storage
    from tauro.tracking._catalogue import RunCatalogue
    from tauro.tracking._models import ExperimentRecord, RunRecord, RunStatus, encode

    ensure_format(open_storage(folder))
    root = folder / "experiment_tracking"
    catalogue = RunCatalogue(folder)
    first = datetime.fromtimestamp(FIRST_START / 1000, UTC)
    experiment = ExperimentRecord(experiment_id="bench", name="bench", created_at=first)
    document = encode(experiment)
    with catalogue.record_experiment(experiment, document):
        _fs.replace_file(str(root / "experiments" / "bench.json"), document)
    started = time.perf_counter()
    for number, (run_id, metrics, parameters, tags) in enumerate(run_values(count)):
        run = RunRecord(
            run_id=run_id,
            experiment_id="bench",
            name=f"run {number}",
            status=RunStatus.COMPLETED,
            start_time=first + timedelta(seconds=number),
            end_time=first + timedelta(seconds=number + 60),
            user="someone",
            metrics=dict(metrics),
            parameters=dict(parameters),
            tags=tags,
            source=SOURCE,
        )
        document = encode(run)
        with catalogue.record(run, document):
            path = root / "runs" / "bench" / f"{run_id}.json"
            _fs.replace_file(str(path), msgspec.json.format(document, indent=2))
    written = time.perf_counter()
    catalogue.publish()
    published = time.perf_counter()
    catalogue.close()
    size = (root / "runs" / "bench" / "index.parquet").stat().st_size
    return {
        "recorded per second": round(count / (written - started)),
        "publish s": round(published - written, 2),
        "index MB": round(size / 1e6, 1),
    }


def tauro_cold(count: int, folder: Path) -> dict[str, Any]:
    from tauro.tracking import ExperimentTracker

    imported = time.perf_counter()
    tracker = ExperimentTracker(folder)
    page = tracker.query_runs(filter=FILTER, order_by=[ORDER], limit=10)
    found = [run["run_id"] for run in page.runs]
    done = time.perf_counter()
    assert found == expected_top(count), found
    return {"import ms": (imported - STARTED) * 1e3, "search ms": (done - imported) * 1e3}


def tauro_warm(count: int, folder: Path) -> dict[str, Any]:
    from tauro.tracking import ExperimentTracker

    tracker = ExperimentTracker(folder)

    def search() -> list[str]:
        page = tracker.query_runs(filter=FILTER, order_by=[ORDER], limit=10)
        return [run["run_id"] for run in page.runs]

    assert search() == expected_top(count)
    tokens: list[str | None] = [None]

    def page(order: str) -> object:
        found = tracker.query_runs(order_by=[order], limit=1000, page_token=tokens[-1])
        tokens.append(found.next_page_token)
        return found.runs

    def frame() -> object:
        return tracker.query_runs(limit=10_000).to_pandas()

    assert len(tracker.query_runs(limit=10_000).to_pandas()) == min(count, 10_000)
    figures = {"search ms": median_ms(search, 50), "count ms": 0.0}
    figures["count ms"] = median_ms(lambda: tracker.query_runs(filter=FILTER, limit=0).total, 20)
    for name, order in {"newest": "start_time DESC", "by a metric": "metrics.m3"}.items():
        tokens[:] = [None]
        page(order)
        figures[f"page {name} ms"] = median_ms(lambda order=order: page(order), 9)  # type: ignore[misc]
    figures["frame ms"] = median_ms(frame, 9)
    return figures


# MLflow: the rows are put in its database by hand, for its own API makes 69 runs a second


def mlflow_uri(folder: Path) -> str:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    return f"sqlite:///{folder}/mlflow.db"


def mlflow_make(count: int, folder: Path) -> dict[str, Any]:
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_uri(folder))
    experiment = client.create_experiment("bench")
    database = sqlite3.connect(folder / "mlflow.db")
    template_id = client.create_run(experiment, start_time=FIRST_START).info.run_id
    columns = [row[1] for row in database.execute("pragma table_info(runs)")]
    template = list(
        database.execute("select * from runs where run_uuid = ?", [template_id]).fetchone()
    )
    database.execute("delete from tags where run_uuid = ?", [template_id])
    database.execute("delete from runs where run_uuid = ?", [template_id])
    marks = ",".join("?" * len(columns))
    for number, (run_id, metrics, parameters, tags) in enumerate(run_values(count)):
        row = dict(zip(columns, template, strict=True))
        row |= {"run_uuid": run_id, "name": f"run {number}", "status": "FINISHED"}
        row |= {"start_time": FIRST_START + number * 1000, "end_time": FIRST_START + number * 1060}
        database.execute(f"insert into runs values ({marks})", list(row.values()))
        database.executemany(
            "insert into latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
            "values (?, ?, ?, 0, 0, ?)",
            [(key, value, FIRST_START, run_id) for key, value in metrics.items()],
        )
        database.executemany(
            "insert into params (key, value, run_uuid) values (?, ?, ?)",
            [(key, str(value), run_id) for key, value in parameters.items()],
        )
        database.executemany(
            "insert into tags (key, value, run_uuid) values (?, ?, ?)",
            [(key, value, run_id) for key, value in tags.items()],
        )
    database.commit()
    database.close()
    return {}


def mlflow_warm(count: int, folder: Path) -> dict[str, Any]:
    import mlflow

    mlflow.set_tracking_uri(mlflow_uri(folder))
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("bench").experiment_id

    def search() -> list[str]:
        found = client.search_runs([experiment], FILTER, order_by=[ORDER], max_results=10)
        return [run.info.run_id for run in found]

    assert search() == expected_top(count)
    return {
        "search ms": median_ms(search, 5),
        "page newest ms": median_ms(
            lambda: client.search_runs(
                [experiment], order_by=["start_time DESC"], max_results=1000
            ),
            3,
        ),
        "page by a metric ms": median_ms(
            lambda: client.search_runs([experiment], order_by=["metrics.m3"], max_results=1000), 3
        ),
        "frame ms": median_ms(
            lambda: mlflow.search_runs([experiment], max_results=min(count, 10_000)), 1
        ),
    }


def mlflow_cold(count: int, folder: Path) -> dict[str, Any]:
    from mlflow import MlflowClient

    imported = time.perf_counter()
    client = MlflowClient(mlflow_uri(folder))
    experiment = client.get_experiment_by_name("bench").experiment_id
    client.search_runs([experiment], FILTER, order_by=[ORDER], max_results=10)
    done = time.perf_counter()
    return {"import ms": (imported - STARTED) * 1e3, "search ms": (done - imported) * 1e3}


WORK: dict[tuple[str, str], Callable[[int, Path], dict[str, Any]]] = {
    ("tauro", "make"): tauro_make,
    ("tauro", "cold"): tauro_cold,
    ("tauro", "warm"): tauro_warm,
    ("mlflow-sqlite", "make"): mlflow_make,
    ("mlflow-sqlite", "cold"): mlflow_cold,
    ("mlflow-sqlite", "warm"): mlflow_warm,
}


def main() -> None:
    system, workload, count, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps(WORK[system, workload](count, folder)))


if __name__ == "__main__":
    main()
