"""Stores that older versions of Tauro wrote stay readable: one is kept for each format."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from tauro.mlops import MLOpsContext, verify_store
from tauro.mlops._export import export_store
from tauro.mlops._import import import_store
from tauro.registry import ModelRegistry
from tauro.storage import open_storage
from tauro.tracking import ExperimentTracker

STORES = Path(__file__).parents[2] / "data" / "stores"
V1 = STORES / "v1"


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_store_of_format_1_is_read(tmp_path: Path) -> None:
    """Open for reading only: runs, points, artifacts, versions; nothing is made or changed."""
    before = files_of(V1)
    storage = open_storage(V1, read_only=True)
    tracker = ExperimentTracker(storage)
    experiment = tracker.find_experiment("demo")
    assert experiment is not None
    assert (experiment.description, experiment.tags) == ("An experiment.", {"team": "a"})
    listed = tracker.list_runs(experiment)
    assert [run["name"] for run in listed] == ["r2", "r1", "r0"]
    assert tracker.search_runs(experiment, filter="metrics.loss < 0.1 AND params.kind = 'x'") == [
        run["run_id"] for run in listed if run["parameters"]["n"] > 0
    ]
    for each in listed:
        run = tracker.get_run(each["run_id"])
        number = run.parameters["n"]
        history = run.history("loss")
        assert history["value"].tolist() == [1.0 / (1 + step + number) for step in range(10)]
        assert history["step"].tolist() == list(range(10))
        assert math.isnan(run.metrics["odd"])
        assert (run.status, run.tags) == ("COMPLETED", {"color": "blue"})
        assert sorted(run.artifacts) == ["folder", "notes/a.txt"]
        key = f"experiment_tracking/artifacts/{run.run_id}/folder/inner.txt"
        assert storage.read_bytes(key) == b"inner"
    registry = ModelRegistry(storage)
    versions = registry.list_model_versions("fraud")
    assert {version["version"]: version["stage"] for version in versions} == {
        1: "Archived",
        2: "Production",
    }
    assert registry.get_model_version("fraud", 2).aliases == ("champion",)
    assert not list(tracker.verify())
    assert not registry.verify()
    tracker.close()
    assert files_of(V1) == before


def test_a_store_of_format_1_is_read_by_others() -> None:
    """Pandas reads every table and document of it."""
    (runs,) = (V1 / "experiment_tracking" / "runs").glob("*/index.parquet")
    table = pd.read_parquet(runs).sort_values("name")
    assert table["name"].tolist() == ["r0", "r1", "r2"]
    assert table["metrics.loss"].tolist() == [1 / 10, 1 / 11, 1 / 12]
    (part,) = (V1 / "experiment_tracking" / "metrics").glob("*/part-*.parquet")
    points = pd.read_parquet(part)
    assert len(points[points["key"] == "loss"]) % 10 == 0
    models = pd.read_parquet(V1 / "model_registry" / "models" / "index.parquet")
    assert models["stage"].tolist() == ["Archived", "Production"]
    (document,) = (V1 / "experiment_tracking" / "experiments").glob("*.json")
    assert pd.read_json(document, typ="series")["name"] == "demo"


@pytest.mark.parametrize("folder", sorted(STORES.iterdir()), ids=lambda path: path.name)
def test_an_old_store_can_be_imported_and_goes_on(tmp_path: Path, folder: Path) -> None:
    """Copied, imported, written to and compacted by this version, all of it is there."""
    with MLOpsContext(storage_path=str(tmp_path / "new")) as context:
        taken = import_store(context, folder)
        assert taken["runs"] >= 3
        context.experiment_tracker.start_run(name="later", experiment_name="demo").end()
        context.experiment_tracker.compact()
        assert context.experiment_tracker.count_runs() == taken["runs"] + 1
        assert list(verify_store(context)) == []
        export_store(context.storage, tmp_path / "copy.tar")
