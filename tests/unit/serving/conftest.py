"""A real registry with a real model, and its server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from fastapi import FastAPI
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend

NAME = "cover"
ROWS = pd.DataFrame(
    {"height": [0.1, 0.2, 0.9, 1.1], "soil": ["sand", "clay", "sand", "clay"], "n": [1, 2, 3, 4]}
)
GOOD = {"height": 0.1, "soil": "sand", "n": 1}

Session = Callable[[httpx.AsyncClient], Any]


def make_model(rows: pd.DataFrame = ROWS, target: Sequence[int] = (0, 0, 1, 1)) -> Any:
    numbers = ("numbers", StandardScaler(), ["height", "n"])
    encode = ColumnTransformer([numbers, ("soil", OneHotEncoder(), ["soil"])])
    return make_pipeline(encode, LogisticRegression()).fit(rows, target)


def register(registry: ModelRegistry, name: str = NAME, *, flip: bool = False) -> int:
    """Register a version and promote it."""
    model = make_model(target=(1, 1, 0, 0) if flip else (0, 0, 1, 1))
    version = registry.register_model(model=model, model_name=name, input_example=ROWS).version
    registry.promote_model(name, version, "Production")
    return version


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(LocalStorageBackend(tmp_path / "store"), durability="process")


def ask(app: FastAPI, session: Session, base: str = "http://127.0.0.1") -> Any:
    """Run a session of requests against an application that has started."""

    async def run() -> Any:
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=base) as client,
        ):
            return await session(client)

    return asyncio.run(run())
