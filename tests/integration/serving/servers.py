"""``tauro serve`` in processes of its own, models that misbehave on request, and clients."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from tauro.registry import ModelRegistry

PATIENCE = 240.0
"""Seconds until a test gives up waiting; far more than a loaded machine needs."""
NAME = "m"
READY = "is-it-ready"


@dataclass
class Running:
    """A server that runs.

    Attributes:
        url: Its address.
        port: Its port.
        process: The process that was started.
        log: The file with its standard error.
    """

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def logged(self) -> list[dict[str, Any]]:
        """Return the access log, without the questions whether it is ready."""
        lines = self.log.read_text().splitlines()
        logged = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in logged if line["request_id"] != READY]


@contextmanager
def running(
    store: Path, *arguments: str, name: str = NAME, is_killed: bool = False
) -> Iterator[Running]:
    """Run ``tauro serve`` on a free port; afterwards it is told to stop and must end well.

    The body begins when the model answers: a busy machine may take longer to load it than a request
    may take.

    Args:
        store: Where the model is.
        arguments: Of the command.
        name: The model.
        is_killed: Whether the body kills it.
    """
    number = sum(1 for _ in store.parent.glob("serve-*.log"))
    log, told = (store.parent / f"serve-{number}.{kind}" for kind in ("log", "json"))
    command = [sys.executable, "-m", "tauro", "serve", name, "--port", "0", "--json"]
    command += ["--store", str(store), "--deadline", str(PATIENCE), *arguments]
    with log.open("wb") as err, told.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=err)
    try:
        wait_for(lambda: told.read_text().rstrip().endswith("}"), process, log)
        url = json.loads(told.read_text())["address"].replace("0.0.0.0", "127.0.0.1")
        wait_for(lambda: is_ready(url), process, log)
        yield Running(url, int(url.rpartition(":")[2]), process, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == (-signal.SIGKILL if is_killed else 0), log.read_text()
    finally:
        process.kill()
        process.wait()


def is_ready(url: str) -> bool:
    named = {"X-Request-ID": READY}
    return httpx.get(f"{url}/ready", headers=named, timeout=PATIENCE).is_success


def wait_for(
    is_so: Any, process: subprocess.Popen[bytes] | None = None, log: Path | None = None
) -> None:
    """Wait until something is so, while a process lives."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        alive = process is None or process.poll() is None
        assert alive, log.read_text() if log is not None else "the process ended"
        assert time.monotonic() < end, log.read_text() if log is not None else "waited too long"
        time.sleep(0.01)


class Odd:
    """A model that does what a row's ``do`` says, and answers the row's ``x`` and its own number.

    A file named ``gate`` makes it hang whatever is asked.
    """

    def __init__(self, number: int, gate: Path | None = None) -> None:
        self.number = number
        self.gate = gate

    def predict(self, frame: pd.DataFrame) -> Any:
        if self.gate is not None and self.gate.exists():
            threading.Event().wait()
        for what in frame["do"]:
            if what == "raise":
                raise ZeroDivisionError("on request")
            if what == "exit":
                raise SystemExit(3)
            if what == "hang":
                threading.Event().wait()
            if what == "slow":
                time.sleep(0.05)
            if what == "grow":
                vars(self).setdefault("kept", []).append(np.ones(8 * 1024 * 1024))
        return np.asarray(frame["x"]) * 1000 + self.number


EXAMPLE = pd.DataFrame({"do": ["nothing", "nothing"], "x": [1.0, 2.0]})


def register_odd(registry: ModelRegistry, number: int, gate: Path | None = None) -> int:
    """Register a version that answers ``1000 x + number``; it is not promoted."""
    model = Odd(number, gate)
    return registry.register_model(model=model, model_name=NAME, input_example=EXAMPLE).version


def sample(do: str = "nothing", x: float = 1.0) -> dict[str, Any]:
    return {"samples": [{"do": do, "x": x}]}


@dataclass(frozen=True)
class Answer:
    """What a client got.

    Attributes:
        id: The request's id.
        status: 0 where the connection broke.
        body: The answer, or the error.
        began: When the request was sent.
        ended: When the answer was complete.
        is_first: Whether it was the first request of its connection.
    """

    id: str
    status: int
    body: Any
    began: float
    ended: float
    is_first: bool


class Caller(threading.Thread):
    """Ask again and again over one connection, and over another when the server says so.

    It ends when told to, or when the server takes no more connections.
    """

    def __init__(self, port: int, label: str, do: str = "nothing") -> None:
        super().__init__(daemon=True)
        self.answers: list[Answer] = []
        self.stop = threading.Event()
        self._port = port
        self._label = label
        self._do = do

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        number = 0
        while not self.stop.is_set():
            is_first = connection is None
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return
            number += 1
            connection = self._ask(connection, number, is_first=is_first)
        if connection is not None:
            connection.close()

    def _ask(
        self, connection: http.client.HTTPConnection, number: int, *, is_first: bool
    ) -> http.client.HTTPConnection | None:
        name, x = f"{self._label}-{number}", float(number)
        headers = {"X-Request-ID": name, "Content-Type": "application/json"}
        began = time.monotonic()
        try:
            connection.request("POST", "/predict", json.dumps(sample(self._do, x)), headers)
            answer = connection.getresponse()
            status, body = answer.status, json.loads(answer.read())
            is_last = answer.will_close
        except (OSError, http.client.HTTPException) as error:
            status, body, is_last = 0, repr(error), True
        ended = time.monotonic()
        self.answers.append(Answer(name, status, body, began, ended, is_first))
        if is_last:
            connection.close()
            return None
        return connection


@contextmanager
def load_on(port: int, callers: int, do: str = "nothing") -> Iterator[list[Caller]]:
    """Let callers ask while the body runs, once each has had an answer."""
    threads = [Caller(port, f"c{number}", do) for number in range(callers)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: all(thread.answers or not thread.is_alive() for thread in threads))
        yield threads
    finally:
        for thread in threads:
            thread.stop.set()
        for thread in threads:
            thread.join(PATIENCE)


def answers_of(callers: list[Caller]) -> list[Answer]:
    return [answer for caller in callers for answer in caller.answers]
