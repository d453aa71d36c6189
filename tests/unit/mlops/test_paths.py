"""Where things lie in the folder of a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tauro.errors import PathNotAllowedError
from tauro.mlops._paths import PathManager
from tauro.registry import ModelRegistry
from tauro.storage import open_storage
from tauro.tracking import ExperimentTracker


@pytest.mark.parametrize("tenant", [None, "acme"])
def test_the_paths_are_where_tracker_and_registry_put_things(
    tmp_path: Path, tenant: str | None
) -> None:
    backend = open_storage(tmp_path / "store", tenant_id=tenant)
    (tmp_path / "model.bin").write_bytes(b"weights")
    tracker, registry = ExperimentTracker(backend), ModelRegistry(backend)
    experiment = tracker.create_experiment("e")
    with tracker.start_run(experiment, name="r") as run:
        tracker.log_artifact(run.run_id, tmp_path / "model.bin")
    version = registry.register_model("m 50%", tmp_path / "model.bin", "custom", "none")
    tracker.close()
    paths = PathManager(tmp_path / "store", tenant_id=tenant)
    assert paths.experiment(experiment.experiment_id).is_file()
    assert paths.run(experiment.experiment_id, run.run_id).is_file()
    assert (paths.run_artifacts(run.run_id) / "model.bin").read_bytes() == b"weights"
    assert paths.model_metadata("m 50%", version.version).is_file()
    assert (paths.model_artifacts("m 50%", version.version) / "model.bin").is_file()


def test_nothing_is_made_and_nothing_outside_is_named(tmp_path: Path) -> None:
    paths = PathManager(tmp_path / "store")
    assert paths.resolve("a/b") == tmp_path / "store" / "a" / "b"
    assert not (tmp_path / "store").exists()
    for key in ("../x", "/x", ""):
        with pytest.raises(PathNotAllowedError):
            paths.resolve(key)
    with pytest.raises(PathNotAllowedError):
        paths.run_artifacts("../../x")
