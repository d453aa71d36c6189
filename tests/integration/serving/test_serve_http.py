"""A real model, registered and promoted, behind the real server in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tauro.mlops import MLOpsContext, ModelRegistry

NAME = "iris-like"
ROWS = pd.DataFrame({"width": [0.1, 0.2, 0.9, 1.1], "length": [1.0, 1.1, 3.0, 3.2]})
CLASSES = [0, 0, 1, 1]


def register(registry: ModelRegistry, *, flip: bool = False) -> int:
    target = [1 - value for value in CLASSES] if flip else CLASSES
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, target)
    return registry.register_model(model=model, model_name=NAME, input_example=ROWS.head(2)).version


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return MLOpsContext(storage_path=str(tmp_path / "store")).model_registry


@pytest.fixture
def server(tmp_path: Path, registry: ModelRegistry) -> Iterator[httpx.Client]:
    """Start `tauro serve` on a free port and give a client of it."""
    command = [sys.executable, "-m", "tauro", "serve", NAME, "--port", "0", "--json"]
    command += ["--store", str(tmp_path / "store")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("}"):
                break
        address = json.loads("".join(lines))["address"]
        with httpx.Client(base_url=address, timeout=240) as client:
            yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=240) == 0


def predict(client: httpx.Client, samples: list[dict[str, Any]]) -> httpx.Response:
    return client.post("/predict", json={"samples": samples})


def test_the_promoted_version_answers_and_is_named(
    registry: ModelRegistry, server: httpx.Client
) -> None:
    """Without a Production model 503; with one, integer classes and the version that gave them."""
    good = [{"width": 0.1, "length": 1.0}, {"width": 1.1, "length": 3.2}]
    assert predict(server, good).status_code == 503
    assert server.get("/metadata").status_code == 503
    assert server.get("/ready").status_code == 503
    registry.promote_model(NAME, register(registry), "Production")
    assert server.post("/reload").json()["version"] == 1
    answer = predict(server, good)
    assert answer.status_code == 200
    assert answer.json() == {"predictions": [0, 1], "model": NAME, "model_version": 1}
    described = server.get("/metadata").json()
    assert described["columns"] == ["width", "length"]
    assert described["version"] == 1
    assert server.get("/ready").text == "OK"
    assert server.get("/health").json()["status"] == "healthy"

    assert predict(server, []).status_code == 400
    assert server.post("/predict", content=b"{").status_code == 400
    wrong = predict(server, [{"width": "wide", "length": 1.0}])
    assert wrong.status_code == 422
    assert "width" in wrong.json()["message"]
    missing = predict(server, [{"width": 0.1}])
    assert missing.status_code == 422
    assert "length" in missing.json()["message"]
    assert server.post("/predict", json={"rows": []}).status_code == 422

    schema = server.get("/openapi.json").json()
    body = schema["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["properties"]["samples"]["items"]["properties"]) == {
        "width",
        "length",
    }
    assert server.get("/docs").status_code == 200

    registry.promote_model(NAME, register(registry, flip=True), "Production")
    for _ in range(200):
        if predict(server, good).json()["model_version"] == 2:
            break
    else:
        server.post("/reload")
    assert predict(server, good).json() == {
        "predictions": [1, 0],
        "model": NAME,
        "model_version": 2,
    }


def test_a_version_that_cannot_be_loaded_never_serves(
    registry: ModelRegistry, server: httpx.Client, tmp_path: Path
) -> None:
    """A damaged version is reported on /health, and the one before goes on."""
    registry.promote_model(NAME, register(registry), "Production")
    assert server.post("/reload").status_code == 200
    second = register(registry, flip=True)
    folder = tmp_path / "store" / "model_registry" / "artifacts" / NAME / f"v{second}"
    damaged = next(path for path in sorted(folder.rglob("*")) if path.suffix == ".skops")
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(bytes(data))
    registry.promote_model(NAME, second, "Production")
    assert server.post("/reload").status_code == 503
    health = server.get("/health").json()
    assert health["status"] == "degraded"
    assert health["version"] == 1
    assert health["refused"]["version"] == 2
    answer = predict(server, [{"width": 0.1, "length": 1.0}])
    assert answer.json() == {"predictions": [0], "model": NAME, "model_version": 1}


def test_a_host_that_others_reach_is_refused(registry: ModelRegistry, tmp_path: Path) -> None:
    """Without authentication the server listens on loopback only."""
    command = [sys.executable, "-m", "tauro", "serve", NAME, "--host", "0.0.0.0"]
    command += ["--store", str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 1
    assert "authentication" in done.stderr
    assert "Traceback" not in done.stderr
