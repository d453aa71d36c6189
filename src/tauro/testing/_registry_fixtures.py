"""The registries and files that every part of the registry's contract starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tauro.events import Observers
from tauro.registry import ModelRegistry, ModelVersion
from tauro.storage import StorageBackend


class RegistryFixtures:
    """An empty store, two registries on it, a file, and three versions of a model."""

    def make_storage(self, folder: Path) -> StorageBackend:
        """Return an empty store; called twice with one folder, both see the same place."""
        raise AssertionError(f"{type(self).__name__} gives no storage for {folder}")

    @pytest.fixture
    def storage(self, tmp_path: Path) -> StorageBackend:
        """An empty store."""
        return self.make_storage(tmp_path / "store")

    @pytest.fixture
    def registry(self, storage: StorageBackend) -> ModelRegistry:
        """A registry on the store."""
        return ModelRegistry(storage, observers=Observers())

    @pytest.fixture
    def other(self, storage: StorageBackend) -> ModelRegistry:
        """Another registry on the same store, as another process has it."""
        return ModelRegistry(storage, observers=Observers())

    @pytest.fixture
    def artifact(self, tmp_path: Path) -> Path:
        """A file that is no model at all: the registry must not care."""
        path = tmp_path / "model.bin"
        path.write_bytes(b"weights" * 100)
        return path

    @pytest.fixture
    def three(self, registry: ModelRegistry, artifact: Path) -> list[ModelVersion]:
        """Three versions of ``fraud``."""
        return [
            registry.register_model("fraud", artifact, "binary", "custom", metrics={"auc": n / 10})
            for n in (7, 8, 9)
        ]
