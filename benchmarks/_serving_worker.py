"""Serve one model with one program, in that program's environment.

`python _serving_worker.py PROGRAM MODEL.joblib PORT` runs until it is ended. The program gets rows
as `{"samples": [{column: value}]}` (MLServer: its own protocol; MLflow: `dataframe_records`).
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any


def by_hand(path: str, port: int) -> None:
    import joblib
    import pandas as pd
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    model = joblib.load(path)

    class Body(BaseModel):
        samples: list[dict[str, Any]]

    app = FastAPI()

    def predict(body: Body) -> dict[str, Any]:
        return {"predictions": model.predict(pd.DataFrame(body.samples)).tolist()}

    # A nested class is no name of the module's: FastAPI is given the type itself.
    predict.__annotations__["body"] = Body
    app.post("/predict")(predict)
    uvicorn.run(app, port=port, log_level="warning")


def litserve(path: str, port: int) -> None:
    script = Path(__file__).with_name("_serving_litserve.py")
    os.execv(sys.executable, [sys.executable, str(script), path, str(port)])


def bentoml(path: str, port: int) -> None:
    os.environ["MODEL"] = path
    where = str(Path(__file__).parent)
    options = ["--port", str(port), "--working-dir", where]
    execute("bentoml", "serve", "_serving_bentoml:Cover", *options)


def mlflow(path: str, port: int) -> None:
    import joblib
    import mlflow.sklearn

    folder = f"{tempfile.mkdtemp()}/model"
    mlflow.sklearn.save_model(joblib.load(path), folder, serialization_format="cloudpickle")
    options = ["-m", folder, "-p", str(port), "--env-manager", "local"]
    execute("mlflow", "models", "serve", *options)


def execute(program: str, *arguments: str) -> None:
    """Become a program of this environment, which finds the others that it needs."""
    programs = Path(sys.executable).parent
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    os.execv(str(programs / program), [program, *arguments])


def mlserver(path: str, port: int) -> None:
    """Serve the file with MLServer's own runtime for scikit-learn, one process, as it batches."""
    folder = Path(tempfile.mkdtemp())
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    settings = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": ports[0],
        "metrics_port": ports[1],
        "parallel_workers": 0,
        "debug": False,
    }
    model = {
        "name": "cover",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "max_batch_size": 64,
        "max_batch_time": 0.002,
        "parameters": {"uri": path, "version": "1", "content_type": "pd"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    execute("mlserver", "start", str(folder))


PROGRAMS = {
    "by-hand": by_hand,
    "litserve": litserve,
    "bentoml": bentoml,
    "mlflow": mlflow,
    "mlserver": mlserver,
}


def main() -> None:
    program, path, port = sys.argv[1:]
    PROGRAMS[program](path, int(port))


if __name__ == "__main__":
    main()
