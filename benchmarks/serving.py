"""A scikit-learn pipeline of 12 features over HTTP, beside the peers.

`python -m benchmarks serving [PROGRAM…]`: for each program requests a second at 64 connections and
the median time over one, a row a request, 1,000 different rows. Every answer is compared with
`model.predict`; an answer that is not 2xx, or wrong, or a socket that breaks, is a failure.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._environments import machine, peer_python, print_table

WORKER = Path(__file__).with_name("_serving_worker.py")
CONNECTIONS = 64
SECONDS = float(os.environ.get("TAURO_BENCH_SECONDS", "8"))
MODEL = ["scikit-learn", "pandas", "joblib"]
PEERS = {
    "by-hand": [*MODEL, "fastapi", "uvicorn[standard]"],
    "mlflow": [*MODEL, "mlflow"],
    "litserve": [*MODEL, "litserve"],
    "bentoml": [*MODEL, "bentoml"],
}
OURS = {"tauro plain": "never", "tauro compiled": "require"}


def make_model() -> tuple[Any, Any]:
    """Return a fitted pipeline of ten numbers and two categories, and 1,000 rows."""
    import numpy as np
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rng = np.random.default_rng(0)
    rows = pd.DataFrame({f"n{i}": rng.normal(size=4000) for i in range(10)})
    for name in ("wilderness", "soil"):
        rows[name] = rng.choice(["a", "b", "c", "d"], size=4000)
    target = (rows["n0"] + rows["n1"] + (rows["soil"] == "a") > 0.5).astype(int)
    numbers = ("numbers", StandardScaler(), [f"n{i}" for i in range(10)])
    texts = ("texts", OneHotEncoder(), ["wilderness", "soil"])
    steps = ColumnTransformer([numbers, texts])
    model = make_pipeline(steps, LogisticRegression(max_iter=500)).fit(rows, target)
    return model, rows.head(1000)


class Client:
    """Sends rows over connections that stay open and checks the answers."""

    def __init__(self, port: int, bodies: list[bytes], expected: list[Any]) -> None:
        self._port = port
        self._bodies = bodies
        self._expected = expected
        self.times: list[float] = []
        self.failures = 0

    async def run(self, connections: int, seconds: float, path: str) -> float:
        """Return answers a second."""
        self.times, self.failures = [], 0
        start = time.perf_counter()
        await asyncio.gather(
            *[self._connection(each, start + seconds, path) for each in range(connections)]
        )
        return (len(self.times) - self.failures) / (time.perf_counter() - start)

    async def _connection(self, at: int, end: float, path: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        while time.perf_counter() < end:
            at = (at + CONNECTIONS) % len(self._bodies)
            body, start = self._bodies[at], time.perf_counter()
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            try:
                ok = await self._answer(reader, self._expected[at])
            except (OSError, asyncio.IncompleteReadError):
                self.failures += 1
                self.times.append(time.perf_counter() - start)
                return
            self.failures += not ok
            self.times.append(time.perf_counter() - start)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, expected: Any) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        answer = json.loads(await reader.readexactly(size))
        found = answer["predictions"] if isinstance(answer, dict) else answer
        return head.startswith(b"http/1.1 2") and list(found) == [expected]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command_of(program: str, folder: Path, port: int) -> list[str] | None:
    if program in OURS:
        serve = [sys.executable, "-m", "tauro", "serve", "cover", "--port", str(port)]
        return [*serve, "--store", str(folder / "store"), "--compile", OURS[program]]
    python = peer_python(f"serving-{program}", PEERS[program])
    path = str(folder / "model.joblib")
    return None if python is None else [python, str(WORKER), program, path, str(port)]


def wait_for(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a port is open; tell whether it is."""
    for _ in range(1200):
        if process.poll() is not None:
            return False
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.1)
    return False


def measure_program(program: str, folder: Path, rows: Any, expected: list[Any]) -> list[object]:
    port = free_port()
    command = command_of(program, folder, port)
    if command is None:
        return [program, "does not install", "", ""]
    records = [json.loads(line) for line in rows.to_json(orient="records", lines=True).splitlines()]
    key, path = ("samples", "/predict")
    if program == "mlflow":
        key, path = ("dataframe_records", "/invocations")
    bodies = [json.dumps({key: [record]}).encode() for record in records]
    log = (folder / f"{program}.log").open("wb")
    with log, subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as process:
        try:
            if not wait_for(port, process):
                return [program, "does not start", "", ""]
            client = Client(port, bodies, expected)
            asyncio.run(client.run(8, min(3, SECONDS), path))
            many = asyncio.run(client.run(CONNECTIONS, SECONDS, path))
            failures = client.failures
            asyncio.run(client.run(1, min(4, SECONDS), path))
            middle = statistics.median(client.times) * 1000
            return [program, f"{many:,.0f}", f"{middle:.2f}", failures + client.failures]
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def main() -> None:
    import joblib

    from tauro.registry import ModelRegistry
    from tauro.storage import LocalStorageBackend

    chosen = sys.argv[1:] or [*OURS, *PEERS]
    model, rows = make_model()
    expected = model.predict(rows).tolist()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        joblib.dump(model, folder / "model.joblib")
        registry = ModelRegistry(LocalStorageBackend(folder / "store"))
        registry.register_model(model=model, model_name="cover", input_example=rows.head(100))
        registry.promote_model("cover", 1, "Production")
        table = [measure_program(program, folder, rows, expected) for program in chosen]
    print(machine())
    heads = ["program", f"answers/s, {CONNECTIONS} connections", "p50 of one, ms", "failures"]
    print_table(heads, table)


if __name__ == "__main__":
    main()
