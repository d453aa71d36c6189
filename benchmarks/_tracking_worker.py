"""One system, one workload, in its own environment: the last line is JSON with seconds and checks.

python _tracking_worker.py SYSTEM WORKLOAD COUNT FOLDER
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

PARAMS = {f"p{number}": number for number in range(5)}
METRICS = {f"m{number}": number / 10 for number in range(5)}
Work = Callable[[int, Path], float]


def mlflow_at(uri: str) -> None:
    import mlflow

    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("bench")


def mlflow_points(count: int, uri: str) -> float:
    import mlflow

    mlflow_at(uri)
    with mlflow.start_run():
        mlflow.log_metric("warm", 0.0, step=0)
        started = time.perf_counter()
        for step in range(count):
            mlflow.log_metric("loss", 0.5 + step, step=step)
        return time.perf_counter() - started


def mlflow_runs(count: int, uri: str) -> float:
    import mlflow

    mlflow_at(uri)
    with mlflow.start_run():
        pass
    started = time.perf_counter()
    for _ in range(count):
        with mlflow.start_run():
            mlflow.log_params(PARAMS)
            mlflow.log_metrics(METRICS, step=0)
    return time.perf_counter() - started


def tauro_tracker(folder: Path) -> object:
    """Return a tracker with a hook and a listener installed, default durability."""
    from tauro.mlops import (
        EventType,
        ExperimentTracker,
        HookType,
        get_event_emitter,
        get_hooks_manager,
    )

    get_hooks_manager().register(HookType.PRE_RUN_START)(lambda data: data)
    get_event_emitter().subscribe(EventType.RUN_COMPLETED, lambda event: None)
    return ExperimentTracker(folder / "store")


def tauro_points(count: int, folder: Path) -> float:
    tracker = tauro_tracker(folder)
    run = tracker.start_run(name="bench", experiment_name="bench")  # type: ignore[attr-defined]
    log_metric, run_id = tracker.log_metric, run.run_id  # type: ignore[attr-defined]
    log_metric(run_id, "warm", 0.0)
    started = time.perf_counter()
    for step in range(count):
        log_metric(run_id, "loss", 0.5 + step, step=step)
    seconds = time.perf_counter() - started
    run.end()
    tracker.close()  # type: ignore[attr-defined]
    return seconds


def tauro_batch(count: int, folder: Path) -> float:
    import numpy as np

    tracker = tauro_tracker(folder)
    run = tracker.start_run(name="bench", experiment_name="bench")  # type: ignore[attr-defined]
    values = 0.5 + np.arange(count, dtype=np.float64)
    run.log_metrics_batch({"warm": values[:10]})
    started = time.perf_counter()
    run.log_metrics_batch({"loss": values})
    seconds = time.perf_counter() - started
    run.end()
    tracker.close()  # type: ignore[attr-defined]
    return seconds


def tauro_runs(count: int, folder: Path) -> float:
    tracker = tauro_tracker(folder)
    experiment = tracker.create_experiment("bench")  # type: ignore[attr-defined]
    tracker.start_run(experiment).end()  # type: ignore[attr-defined]
    started = time.perf_counter()
    for _ in range(count):
        with tracker.start_run(experiment) as run:  # type: ignore[attr-defined]
            run.log_params(PARAMS)
            run.log_metrics(METRICS)
    seconds = time.perf_counter() - started
    tracker.close()  # type: ignore[attr-defined]
    return seconds


def aim_points(count: int, folder: Path) -> float:
    from aim import Run

    run = Run(repo=str(folder), log_system_params=False, system_tracking_interval=None)
    run.track(0.0, name="warm", step=0)
    started = time.perf_counter()
    for step in range(count):
        run.track(0.5 + step, name="loss", step=step)
    run.close()
    return time.perf_counter() - started


def aim_runs(count: int, folder: Path) -> float:
    from aim import Run

    started = time.perf_counter()
    for _ in range(count):
        run = Run(repo=str(folder), log_system_params=False, system_tracking_interval=None)
        run["params"] = PARAMS
        for name, value in METRICS.items():
            run.track(value, name=name, step=0)
        run.close()
    return time.perf_counter() - started


def wandb_points(count: int, folder: Path) -> float:
    import wandb

    os.environ["WANDB_SILENT"] = "true"
    run = wandb.init(project="bench", mode="offline", dir=str(folder))
    run.log({"warm": 0.0})
    started = time.perf_counter()
    for step in range(count):
        run.log({"loss": 0.5 + step})
    run.finish()
    return time.perf_counter() - started


def trackio_points(count: int, folder: Path) -> float:
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio

    trackio.init(project="bench")
    trackio.log({"warm": 0.0})
    started = time.perf_counter()
    for step in range(count):
        trackio.log({"loss": 0.5 + step})
    trackio.finish()
    return time.perf_counter() - started


WORK: dict[tuple[str, str], Work] = {
    ("tauro", "points"): tauro_points,
    ("tauro", "batch"): tauro_batch,
    ("tauro", "runs"): tauro_runs,
    ("mlflow-sqlite", "points"): lambda n, f: mlflow_points(n, f"sqlite:///{f}/mlflow.db"),
    ("mlflow-sqlite", "runs"): lambda n, f: mlflow_runs(n, f"sqlite:///{f}/mlflow.db"),
    ("mlflow-file", "points"): lambda n, f: mlflow_points(n, f"file://{f}/mlruns"),
    ("mlflow-file", "runs"): lambda n, f: mlflow_runs(n, f"file://{f}/mlruns"),
    ("aim", "points"): aim_points,
    ("aim", "runs"): aim_runs,
    ("wandb", "points"): wandb_points,
    ("trackio", "points"): trackio_points,
}


def main() -> None:
    system, workload, count, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    seconds = WORK[system, workload](count, folder)
    print(json.dumps({"seconds": seconds, "count": count}))
    sys.stdout.flush()
    # Some systems leave threads that wait; what was measured is done.
    os._exit(0) if system != "tauro" else None


if __name__ == "__main__":
    main()
