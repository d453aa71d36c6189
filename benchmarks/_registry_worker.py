"""Register versions of a file of 100 kB in one system; the last line is JSON.

python _registry_worker.py SYSTEM COUNT FOLDER          registers
python _registry_worker.py SYSTEM check FOLDER          a fresh process reads back what there is
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

SIZE = 100_000


def artifact(folder: Path) -> Path:
    path = folder / "model.bin"
    if not path.exists():
        path.write_bytes(os.urandom(SIZE))
    return path


def tauro(folder: Path, durability: str) -> Any:
    """Return a registry with a hook and a listener installed."""
    from tauro.events import HookType, Observers
    from tauro.registry import ModelRegistry
    from tauro.storage import LocalStorageBackend

    observers = Observers()
    observers.hooks.register(HookType.PRE_MODEL_REGISTER, lambda data: None)
    observers.emitter.subscribe("model.registered", lambda event: None)
    store = LocalStorageBackend(folder / "store")
    return ModelRegistry(
        store, observers=observers, durability="disk" if durability == "disk" else "process"
    )


def register_tauro(count: int, folder: Path, durability: str) -> float:
    registry, path = tauro(folder, durability), artifact(folder)
    registry.register_model("warm", path)
    started = time.perf_counter()
    for number in range(count):
        registry.register_model("fraud", path, "binary", "custom", metrics={"auc": number / count})
    registry.close()
    return time.perf_counter() - started


def check_tauro(folder: Path) -> int:
    from tauro.registry import ModelRegistry
    from tauro.storage import LocalStorageBackend

    registry = ModelRegistry(LocalStorageBackend(folder / "store"))
    if registry.verify():
        sys.exit("the registry is damaged")
    rows = registry.list_model_versions("fraud")
    index = registry.storage.read_dataframe("model_registry/models/index.parquet")
    if [row["version"] for row in rows] != index[index.name == "fraud"]["version"].tolist():
        sys.exit("the index is behind")
    return len(rows)


def mlflow_client(folder: Path, kind: str) -> Any:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import mlflow

    uri = f"sqlite:///{folder}/mlflow.db" if kind == "sqlite" else (folder / "mlruns").as_uri()
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient()


def register_mlflow(count: int, folder: Path, kind: str) -> float:
    client, path = mlflow_client(folder, kind), str(artifact(folder))
    experiment = client.create_experiment("bench", (folder / "artifacts").as_uri())
    run = client.create_run(experiment)
    client.create_registered_model("fraud")
    client.log_artifact(run.info.run_id, path, "warm")
    started = time.perf_counter()
    for number in range(count):
        client.log_artifact(run.info.run_id, path, f"v{number}")
        client.create_model_version(
            "fraud", f"{run.info.artifact_uri}/v{number}", run.info.run_id, tags={"auc": "0.9"}
        )
    return time.perf_counter() - started


def check_mlflow(folder: Path, kind: str) -> int:
    client = mlflow_client(folder, kind)
    found, token = 0, None
    while True:
        page = client.search_model_versions("name='fraud'", max_results=1000, page_token=token)
        found, token = found + len(page), page.token
        if not token:
            return found


def main() -> None:
    system, work, text = sys.argv[1:]
    folder, (name, _, kind) = Path(text), system.partition("-")
    if work == "check":
        found = check_tauro(folder) if name == "tauro" else check_mlflow(folder, kind)
        print(json.dumps({"found": found}))
        return
    register = register_tauro if name == "tauro" else register_mlflow
    print(json.dumps({"seconds": register(int(work), folder, kind)}))


if __name__ == "__main__":
    main()
