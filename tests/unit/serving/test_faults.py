"""What goes wrong around a server: damaged bodies, a store that vanishes, promotions under load."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.serving.conftest import GOOD, NAME, ask, register

from tauro.registry import ModelRegistry
from tauro.serving import ModelChoice, ModelHolder, create_app

BODY = json.dumps({"samples": [GOOD, GOOD]}).encode()
INFER = json.dumps(
    {
        "inputs": [
            {"name": "height", "shape": [1], "datatype": "FP64", "data": [0.5]},
            {"name": "soil", "shape": [1, 1], "datatype": "BYTES", "data": [["sand"]]},
            {"name": "n", "shape": [1], "datatype": "INT64", "data": [1]},
        ]
    }
).encode()
PIECES = [b"null", b"[]", b"{}", b"-1", b"1e999", b'"\xff"', b'"', b"\\u0000", b"NaN", b"9" * 40]
EXPLAINED = {200, 400, 413, 415, 422}


def holder_of(registry: ModelRegistry, **options: Any) -> ModelHolder:
    return ModelHolder(registry, ModelChoice(NAME), compiled="never", **options)


def damaged(rng: random.Random, body: bytes) -> bytes:
    """Return a body with a few bytes changed, cut, doubled, or replaced by something odd."""
    data = bytearray(body)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at : at + rng.randint(1, 8)]
        elif kind == 2:
            data[at:at] = data[at : at + 20]
        else:
            data[at : at + rng.randint(0, 6)] = rng.choice(PIECES)
        data = data or bytearray(b" ")
    return bytes(data)


@pytest.mark.parametrize(
    "count", [300, pytest.param(10_000, marks=[pytest.mark.torture, pytest.mark.timeout(1200)])]
)
def test_no_damaged_body_is_an_unexplained_error(registry: ModelRegistry, count: int) -> None:
    register(registry)
    rng = random.Random(count)
    kinds = ["application/json", "", "text/csv", "application/vnd.apache.parquet", "a/b"]

    async def session(client: httpx.AsyncClient) -> None:
        for number in range(count):
            body = damaged(rng, BODY if number % 2 else INFER)
            url = "/predict" if number % 2 else f"/v2/models/{NAME}/infer"
            kind = rng.choice(kinds) if number % 5 == 1 else kinds[0]
            answer = await client.post(url, content=body, headers={"content-type": kind})
            assert answer.status_code in EXPLAINED, (body, answer.text)
            assert answer.status_code == 200 or answer.json()["message"]
        good = await client.post("/predict", content=BODY)
        assert good.json()["predictions"] == [0, 0]

    ask(create_app(holder_of(registry), follow_seconds=1e9), session)


def test_predictions_go_on_while_the_store_is_away(registry: ModelRegistry, tmp_path: Path) -> None:
    register(registry)
    store, away = tmp_path / "store", tmp_path / "away"
    holder = holder_of(registry)

    async def session(client: httpx.AsyncClient) -> None:
        store.rename(away)
        try:
            assert (await client.post("/reload")).status_code == 503
            assert (await client.post("/predict", content=BODY)).json()["model_version"] == 1
            health = (await client.get("/health")).json()
            assert (health["status"], health["version"]) == ("degraded", 1)
            assert health["refused"]["reason"]
            assert (await client.get("/ready")).status_code == 200
        finally:
            # A reader may have made an empty folder in its place.
            if store.exists():
                store.rename(tmp_path / "emptied")
            away.rename(store)
        await asyncio.to_thread(register, registry, flip=True)
        assert await asyncio.to_thread(holder.refresh)
        assert (await client.get("/health")).json()["status"] == "healthy"
        assert (await client.post("/predict", content=BODY)).json()["model_version"] == 2

    ask(create_app(holder, follow_seconds=1e9), session)


@pytest.mark.parametrize(
    "promotions", [4, pytest.param(60, marks=[pytest.mark.torture, pytest.mark.timeout(1200)])]
)
def test_promotions_under_load_fail_no_request(registry: ModelRegistry, promotions: int) -> None:
    """Each answer is that of a version that was promoted, and the versions never go back."""
    register(registry)
    app = create_app(holder_of(registry), follow_seconds=0.01)
    answers: list[list[int]] = [[] for _ in range(4)]
    is_over = False

    async def load(client: httpx.AsyncClient, seen: list[int]) -> None:
        while not is_over:
            answer = await client.post("/predict", content=BODY)
            assert answer.status_code == 200, answer.text
            version = answer.json()["model_version"]
            assert answer.json()["predictions"] == ([1, 1] if version % 2 == 0 else [0, 0])
            seen.append(version)

    async def session(client: httpx.AsyncClient) -> None:
        nonlocal is_over
        tasks = [asyncio.create_task(load(client, seen)) for seen in answers]
        for number in range(1, promotions + 2):
            if number > 1:
                await asyncio.to_thread(register, registry, flip=number % 2 == 0)
            while not all(number in seen for seen in answers):
                await asyncio.sleep(0.001)
                assert not any(task.done() for task in tasks)
        is_over = True
        await asyncio.gather(*tasks)

    ask(app, session)
    for seen in answers:
        assert seen == sorted(seen)
        assert set(seen) == set(range(1, promotions + 2))
