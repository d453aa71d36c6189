"""``tauro serve`` and ``tauro keys`` as processes: workers, keys, the end under load."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from tests.cli.conftest import Tauro

from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend

ROWS = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 1.0, 0.0, 0.0]})
SAMPLES = {"samples": [{"a": 0.0, "b": 1.0}]}


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(LocalStorageBackend(tmp_path / "store"), durability="process")


def register(registry: ModelRegistry, target: list[int]) -> None:
    model = LogisticRegression(C=100).fit(ROWS, target)
    version = registry.register_model(model=model, model_name="m", input_example=ROWS)
    registry.promote_model("m", version.version, "Production")


def test_a_file_is_predicted(registry: ModelRegistry, tauro: Tauro, here: Path) -> None:
    register(registry, [0, 0, 1, 1])
    ROWS.to_csv("rows.csv", index=False)
    arguments = ("predict", "m", "--input", "rows.csv", "--output", "out.parquet")
    called = tauro(*arguments, "--store", "store", "--json")
    assert called.json["rows"] == 4
    assert pd.read_parquet("out.parquet")["prediction"].tolist() == [0, 0, 1, 1]
    text = tauro(*arguments, "--store", "store").out
    assert text == "4 rows predicted by m v1: out.parquet\n"


@contextmanager
def served(store: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run ``tauro serve m`` on a free port; give its address and the process."""
    command = [sys.executable, "-m", "tauro", "serve", "m", "--port", "0", "--json", *options]
    # A busy machine may take longer than the default to load a model and to answer.
    command += ["--store", str(store), "--compile", "never", "--deadline", "240"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("}"):
                break
        try:
            assert lines, process.stderr.read()
            yield json.loads("".join(lines))["address"], process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=240) == 0


def send(url: str, **options: Any) -> httpx.Response:
    """Ask over a connection of its own, however long a busy machine takes to answer."""
    return httpx.post(url, json=SAMPLES, timeout=240, **options)


def test_keys_are_made_listed_and_revoked(tauro: Tauro, here: Path) -> None:
    made = tauro("keys", "create", "pipeline", "--rate", "5", "--store", "s", "--json").json
    assert made["key"].startswith("tauro_")
    shown = tauro("keys", "list", "--store", "s")
    assert "pipeline" in shown.out
    assert made["key"] not in shown.out
    assert tauro("keys", "revoke", "pipeline", "--store", "s", "--json").json[0]["id"] == made["id"]
    assert tauro("keys", "list", "--store", "s", "--json").json[0]["revoked_at"] is not None
    missing = tauro("keys", "revoke", "pipelin", "--store", "s")
    assert missing.code != 0
    assert "pipeline" in missing.err


def test_beyond_loopback_a_key_is_asked_for(
    registry: ModelRegistry, tauro: Tauro, tmp_path: Path
) -> None:
    register(registry, [0, 0, 1, 1])
    store = tmp_path / "store"
    refused = tauro("serve", "m", "--host", "0.0.0.0", "--port", "0", "--store", store)
    assert "tauro keys create" in refused.err
    secret = tauro("keys", "create", "ci", "--store", store, "--json").json["key"]
    with served(store, "--host", "0.0.0.0") as (address, _):
        url = address.replace("0.0.0.0", "127.0.0.1")
        assert send(f"{url}/predict").status_code == 401
        headers = {"Authorization": f"Bearer {secret}"}
        answer = send(f"{url}/predict", headers=headers)
        assert answer.json()["predictions"] == [0]


def ask(url: str, answers: list[Any], stop: threading.Event) -> None:
    """Ask again and again over one connection; a connection refused is the end, not a failure."""
    with httpx.Client(timeout=240) as client:
        while not stop.is_set():
            try:
                answers.append(client.post(f"{url}/predict", json=SAMPLES))
            except httpx.ConnectError:
                return
            except httpx.TransportError as error:
                answers.append(error)
                return


def test_what_was_accepted_is_answered_when_the_server_is_told_to_stop(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    """A connection that is closed while it is idle is not a lost request; one with a body is."""
    register(registry, [0, 0, 1, 1])
    answers: list[list[Any]] = [[] for _ in range(8)]
    stop = threading.Event()
    with served(tmp_path / "store") as (url, process):
        threads = [threading.Thread(target=ask, args=(url, each, stop)) for each in answers]
        for thread in threads:
            thread.start()
        while min(map(len, answers)) < 5 and all(thread.is_alive() for thread in threads):
            stop.wait(0.01)
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(240)
        process.wait(timeout=240)  # A second signal, while the interpreter ends, would kill it.
    stop.set()
    done = [answer for each in answers for answer in each if isinstance(answer, httpx.Response)]
    assert len(done) >= 40
    assert {answer.status_code for answer in done} == {200}
    lost = [answer for each in answers for answer in each if isinstance(answer, Exception)]
    assert all("without sending" in str(e) or "reset" in str(e).lower() for e in lost), lost


def test_all_workers_switch_to_the_promoted_version(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    register(registry, [0, 0, 1, 1])
    with served(tmp_path / "store", "--workers", "2") as (url, _):

        def version() -> int:
            # A connection of its own each time: whichever worker accepts it answers.
            answer = send(f"{url}/predict")
            assert answer.status_code == 200, answer.text
            found = answer.json()
            assert found["predictions"] == [found["model_version"] - 1]
            return int(found["model_version"])

        assert {version() for _ in range(10)} == {1}
        register(registry, [1, 1, 0, 0])
        while {version() for _ in range(20)} != {2}:
            pass


def test_two_names_are_served_by_one_process_and_logged(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    register(registry, [0, 0, 1, 1])
    with served(tmp_path / "store", "n", "--access-log") as (url, process):
        named = {"X-Request-ID": "r-1"}
        answer = send(f"{url}/models/m/predict", headers=named)
        assert process.stderr is not None
        logged = next(line for line in process.stderr if '"r-1"' in line)
        assert json.loads(logged)["model"] == "m"
        assert answer.json()["predictions"] == [0]
        assert send(f"{url}/models/n/predict").status_code == 503
        health = httpx.get(f"{url}/health", timeout=240).json()
        assert [model["status"] for model in health["models"]] == ["healthy", "degraded"]
