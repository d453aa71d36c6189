"""Serve one model with one program, in that program's environment.

`python _serving_worker.py PROGRAM MODEL.joblib PORT` runs until it is ended. The program gets rows
as `{"samples": [{column: value}]}` (MLServer: its own protocol; MLflow: `dataframe_records`).
"""

from __future__ import annotations

import sys
from typing import Any


def by_hand(model: Any, port: int) -> None:
    import pandas as pd
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Body(BaseModel):
        samples: list[dict[str, Any]]

    app = FastAPI()

    def predict(body: Body) -> dict[str, Any]:
        return {"predictions": model.predict(pd.DataFrame(body.samples)).tolist()}

    # A nested class is no name of the module's: FastAPI is given the type itself.
    predict.__annotations__["body"] = Body
    app.post("/predict")(predict)
    uvicorn.run(app, port=port, log_level="warning")


def litserve(model: Any, port: int) -> None:
    import litserve
    import pandas as pd

    class Api(litserve.LitAPI):
        def setup(self, device: str) -> None:
            self.model = model

        def decode_request(self, request: Any) -> Any:
            return request["samples"][0]

        def batch(self, inputs: Any) -> Any:
            return pd.DataFrame(inputs)

        def predict(self, x: Any) -> Any:
            return self.model.predict(x).tolist()

        def unbatch(self, output: Any) -> Any:
            return output

        def encode_response(self, output: Any) -> Any:
            return {"predictions": [output]}

    api = Api(max_batch_size=64, batch_timeout=0.002)
    litserve.LitServer(api, accelerator="cpu").run(port=port, log_level="warning")


def bentoml(model: Any, port: int) -> None:
    import bentoml
    import pandas as pd

    @bentoml.service
    class Cover:
        @bentoml.api(batchable=True, max_batch_size=64)
        def predict(self, samples: list[dict[str, Any]]) -> list[Any]:
            found: list[Any] = model.predict(pd.DataFrame(samples)).tolist()
            return found

    bentoml.serve_http(Cover, port=port, production=True, api_workers=1)


def mlflow(model: Any, port: int) -> None:
    import os
    import tempfile

    import mlflow.sklearn

    folder = f"{tempfile.mkdtemp()}/model"
    mlflow.sklearn.save_model(model, folder, serialization_format="cloudpickle")
    command = ["-m", "mlflow", "models", "serve", "-m", folder, "-p", str(port)]
    os.execv(sys.executable, [sys.executable, *command, "--env-manager", "local"])


def mlserver(path: str, port: int) -> None:
    """Serve the file with MLServer's own runtime for scikit-learn, one process, as it batches."""
    import json
    import os
    import socket
    import tempfile
    from pathlib import Path

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
    program = Path(sys.executable).with_name("mlserver")
    os.execv(str(program), [str(program), "start", str(folder)])


PROGRAMS = {"by-hand": by_hand, "litserve": litserve, "bentoml": bentoml, "mlflow": mlflow}


def main() -> None:
    program, path, port = sys.argv[1:]
    if program == "mlserver":
        mlserver(path, int(port))
    import joblib

    PROGRAMS[program](joblib.load(path), int(port))


if __name__ == "__main__":
    main()
