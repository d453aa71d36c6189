"""A server of a small model with the columns of the forest-cover request."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def predict(body: str, root: Path) -> None:
    """Train, register and promote a model, serve it, and send the request."""
    import httpx
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from tauro.mlops import MLOpsContext

    sample = json.loads(body)["samples"][0]
    frame = pd.DataFrame([sample, {**sample, "elevation": 3200, "soil_type": "c4744"}] * 20)
    texts = ["wilderness_area", "soil_type"]
    numbers = [column for column in frame if column not in texts]
    model = make_pipeline(
        make_column_transformer(
            (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), texts)
        ),
        LogisticRegression(),
    ).fit(frame, [2, 5] * 20)
    store = root / "mlops_data"
    registry = MLOpsContext(storage_path=str(store)).model_registry
    registry.register_model("forest-cover", model=model, input_example=frame.head(2))
    registry.promote_model("forest-cover", 1, "Production")
    with _server(store) as address:
        answer = httpx.post(f"{address}/predict", content=body, timeout=240)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == [2]
    assert answer.json()["model_version"] == 1


@contextmanager
def _server(store: Path) -> Iterator[str]:
    """Start ``tauro serve`` on a free port and give its address."""
    command = [sys.executable, "-m", "tauro", "serve", "forest-cover", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--store", str(store), "--deadline", "240"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        while not said.endswith("}\n"):
            line = process.stdout.readline()
            assert line, "the server ended before it listened"
            said += line
        yield json.loads(said)["address"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=240) == 0
