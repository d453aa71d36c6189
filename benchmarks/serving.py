"""A scikit-learn pipeline of 12 features over HTTP, beside the peers.

`python -m benchmarks.serving [PROGRAM…]`: for each program requests a second at 64 connections and
the median time over one, a row a request, 1,000 different rows, all of which every program is asked
first. Every answer is compared with `model.predict`; an answer that is not 2xx, or wrong, or a
socket that breaks, is a failure. It takes about half a minute a program, less with
TAURO_BENCH_SECONDS=3, and what installing the peers takes, once.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._environments import machine, peer_python, print_table

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
WORKER = Path(__file__).with_name("_serving_worker.py")
CONNECTIONS = 64
SECONDS = float(os.environ.get("TAURO_BENCH_SECONDS", "8"))
MODEL = ["scikit-learn", "pandas", "joblib"]
PEERS = {
    "by-hand": [*MODEL, "fastapi", "uvicorn[standard]"],
    "mlflow": [*MODEL, "mlflow"],
    "litserve": [*MODEL, "litserve"],
    "bentoml": [*MODEL, "bentoml"],
    "mlserver": [*MODEL, "mlserver", "mlserver-sklearn"],
}
PATHS = {"mlflow": "/invocations", "mlserver": "/v2/models/cover/infer"}
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

    def __init__(self, port: int, path: str, bodies: list[bytes], expected: list[Any]) -> None:
        self._port = port
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self._requests = [
            f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies
        ]
        self._expected = expected
        self._right: list[set[bytes]] = [set() for _ in bodies]
        self.times: list[float] = []
        self.failures = 0

    async def ask_all(self, connections: int) -> None:
        """Ask for every row once."""
        await self._gather(connections, float("inf"), len(self._requests))

    async def run(self, connections: int, seconds: float) -> float:
        """Ask for so long; return right answers a second."""
        start = time.perf_counter()
        await self._gather(connections, start + seconds, 10**9)
        return (len(self.times) - self.failures) / (time.perf_counter() - start)

    async def _gather(self, connections: int, end: float, most: int) -> None:
        self.times, self.failures = [], 0
        turns = iter(range(most))
        tasks = [self._connection(turns, end) for _ in range(connections)]
        await asyncio.gather(*tasks)

    async def _connection(self, turns: Iterator[int], end: float) -> None:
        """Take rows in turn; a connection that breaks is a failure, and replaced."""
        streams: Streams | None = None
        for turn in turns:
            start = time.perf_counter()
            if start > end:
                break
            at = turn % len(self._requests)
            try:
                if streams is None:
                    streams = await asyncio.open_connection("127.0.0.1", self._port)
                streams[1].write(self._requests[at])
                ok = await asyncio.wait_for(self._answer(streams[0], at), 60)
            except (OSError, EOFError, ValueError, TimeoutError):
                ok, streams = False, None
            self.failures += not ok
            self.times.append(time.perf_counter() - start)
        if streams is not None:
            streams[1].close()

    async def _answer(self, reader: asyncio.StreamReader, at: int) -> bool:
        """Read an answer; one that was found right before need not be decoded again."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(size)
        if not head.startswith(b"http/1.1 2"):
            return False
        if body in self._right[at]:
            return True
        if predictions_of(json.loads(body)) != [self._expected[at]]:
            return False
        # Some name the request in the answer, which then is never the same.
        if len(self._right[at]) < 4:
            self._right[at].add(body)
        return True


def predictions_of(answer: Any) -> list[Any]:
    """Return the predictions of any program's answer."""
    if isinstance(answer, dict) and "outputs" in answer:
        return list(answer["outputs"][0]["data"])
    return list(answer["predictions"] if isinstance(answer, dict) else answer)


def body_of(program: str, record: dict[str, Any]) -> bytes:
    """Return a row as a program takes it."""
    if program == "mlserver":
        inputs = [
            {
                "name": name,
                "shape": [1, 1],
                "datatype": "BYTES" if isinstance(value, str) else "FP64",
                "data": [value],
                **({"parameters": {"content_type": "str"}} if isinstance(value, str) else {}),
            }
            for name, value in record.items()
        ]
        return json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs}).encode()
    key = "dataframe_records" if program == "mlflow" else "samples"
    return json.dumps({key: [record]}).encode()


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
    bodies = [body_of(program, record) for record in records]
    log = (folder / f"{program}.log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, cwd=folder
        ) as process,
    ):
        try:
            client = Client(port, PATHS.get(program, "/predict"), bodies, expected)
            if not wait_for(port, process) or not asyncio.run(is_warm(client)):
                print((folder / f"{program}.log").read_text()[-1000:], file=sys.stderr)
                return [program, "does not start", "", ""]
            asyncio.run(client.ask_all(8))
            wrong = client.failures
            many = asyncio.run(client.run(CONNECTIONS, SECONDS))
            wrong += client.failures
            asyncio.run(client.run(1, min(4, SECONDS)))
            middle = statistics.median(client.times) * 1000
            return [program, f"{many:,.0f}", f"{middle:.2f}", wrong + client.failures]
        finally:
            end_group(process)


async def is_warm(client: Client) -> bool:
    """Wait until rows are answered; some open their port before they have a model."""
    for _ in range(120):
        await client.run(1, 0.5)
        if len(client.times) > client.failures:
            return True
        await asyncio.sleep(0.5)
    return False


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started."""
    for ending, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, ending)
            process.wait(seconds)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


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
