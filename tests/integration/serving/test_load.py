"""Real processes under real load: told to stop, and promoted again and again."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from tests.integration.serving.servers import (
    NAME,
    answers_of,
    load_on,
    register_odd,
    running,
    wait_for,
)

from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend

OPTIONS = ("--allow-pickle", "--compile", "never", "--access-log")


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(LocalStorageBackend(tmp_path / "store"), durability="process")


@pytest.mark.parametrize("workers", [1, 2])
def test_no_accepted_request_is_lost_when_the_server_is_told_to_stop(
    registry: ModelRegistry, tmp_path: Path, workers: int
) -> None:
    """What the server began to answer, by its own log, is what the clients were answered.

    A request that failed must be one that the server never saw: the first on a connection that it
    had not accepted, or one that was sent when the connection was closed already.
    """
    registry.promote_model(NAME, register_odd(registry, 7), "Production")
    with running(tmp_path / "store", *OPTIONS, "--workers", str(workers)) as server:
        with load_on(server.port, 16, "slow") as callers:
            wait_for(lambda: min(len(caller.answers) for caller in callers) >= 3)
            told = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            # Callers go on until no connection is taken any more.
            wait_for(lambda: not any(caller.is_alive() for caller in callers))
        assert server.process.wait(240) == 0
        answers = answers_of(callers)
        answered = {answer.id for answer in answers if answer.status == 200}
        seen = {line["request_id"]: line["status"] for line in server.logged()}
        assert {answer.status for answer in answers} <= {0, 200}
        assert seen == dict.fromkeys(answered, 200)
        lost = [answer for answer in answers if not answer.status]
        assert not seen.keys() & {answer.id for answer in lost}
        assert len(lost) <= len(callers), "one at most where a caller's last connection ended"
        under_way = [a for a in answers if a.began < told < a.ended and a.status == 200]
        assert under_way, "requests were under way when the server was told to stop"
        for answer in answers:
            number = float(answer.id.rpartition("-")[2])
            assert not answer.status or answer.body["predictions"] == [1000 * number + 7]


@pytest.mark.parametrize(
    ("promotions", "seconds", "workers"),
    [
        (6, 0.2, 1),
        pytest.param(60, 1.0, 2, marks=[pytest.mark.torture, pytest.mark.timeout(1200)]),
    ],
)
def test_promotions_under_load_fail_no_request(
    registry: ModelRegistry, tmp_path: Path, promotions: int, seconds: float, workers: int
) -> None:
    """Every answer is that of a version that was promoted, and not before it was."""
    never = register_odd(registry, 1)
    versions = [register_odd(registry, number) for number in (2, 3, 4)]
    began = {version: float("inf") for version in [never, *versions]}
    registry.promote_model(NAME, versions[0], "Production")
    began[versions[0]] = 0.0
    with (
        running(tmp_path / "store", *OPTIONS, "--workers", str(workers)) as server,
        load_on(server.port, 4) as callers,
    ):
        last = versions[0]
        for turn in range(1, promotions + 1):
            at = time.monotonic()
            last = versions[turn % len(versions)]
            began[last] = min(began[last], at)
            registry.promote_model(NAME, last, "Production")
            # The pace of the promotions is what this test is about.
            time.sleep(max(0.0, at + seconds - time.monotonic()))
        wait_for(lambda: {c.answers[-1].body.get("model_version") for c in callers} == {last})
    answers = answers_of(callers)
    assert {answer.status for answer in answers} == {200}, [a for a in answers if a.status != 200]
    assert {answer.body["model_version"] for answer in answers} <= set(versions)
    for answer in answers:
        version = answer.body["model_version"]
        number = float(answer.id.rpartition("-")[2])
        assert answer.body["predictions"] == [1000 * number + version]
        assert answer.ended >= began[version]
