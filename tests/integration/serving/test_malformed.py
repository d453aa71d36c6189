"""A server process and thousands of requests that are not what they should be."""

from __future__ import annotations

import random
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from hypothesis import HealthCheck, given, seed, settings
from tests.integration.serving.servers import PATIENCE, Running, running, wait_for
from tests.unit.serving.conftest import GOOD, NAME, register
from tests.unit.serving.test_faults import BODY, INFER, damaged

from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode, checks

GROWTH = 300 * 1024 * 1024
"""Bytes by which a server may be larger after all of it: allocators keep what they had."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    store = tmp_path_factory.mktemp("malformed") / "store"
    register(ModelRegistry(LocalStorageBackend(store), durability="process"))
    with running(Path(store), "--compile", "never", "--deadline", "10", name=NAME) as found:
        yield found


def still_well(server: Running, size_before: int) -> None:
    answer = httpx.post(f"{server.url}/predict", content=BODY, timeout=PATIENCE)
    assert answer.json()["predictions"] == [0, 0]
    assert httpx.get(f"{server.url}/health", timeout=PATIENCE).json()["status"] == "healthy"
    assert size_of(server) - size_before < GROWTH
    assert "Traceback" not in server.log.read_text()


def size_of(server: Running) -> int:
    return int(psutil.Process(server.process.pid).memory_info().rss)


LONG = [pytest.mark.torture, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("count", [40, pytest.param(5000, marks=LONG)])
def test_what_the_document_says_is_so(
    server: Running, torture_seed: int, mode: Any, count: int
) -> None:
    """Requests made from the OpenAPI document get the answers that it describes.

    A model may fail for numbers that its signature permits; that 500 says so itself.
    """
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    before = size_of(server)

    @seed(torture_seed)
    @settings(
        max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(case=schema.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        answer = case.call(timeout=PATIENCE)
        if answer.status_code == 500:
            assert answer.json()["message"].startswith("Version 1 of 'cover' failed: ")
            return
        told = [
            checks.not_a_server_error,
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_schema_conformance,
        ]
        case.validate_response(answer, checks=told)

    check()
    still_well(server, before)


def send(port: int, data: bytes, *, half: bool) -> bytes:
    """Send bytes over a connection of their own; return what comes back until it is closed."""
    found = []
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            connection.sendall(data)
            if half:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                found.append(part)
                if not half and b"\r\n\r\n" in part:
                    break
        except (ConnectionResetError, BrokenPipeError):
            pass
    return b"".join(found)


def request(body: bytes, path: str = "/predict", *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=LONG)])
def test_damaged_requests_are_answered_or_the_connection_is_closed(
    server: Running, torture_seed: int, count: int
) -> None:
    """Damage anywhere in the bytes of a request: its line, its headers, its body."""
    rng = random.Random(count + torture_seed)
    before = size_of(server)
    wholes = [request(BODY), request(INFER, f"/v2/models/{NAME}/infer"), request(BODY, "/reload")]
    statuses = set()
    for number in range(count):
        answer = send(server.port, damaged(rng, wholes[number % 3]), half=True)
        while answer:
            head, _, rest = answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 "), answer[:200]
            statuses.add(head[9:12].decode())
            assert head[9:10] in b"24", (head, rest[:500])
            _, _, answer = rest.partition(b"HTTP/1.1 ")
            answer = b"HTTP/1.1 " + answer if answer else b""
    assert {"200", "400", "422"} <= statuses
    still_well(server, before)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"POST /predict HTTP/1.1\r\n", b"x-%d: " + b"a" * 1000 + b"\r\n"),
        (b"POST /predict HTTP/1.1\r\nx: ", b"a" * 1000),
        (b"GET /", b"a" * 1000),
        (b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ", b"a" * 1000),
    ],
    ids=["headers", "a header", "a path", "a trailer"],
)
def test_a_head_that_does_not_end_ends_the_connection(
    server: Running, head: bytes, piece: bytes
) -> None:
    before, ended = size_of(server), False
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        try:
            connection.sendall(head)
            for _ in range(200_000):
                connection.sendall(piece)
        except (ConnectionResetError, BrokenPipeError):
            ended = True
    assert ended
    still_well(server, before)


def test_a_body_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    """It neither waits for ever nor keeps others from being answered."""
    register(ModelRegistry(LocalStorageBackend(tmp_path / "store"), durability="process"))
    with running(tmp_path / "store", "--compile", "never", "--deadline", "1", name=NAME) as server:
        slow = request(BODY)[:-10]
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(slow)

            def others_are_answered() -> bool:
                # On a busy machine one may take longer than its deadline as well.
                good = {"samples": [GOOD]}
                return httpx.post(f"{server.url}/predict", json=good, timeout=PATIENCE).is_success

            wait_for(others_are_answered, server.process, server.log)
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
