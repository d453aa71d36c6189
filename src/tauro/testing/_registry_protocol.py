"""What every model registry keeps to, whoever wrote it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tauro.errors import MLOpsError
from tauro.testing._threads import at_once

if TYPE_CHECKING:
    from tauro.mlops import ModelRegistryProtocol


class ModelRegistryProtocolSuite(ABC):
    """Subclass, define :meth:`make_registry`, and collect with pytest.

    The folder is the test's own: a second registry on the same folder sees what the first one kept.
    Stages are given and shown by their names. What does not exist is one of ``tauro.errors``.
    :class:`ModelRegistrySuite` asks more: it is for Tauro's own registry over a store of yours.
    """

    @abstractmethod
    def make_registry(self, folder: Path) -> ModelRegistryProtocol:
        """Return a new registry on a place in ``folder``; the same one for the same folder."""

    @pytest.fixture
    def registry(self, tmp_path: Path) -> ModelRegistryProtocol:
        """An empty registry."""
        return self.make_registry(tmp_path / "store")

    @pytest.fixture
    def artifact(self, tmp_path: Path) -> Path:
        """A file that is no model at all: a registry must not care."""
        path = tmp_path / "model.bin"
        path.write_bytes(bytes(range(256)) * 10)
        return path

    def test_versions_count_from_one_for_each_model(
        self, registry: ModelRegistryProtocol, artifact: Path
    ) -> None:
        numbers = [
            registry.register_model(name, artifact, "raw", "own").version
            for name in ("fraud", "churn", "fraud", "fraud")
        ]
        assert numbers == [1, 1, 2, 3]
        assert [row["version"] for row in registry.list_model_versions("fraud")] == [1, 2, 3]

    def test_a_version_is_read_back_as_it_was_registered(
        self, registry: ModelRegistryProtocol, artifact: Path, tmp_path: Path
    ) -> None:
        registry.register_model(
            name="fraud",
            artifact_path=artifact,
            artifact_type="raw",
            framework="own",
            description="the first",
            hyperparameters={"depth": 3},
            metrics={"auc": 0.5},
            tags={"team": "ds"},
        )
        for each in (registry, self.make_registry(tmp_path / "store")):
            found = each.get_model_version("fraud", 1)
            assert (found.name, found.version, found.framework) == ("fraud", 1, "own")
            assert found.metrics == {"auc": 0.5}
            assert str(found.stage) == "None"

    def test_without_a_number_it_is_the_latest(
        self, registry: ModelRegistryProtocol, artifact: Path
    ) -> None:
        for _ in range(2):
            registry.register_model("fraud", artifact, "raw", "own")
        assert registry.get_model_version("fraud").version == 2

    def test_what_is_not_there_is_an_error_of_ours(
        self, registry: ModelRegistryProtocol, artifact: Path, tmp_path: Path
    ) -> None:
        registry.register_model("fraud", artifact, "raw", "own")
        with pytest.raises(MLOpsError):
            registry.get_model_version("nonexistent")
        with pytest.raises(MLOpsError):
            registry.get_model_version("fraud", 2)
        with pytest.raises(MLOpsError):
            registry.promote_model("nonexistent", 1, "Production")
        with pytest.raises(MLOpsError):
            registry.download_artifact("fraud", 2, tmp_path / "out")

    def test_models_are_listed_with_their_latest_version(
        self, registry: ModelRegistryProtocol, artifact: Path
    ) -> None:
        assert list(registry.list_models()) == []
        for name in ("fraud", "churn", "fraud"):
            registry.register_model(name, artifact, "raw", "own")
        found = {row["name"]: row["version"] for row in registry.list_models()}
        assert found == {"fraud": 2, "churn": 1}

    def test_one_version_at_most_is_in_production(
        self, registry: ModelRegistryProtocol, artifact: Path, tmp_path: Path
    ) -> None:
        for _ in range(3):
            registry.register_model("fraud", artifact, "raw", "own")
        for version in (1, 3, 2):
            assert str(registry.promote_model("fraud", version, "Production").stage) == "Production"
        for each in (registry, self.make_registry(tmp_path / "store")):
            stages = [str(row["stage"]) for row in each.list_model_versions("fraud")]
            assert stages == ["Archived", "Production", "Archived"]

    def test_files_come_back_as_they_were_also_without_the_source(
        self, registry: ModelRegistryProtocol, artifact: Path, tmp_path: Path
    ) -> None:
        expected = artifact.read_bytes()
        registry.register_model("fraud", artifact, "raw", "own")
        artifact.write_bytes(b"the second")
        registry.register_model("fraud", artifact, "raw", "own")
        artifact.unlink()
        for version, content in ((1, expected), (2, b"the second"), (None, b"the second")):
            target = tmp_path / f"out-{version}"
            registry.download_artifact("fraud", version, target)
            files = [path for path in [target, *target.rglob("*")] if path.is_file()]
            assert [path.read_bytes() for path in files] == [content]

    def test_threads_get_numbers_without_gap_and_double(
        self, registry: ModelRegistryProtocol, artifact: Path
    ) -> None:
        numbers: list[Any] = []

        def register() -> None:
            numbers.extend(
                registry.register_model("fraud", artifact, "raw", "own").version for _ in range(5)
            )

        at_once([register] * 4)
        assert sorted(numbers) == list(range(1, 21))
