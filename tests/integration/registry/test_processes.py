"""Many processes on one registry: no gap, no double, one Production."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.registry._worker import open_registry, race, register, register_own, run_all

from tauro.registry import ModelStage


def register_at_once(tmp_path: Path, processes: int, each: int) -> None:
    store = tmp_path / "store"
    run_all(register, [(store, tmp_path, str(who), each) for who in range(processes)])
    lines = [line for file in tmp_path.glob("made-*.txt") for line in file.read_text().split("\n")]
    made = dict(line.split() for line in lines)
    total = processes * each
    assert sorted(map(int, made)) == list(range(1, total + 1))
    registry = open_registry(store)
    assert registry.verify() == []
    for number, content in made.items():
        version = registry.get_model_version("fraud", int(number))
        folder = store / "model_registry/artifacts/fraud" / f"v{number}"
        files = list(folder.iterdir())
        assert [file.read_text() for file in files] == [content]
        assert version.tags == {"made": content}
    assert [row["version"] for row in registry.list_model_versions("fraud")] == sorted(
        map(int, made)
    )
    assert not list((store / "model_registry/staging").iterdir())


def test_processes_count_together(tmp_path: Path, torture_report: Callable[..., None]) -> None:
    register_at_once(tmp_path, processes=3, each=12)
    torture_report(races=1)


@pytest.mark.torture
def test_sixteen_processes_count_together(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    register_at_once(tmp_path, processes=16, each=50)
    torture_report(races=1)


def test_processes_publish_one_index_together(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    store = tmp_path / "store"
    run_all(register_own, [(store, tmp_path / "model.bin", str(who), 5) for who in range(3)])
    registry = open_registry(store)
    frame = registry.storage.read_dataframe("model_registry/models/index.parquet")
    assert list(zip(frame["name"], frame["version"], strict=True)) == [
        (f"model-{who}", version) for who in range(3) for version in range(1, 6)
    ]
    assert frame["metrics.m1"].notna().sum() == 5


def race_at_once(tmp_path: Path, processes: int, each: int) -> None:
    store = tmp_path / "store"
    (tmp_path / "model.bin").write_bytes(b"x")
    registry = open_registry(store)
    for _ in range(4):
        registry.register_model("fraud", tmp_path / "model.bin")
    run_all(race, [(store, str(who), each) for who in range(processes)])
    # Every moment of the history, not only its end: at most one Production.
    stages: dict[int, str] = {}
    for entry in registry.history("fraud"):
        if entry["action"] in ("stage", "rollback"):
            if entry["archived"] is not None:
                assert stages.get(entry["archived"]) == "Production"
                stages[entry["archived"]] = "Archived"
            assert stages.get(entry["version"], "None") == entry["from"]
            stages[entry["version"]] = entry["to"]
        assert list(stages.values()).count("Production") <= 1
    rows = registry.list_model_versions("fraud", include_deleted=True)
    assert {row["version"]: row["stage"] for row in rows} == {
        number: stages.get(number, "None") for number in range(1, 5)
    }
    in_use = (ModelStage.PRODUCTION, ModelStage.STAGING)
    assert not [
        row for row in rows if row["deleted"] and (row["stage"] in in_use or row["aliases"])
    ]
    fresh = open_registry(store)
    assert fresh.list_model_versions("fraud", include_deleted=True) == rows
    assert fresh.verify() == []


def test_racing_processes_leave_one_production_and_nothing_used_deleted(
    tmp_path: Path, torture_report: Callable[..., None]
) -> None:
    race_at_once(tmp_path, processes=3, each=40)
    torture_report(races=1)


@pytest.mark.torture
def test_a_long_race(tmp_path: Path, torture_report: Callable[..., None]) -> None:
    race_at_once(tmp_path, processes=8, each=300)
    torture_report(races=1)
