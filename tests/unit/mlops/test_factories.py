"""Parts by settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tauro.errors import ConfigError
from tauro.mlops import (
    ExperimentTrackerFactory,
    LocalStorageBackend,
    ModelRegistryFactory,
    StorageBackendFactory,
)


def test_each_makes_its_part_of_the_same_store(tmp_path: Path) -> None:
    storage = StorageBackendFactory.create("local", storage_path=tmp_path)
    tracker = ExperimentTrackerFactory.create(storage_path=tmp_path)
    registry = ModelRegistryFactory.create(backend_type="local", storage_path=tmp_path)
    assert isinstance(storage, LocalStorageBackend)
    tracker.create_experiment("e")
    tracker.close()
    assert storage.list_paths("experiment_tracking/experiments")
    assert registry.list_models() == []


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="storage_paht"):
        StorageBackendFactory.create(storage_paht=tmp_path)
