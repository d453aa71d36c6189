"""The contract of the model registry, over whatever store holds it.

Subclass :class:`ModelRegistryContract`, give ``make_storage``, and run it with pytest.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest

from tauro.errors import (
    ModelNotFoundError,
    ReadOnlyStoreError,
    StageConflictError,
    ValidationError,
)
from tauro.events import Observers
from tauro.registry import ModelRegistry, ModelStage, ModelVersion
from tauro.storage import ReadOnlyStorage, StorageBackend


class ModelRegistryContract:
    """What users may rely on, whichever backend or wrapper holds the registry."""

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

    # Versions

    def test_versions_count_from_one(self, three: list[ModelVersion]) -> None:
        assert [version.version for version in three] == [1, 2, 3]
        assert [version.name for version in three] == ["fraud"] * 3

    def test_another_registry_sees_every_version_at_once(
        self, registry: ModelRegistry, other: ModelRegistry, artifact: Path
    ) -> None:
        for number in (1, 2):
            registry.register_model("fraud", artifact)
            assert other.get_model_version("fraud").version == number
        assert other.register_model("fraud", artifact).version == 3
        assert registry.get_model_version("fraud").version == 3

    def test_what_was_given_comes_back(
        self, registry: ModelRegistry, other: ModelRegistry, artifact: Path
    ) -> None:
        registry.register_model(
            name="credit_risk_model",
            artifact_path=str(artifact),
            artifact_type="sklearn",
            framework="scikit-learn",
            description="first",
            hyperparameters={"n_estimators": 100, "nested": {"a": [1, None]}},
            metrics={"accuracy": 0.92, "lost": float("nan"), "best": float("inf")},
            tags={"team": "ds"},
            input_schema={"age": "integer"},
            output_schema=[{"name": "risk", "type": "float", "nullable": True}],
            dependencies=["scikit-learn==1.5"],
            experiment_run_id="run-1",
        )
        found = other.get_model_version("credit_risk_model", version=1)
        assert found.framework == "scikit-learn"
        assert found.artifact_type == "sklearn"
        assert found.description == "first"
        assert found.hyperparameters == {"n_estimators": 100, "nested": {"a": [1, None]}}
        assert found.metrics["accuracy"] == 0.92
        assert found.metrics["lost"] != found.metrics["lost"]
        assert found.metrics["best"] == float("inf")
        assert found.tags == {"team": "ds"}
        assert found.input_schema == {"age": "integer"}
        assert found.output_schema == [{"name": "risk", "type": "float", "nullable": True}]
        assert found.dependencies == ["scikit-learn==1.5"]
        assert found.experiment_run_id == found.run_id == "run-1"
        assert found.stage is ModelStage.NONE
        assert found.artifact_uri.endswith("model_registry/artifacts/credit_risk_model/v1")

    def test_unknown_models_and_versions_are_named(
        self, registry: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        with pytest.raises(ModelNotFoundError, match="Did you mean 'fraud'"):
            registry.get_model_version("fruad")
        with pytest.raises(ModelNotFoundError, match="no version 9; it has 1 to 3"):
            registry.get_model_version("fraud", 9)

    @pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", "..", "new\nline", "x" * 256])
    def test_bad_names_are_refused_and_leave_nothing(
        self, registry: ModelRegistry, artifact: Path, name: str
    ) -> None:
        with pytest.raises(ValidationError):
            registry.register_model(name, artifact)
        assert registry.list_models() == []

    @pytest.mark.parametrize(
        "name", ["Größe 1", "模型", ".hidden", "50%*?", "CON", "a.", "é" * 255, "..a", '"quoted"']
    )
    def test_names_that_need_encoding_work(
        self, registry: ModelRegistry, other: ModelRegistry, artifact: Path, name: str
    ) -> None:
        registry.register_model(name, artifact)
        registry.set_alias(name, "champion", 1)
        assert other.get_model_by_alias(name, "champion").name == name
        assert [model["name"] for model in other.list_models()] == [name]

    # Files

    def test_a_file_is_kept_byte_for_byte(
        self, registry: ModelRegistry, artifact: Path, tmp_path: Path
    ) -> None:
        version = registry.register_model("fraud", artifact)
        registry.download_artifact("fraud", None, tmp_path / "out")
        assert (tmp_path / "out" / "model.bin").read_bytes() == artifact.read_bytes()
        assert version.files[0].sha256 == hashlib.sha256(artifact.read_bytes()).hexdigest()

    def test_a_folder_is_kept_with_its_folders(
        self, registry: ModelRegistry, tmp_path: Path
    ) -> None:
        folder = tmp_path / "saved"
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "a.txt").write_text("a")
        (folder / "deep" / "er" / "b.txt").write_text("b")
        registry.register_model("fraud", folder)
        registry.download_artifact("fraud", 1, tmp_path / "out")
        found = {
            path.relative_to(tmp_path / "out").as_posix(): path.read_text()
            for path in (tmp_path / "out").rglob("*.txt")
        }
        assert found == {"a.txt": "a", "deep/er/b.txt": "b"}

    def test_later_changes_of_the_source_do_not_reach_the_version(
        self, registry: ModelRegistry, artifact: Path, tmp_path: Path
    ) -> None:
        registry.register_model("fraud", artifact)
        artifact.write_bytes(b"other")
        registry.download_artifact("fraud", 1, tmp_path / "out")
        assert (tmp_path / "out" / "model.bin").read_bytes() == b"weights" * 100

    def test_a_missing_source_leaves_nothing(
        self, registry: ModelRegistry, storage: StorageBackend, tmp_path: Path
    ) -> None:
        with pytest.raises(FileNotFoundError):
            registry.register_model("fraud", tmp_path / "absent")
        assert registry.list_models() == []
        assert [path for path in storage.list_paths() if "fraud" in path] == []

    # Stages

    def test_stages_are_taken_in_any_spelling(
        self, registry: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        assert registry.promote_model("fraud", 1, ModelStage.STAGING).stage is ModelStage.STAGING
        assert registry.promote_model("fraud", 1, "PRODUCTION").stage is ModelStage.PRODUCTION
        assert registry.get_model_by_stage("fraud", "production").version == 1
        with pytest.raises(ValidationError, match="Did you mean 'Production'"):
            registry.promote_model("fraud", 1, "Producton")

    def test_production_has_one_version(
        self, registry: ModelRegistry, other: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        registry.promote_model("fraud", 1, ModelStage.PRODUCTION)
        other.promote_model("fraud", 2, ModelStage.PRODUCTION)
        stages = {row["version"]: row["stage"] for row in registry.list_model_versions("fraud")}
        assert stages == {1: "Archived", 2: "Production", 3: "None"}

    def test_an_occupied_production_can_be_an_error(
        self, registry: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        registry.promote_model("fraud", 1, "Production")
        with pytest.raises(StageConflictError, match="v1 is in Production"):
            registry.promote_model("fraud", 2, "Production", archive_existing=False)
        assert registry.get_model_by_stage("fraud", "Production").version == 1

    def test_archived_goes_back_to_production(
        self, registry: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        for version in (1, 2, 1):
            registry.promote_model("fraud", version, "Production")
        assert registry.get_model_by_stage("fraud", "Production").version == 1
        assert registry.get_model_version("fraud", 2).stage is ModelStage.ARCHIVED

    def test_rolling_back_goes_further_each_time(
        self, registry: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        for version in (1, 2, 3):
            registry.promote_model("fraud", version, "Production")
        assert registry.rollback_model("fraud", reason="errors").version == 2
        assert registry.rollback_model("fraud").version == 1
        with pytest.raises(StageConflictError, match="no earlier Production"):
            registry.rollback_model("fraud")
        assert registry.get_model_by_stage("fraud", "Production").version == 1

    def test_an_empty_stage_is_an_error_that_says_so(
        self, registry: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        with pytest.raises(ModelNotFoundError, match="no version in Production"):
            registry.get_model_by_stage("fraud", ModelStage.PRODUCTION)

    # Aliases

    def test_an_alias_points_at_one_version_and_moves(
        self, registry: ModelRegistry, other: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        registry.set_alias("fraud", "champion", 1)
        other.set_alias("fraud", "champion", 2)
        assert registry.get_model_by_alias("fraud", "champion").version == 2
        assert registry.get_model_version("fraud", 1).aliases == ()
        registry.delete_alias("fraud", "champion")
        with pytest.raises(ModelNotFoundError, match="no alias 'champion'"):
            other.get_model_by_alias("fraud", "champion")

    @pytest.mark.parametrize("alias", ["3", "v3", "latest", "a b", "", "a/b"])
    def test_aliases_that_read_as_something_else_are_refused(
        self, registry: ModelRegistry, three: list[ModelVersion], alias: str
    ) -> None:
        with pytest.raises(ValidationError):
            registry.set_alias("fraud", alias, 1)

    # Words

    def test_tags_descriptions_and_remarks_change_and_are_kept(
        self, registry: ModelRegistry, other: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        registry.set_tags("fraud", {"team": "ds", "cost": 3}, 1)
        registry.delete_tags("fraud", ["cost"], 1)
        registry.update_description("fraud", "better", 1)
        registry.annotate("fraud", 1, "checked by legal")
        found = other.get_model_version("fraud", 1)
        assert found.tags == {"team": "ds"}
        assert found.description == "better"
        assert [remark.text for remark in found.annotations] == ["checked by legal"]
        registry.set_tags("fraud", {"owner": "risk"})
        assert other.list_models()[0]["model_tags"] == {"owner": "risk"}
        with pytest.raises(ModelNotFoundError, match="no tag 'cost'"):
            other.delete_tags("fraud", ["cost"], 1)

    # Listing and history

    def test_models_are_listed_with_their_latest_version(
        self, registry: ModelRegistry, three: list[ModelVersion], artifact: Path
    ) -> None:
        registry.register_model("churn", artifact)
        rows = registry.list_models()
        assert [(row["name"], row["version"]) for row in rows] == [("churn", 1), ("fraud", 3)]
        assert {"stage", "framework", "metrics", "tags", "created_at"} <= set(rows[0])

    def test_the_history_tells_who_did_what_from_where_to_where_and_why(
        self, registry: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        registry.promote_model("fraud", 1, "Production", reason="first")
        registry.promote_model("fraud", 2, "Production", reason="better")
        entries = registry.history("fraud")
        assert [entry["action"] for entry in entries] == ["register"] * 3 + ["stage"] * 2
        last = entries[-1]
        assert (last["version"], last["from"], last["to"]) == (2, "None", "Production")
        assert (last["archived"], last["why"]) == (1, "better")
        assert all(entry["by"] and entry["at"].tzinfo for entry in entries)
        assert [entry["action"] for entry in registry.history("fraud", 1)] == [
            "register",
            "stage",
            "stage",
        ]

    def test_the_same_change_again_is_not_history(
        self, registry: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        for _ in range(2):
            registry.promote_model("fraud", 1, "Production")
            registry.set_alias("fraud", "champion", 1)
            registry.set_tags("fraud", {"a": "b"}, 1)
        actions = [entry["action"] for entry in registry.history("fraud")]
        assert actions == ["register"] * 3 + ["stage", "set_alias", "set_tags"]

    # At the same time

    def test_threads_of_two_registries_leave_no_gap_and_no_double(
        self, registry: ModelRegistry, other: ModelRegistry, artifact: Path
    ) -> None:
        numbers: list[int] = []

        def work(owner: ModelRegistry) -> None:
            numbers.extend(owner.register_model("fraud", artifact).version for _ in range(5))

        _in_threads([lambda owner=owner: work(owner) for owner in (registry, other) * 2])
        assert sorted(numbers) == list(range(1, 21))

    def test_racing_promotions_leave_one_production(
        self, registry: ModelRegistry, other: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        def work(owner: ModelRegistry, version: int) -> None:
            for _ in range(4):
                owner.promote_model("fraud", version, "Production")

        _in_threads(
            [
                lambda owner=owner, version=version: work(owner, version)
                for owner in (registry, other)
                for version in (1, 2, 3)
            ]
        )
        stages = [row["stage"] for row in registry.list_model_versions("fraud")]
        assert stages.count("Production") == 1
        assert stages == [row["stage"] for row in other.list_model_versions("fraud")]

    # Reading only

    def test_a_read_only_store_is_read_and_never_written(
        self, storage: StorageBackend, three: list[ModelVersion], artifact: Path, tmp_path: Path
    ) -> None:
        reader = ModelRegistry(ReadOnlyStorage(storage), observers=Observers())
        assert reader.get_model_version("fraud").version == 3
        reader.download_artifact("fraud", 1, tmp_path / "out")
        assert (tmp_path / "out" / "model.bin").exists()
        with pytest.raises(ReadOnlyStoreError):
            reader.register_model("fraud", artifact)
        with pytest.raises(ReadOnlyStoreError):
            reader.promote_model("fraud", 1, "Production")


def _in_threads(jobs: list[Any]) -> None:
    """Run jobs at the same time; raise what one of them raised."""
    errors: list[BaseException] = []

    def guarded(job: Any) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
