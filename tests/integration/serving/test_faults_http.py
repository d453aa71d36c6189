"""Models that misbehave and stores that vanish, with a server process and real HTTP load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.integration.serving.servers import (
    NAME,
    PATIENCE,
    Running,
    answers_of,
    load_on,
    register_odd,
    running,
    sample,
    wait_for,
)

from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend

OPTIONS = ("--allow-pickle", "--compile", "never")


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(LocalStorageBackend(tmp_path / "store"), durability="process")


def promote(registry: ModelRegistry, number: int) -> int:
    version = register_odd(registry, number)
    registry.promote_model(NAME, version, "Production")
    return version


def ask(server: Running, do: str = "nothing", path: str = "/predict") -> httpx.Response:
    return httpx.post(f"{server.url}{path}", json=sample(do), timeout=PATIENCE)


def health(server: Running) -> Any:
    return httpx.get(f"{server.url}/health", timeout=PATIENCE).json()


def test_a_model_that_raises_or_exits_fails_its_own_requests_only(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    promote(registry, 1)
    with running(tmp_path / "store", *OPTIONS) as server:
        with load_on(server.port, 4) as callers:
            for do, error in (("raise", "ZeroDivisionError: on request"), ("exit", "SystemExit")):
                for _ in range(10):
                    failed = ask(server, do)
                    assert failed.status_code == 500
                    assert error in failed.json()["message"]
                    assert failed.json()["model_version"] == 1
        assert {answer.status for answer in answers_of(callers)} == {200}
        assert health(server)["status"] == "healthy"


def test_a_model_that_hangs_is_given_up_and_the_others_go_on(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    """Each hanging call costs a thread; when too many hang no more is asked of the model."""
    promote(registry, 1)
    with running(tmp_path / "store", *OPTIONS, "--deadline", "3") as server:
        hanging = ask(server, "hang")
        assert hanging.status_code == 504
        # On a busy machine one of the others may be late too.
        wait_for(lambda: ask(server).status_code == 200, server.process, server.log)
        assert (health(server)["status"], health(server)["hanging"]) == ("healthy", 1)
        while ask(server, "hang").status_code == 504:
            pass
        refused = ask(server)
        assert refused.status_code == 503
        assert "hangs" in refused.json()["message"]
        assert health(server)["status"] == "unhealthy"
        assert httpx.get(f"{server.url}/ready", timeout=PATIENCE).status_code == 503
        ready = httpx.get(f"{server.url}/v2/models/{NAME}/ready", timeout=PATIENCE)
        assert ready.status_code == 503
        promote(registry, 2)
        wait_for(lambda: health(server)["version"] == 2, server.process, server.log)
        assert ask(server).json()["predictions"] == [1002]


def test_a_model_that_grows_is_replaced_without_a_failed_request(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    promote(registry, 1)
    with running(tmp_path / "store", *OPTIONS) as server:
        size = psutil.Process(server.process.pid).memory_info().rss // (1024 * 1024)
    most = ("--max-memory", str(size + 200))
    with running(tmp_path / "store", *OPTIONS, *most) as server:
        supervisor = psutil.Process(server.process.pid)

        def workers() -> set[int]:
            return {child.pid for child in supervisor.children()}

        assert ask(server).status_code == 200
        first = workers()
        assert len(first) == 1
        with load_on(server.port, 2) as callers:
            while first <= workers():
                assert ask(server, "grow").status_code == 200
            replaced = len(answers_of(callers))
            wait_for(lambda: len(answers_of(callers)) > replaced + 10)
        assert {answer.status for answer in answers_of(callers)} == {200}
        assert workers().isdisjoint(first)


def test_workers_end_when_their_supervisor_is_killed(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    promote(registry, 1)
    workers_two = ("--workers", "2")
    with running(tmp_path / "store", *OPTIONS, *workers_two, is_killed=True) as server:
        assert ask(server).status_code == 200
        workers = psutil.Process(server.process.pid).children()
        assert len(workers) == 2
        server.process.kill()
        wait_for(lambda: not any(map(works, workers)))


def works(process: psutil.Process) -> bool:
    """Tell whether a process has not ended; in a container nobody may ask how it did."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_workers_count_together(registry: ModelRegistry, tmp_path: Path) -> None:
    promote(registry, 1)
    with running(tmp_path / "store", *OPTIONS, "--workers", "2") as server:
        for _ in range(20):
            assert ask(server).status_code == 200
        text = httpx.get(f"{server.url}/metrics", timeout=PATIENCE).text
        assert f'tauro_requests_total{{model="{NAME}",status="200",version="1"}} 20.0' in text
        assert f'tauro_served_version{{model="{NAME}"}} 1.0' in text


def test_the_store_vanishes_and_comes_back(registry: ModelRegistry, tmp_path: Path) -> None:
    """While it is away the version that serves goes on; then promotions are followed again."""
    promote(registry, 1)
    store, away = tmp_path / "store", tmp_path / "away"
    with running(store, *OPTIONS) as server, load_on(server.port, 2) as callers:
        os.rename(store, away)
        reloaded = httpx.post(f"{server.url}/reload", timeout=PATIENCE)
        assert reloaded.status_code == 503
        assert reloaded.json()["version"] == 1
        assert reloaded.json()["reason"]
        assert ask(server).json()["model_version"] == 1
        assert not store.exists(), "a reader makes no store"
        os.rename(away, store)
        promote(registry, 2)
        wait_for(lambda: health(server)["version"] == 2, server.process, server.log)
        assert health(server)["status"] == "healthy"
        wait_for(lambda: {c.answers[-1].body["model_version"] for c in callers} == {2})
    assert {answer.status for answer in answers_of(callers)} == {200}
    assert {answer.body["model_version"] for answer in answers_of(callers)} >= {1}


def test_a_damaged_version_is_refused_under_load(registry: ModelRegistry, tmp_path: Path) -> None:
    promote(registry, 1)
    with running(tmp_path / "store", *OPTIONS) as server, load_on(server.port, 2) as callers:
        second = register_odd(registry, 2)
        folder = tmp_path / "store" / "model_registry" / "artifacts" / NAME / f"v{second}"
        damaged = next(folder.rglob("*.pkl"))
        data = bytearray(damaged.read_bytes())
        data[len(data) // 2] ^= 1
        damaged.write_bytes(bytes(data))
        registry.promote_model(NAME, second, "Production")
        wait_for(lambda: health(server)["refused"] is not None, server.process, server.log)
        refused = health(server)["refused"]
        assert refused["version"] == second
        assert "was changed after it was saved" in refused["reason"]
    answers = answers_of(callers)
    assert {answer.status for answer in answers} == {200}
    assert {answer.body["model_version"] for answer in answers} == {1}
