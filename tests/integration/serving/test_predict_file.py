"""Whole files in a process of its own: killed, and taken up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from tests.integration.serving.servers import PATIENCE, wait_for

from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend

COLUMNS = [f"x{number}" for number in range(8)]


def rows_of(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(count)
    return pd.DataFrame(rng.normal(size=(count, len(COLUMNS))), columns=COLUMNS)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    registry = ModelRegistry(LocalStorageBackend(tmp_path / "store"), durability="process")
    example = rows_of(50)
    model = LinearRegression().fit(example, example.sum(axis=1))
    registry.register_model(model=model, model_name="sum", input_example=example)
    registry.promote_model("sum", 1, "Production")
    return tmp_path / "store"


def command(store: Path, source: Path, output: Path, chunk: int) -> list[str]:
    arguments = ["predict", "sum", "--input", str(source), "--output", str(output)]
    arguments += ["--chunk-rows", str(chunk), "--store", str(store), "--json"]
    return [sys.executable, "-m", "tauro", *arguments]


def test_a_killed_run_is_taken_up_by_the_same_command(store: Path, tmp_path: Path) -> None:
    rows = rows_of(10_000)
    source, output = tmp_path / "rows.parquet", tmp_path / "out.parquet"
    rows.to_parquet(source)
    arguments = command(store, source, output, 50)
    parts = tmp_path / ".out.parquet.parts"
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: len(list(parts.glob("*.parquet"))) >= 3, process)
        process.kill()
    assert not output.exists()
    again = subprocess.run(arguments, capture_output=True, check=True, timeout=2 * PATIENCE)
    told: dict[str, Any] = json.loads(again.stdout)
    assert told["rows"] == 10_000
    assert 150 <= told["resumed"] < 10_000
    found = pd.read_parquet(output)
    assert np.allclose(found["prediction"], rows.sum(axis=1))
    assert found[COLUMNS].equals(rows)
    assert not parts.exists()
