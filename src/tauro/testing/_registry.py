"""The contract of the model registry, over whatever store holds it.

Subclass :class:`ModelRegistrySuite`, give ``make_storage``, and run it with pytest.
"""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tauro._internal._ids import new_id
from tauro.errors import (
    CorruptDataError,
    ModelExistsError,
    ModelNotFoundError,
    ModelVersionConflictError,
    ReadOnlyStoreError,
    SignatureMismatchError,
    StageConflictError,
    ValidationError,
)
from tauro.events import Observers
from tauro.registry import ModelRegistry, ModelStage, ModelVersion
from tauro.storage import ReadOnlyStorage, StorageBackend


class ModelRegistrySuite:
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

    # Searching

    def test_versions_are_searched_by_name_number_stage_and_tags(
        self, registry: ModelRegistry, three: list[ModelVersion], artifact: Path
    ) -> None:
        registry.register_model("fraud-eu", artifact, tags={"team": "risk-eu"})
        registry.promote_model("fraud", 2, "Production")
        registry.set_tags("fraud", {"team": "risk-us"}, 3)

        def found(**given: Any) -> list[tuple[str, int]]:
            return [(v.name, v.version) for v in registry.search_models(**given)]

        assert found(name="fraud*", version=1) == [("fraud", 1), ("fraud-eu", 1)]
        assert found(stage="production") == [("fraud", 2)]
        assert found(tags={"team": "risk-*"}) == [("fraud", 3), ("fraud-eu", 1)]
        assert found(name="fraud", tags={"team": "risk-us"}) == [("fraud", 3)]
        assert found(framework="custom", version=3) == [("fraud", 3)]
        assert found(name="nothing*") == []
        assert len(found()) == 4

    # Schemas

    def test_data_is_checked_against_the_schema_without_loading(
        self, registry: ModelRegistry, artifact: Path
    ) -> None:
        version = registry.register_model(
            "fraud", artifact, input_schema={"age": "integer", "city": "string"}
        )
        registry.validate(version, {"age": 3, "city": "Rome"})
        with pytest.raises(SignatureMismatchError, match=r"inputs\.age\[0\]: expected integer"):
            registry.validate("fraud", [{"age": "x", "city": "Rome"}], stage="None")
        registry.register_model("fraud", artifact)
        with pytest.raises(ValidationError, match="v2 has no input schema"):
            registry.validate("fraud", {"age": 3})

    # The same again

    def test_the_same_content_can_be_the_same_version(
        self, registry: ModelRegistry, other: ModelRegistry, artifact: Path
    ) -> None:
        first = registry.register_model("fraud", artifact, idempotent=True)
        assert other.register_model("fraud", artifact, idempotent=True) == first
        assert other.register_model("fraud", artifact).version == 2
        artifact.write_bytes(b"other")
        assert other.register_model("fraud", artifact, idempotent=True).version == 3
        assert len(registry.history("fraud")) == 3

    def test_a_label_is_unique_within_its_model(
        self, registry: ModelRegistry, other: ModelRegistry, artifact: Path
    ) -> None:
        first = registry.register_model("fraud", artifact, label="1.0.0")
        assert other.register_model("fraud", artifact, label="1.0.0").version == first.version
        assert other.register_model("fraud", artifact, label="1.0.1").version == 2
        artifact.write_bytes(b"other")
        with pytest.raises(ModelVersionConflictError, match=r"'1\.0\.0' already \(v1\)"):
            other.register_model("fraud", artifact, label="1.0.0")
        assert other.register_model("churn", artifact, label="1.0.0").version == 1

    # Deleting and restoring

    def test_a_deleted_version_is_gone_until_it_is_restored(
        self, registry: ModelRegistry, other: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        registry.delete_model_version("fraud", 3, reason="bad data")
        with pytest.raises(ModelNotFoundError, match=r"v3 was deleted .*: bad data"):
            other.get_model_version("fraud", 3)
        assert other.get_model_version("fraud").version == 2
        assert [row["version"] for row in other.list_model_versions("fraud")] == [1, 2]
        rows = other.list_model_versions("fraud", include_deleted=True)
        assert [row["deleted"] for row in rows] == [False, False, True]
        other.restore_model_version("fraud", 3)
        assert registry.get_model_version("fraud").version == 3

    def test_numbers_of_deleted_versions_do_not_come_back(
        self, registry: ModelRegistry, three: list[ModelVersion], artifact: Path
    ) -> None:
        for version in (1, 2, 3):
            registry.delete_model_version("fraud", version)
        with pytest.raises(ModelNotFoundError, match="All versions of 'fraud' are deleted"):
            registry.get_model_version("fraud")
        assert registry.register_model("fraud", artifact).version == 4

    @pytest.mark.parametrize("use", ["Production", "Staging", "alias"])
    def test_what_is_in_use_cannot_be_deleted(
        self, registry: ModelRegistry, three: list[ModelVersion], use: str
    ) -> None:
        if use == "alias":
            registry.set_alias("fraud", "champion", 1)
        else:
            registry.promote_model("fraud", 1, use)
        with pytest.raises(StageConflictError, match="in use"):
            registry.delete_model_version("fraud", 1)
        with pytest.raises(StageConflictError, match="in use"):
            registry.delete_model("fraud")
        assert registry.get_model_version("fraud", 1).version == 1

    def test_a_deleted_model_is_gone_until_it_is_restored(
        self,
        registry: ModelRegistry,
        other: ModelRegistry,
        three: list[ModelVersion],
        artifact: Path,
    ) -> None:
        registry.promote_model("fraud", 1, "Production")
        registry.delete_model("fraud", reason="retired", force=True)
        assert other.list_models() == []
        assert other.search_models() == []
        with pytest.raises(ModelNotFoundError, match=r"was deleted .*: retired"):
            other.get_model_version("fraud")
        with pytest.raises(ModelExistsError, match="exists and is deleted"):
            other.register_model("fraud", artifact)
        other.restore_model("fraud")
        assert registry.get_model_by_stage("fraud", "Production").version == 1

    # Renaming

    def test_everything_goes_with_a_new_name(
        self,
        registry: ModelRegistry,
        other: ModelRegistry,
        three: list[ModelVersion],
        artifact: Path,
        tmp_path: Path,
    ) -> None:
        registry.promote_model("fraud", 2, "Production")
        registry.set_alias("fraud", "champion", 3)
        other.get_model_version("fraud")
        registry.rename_model("fraud", "risk")
        found = other.get_model_by_stage("risk", "Production")
        assert (found.name, found.version) == ("risk", 2)
        assert found.artifact_uri.endswith("/artifacts/risk/v2")
        assert other.get_model_by_alias("risk", "champion").version == 3
        assert other.history("risk")[-1]["action"] == "renamed"
        other.download_artifact("risk", 1, tmp_path / "out")
        assert (tmp_path / "out" / "model.bin").read_bytes() == artifact.read_bytes()
        assert other.register_model("risk", artifact).version == 4
        assert [row["name"] for row in registry.list_models()] == ["risk"]

    def test_an_old_name_says_where_its_model_went(
        self,
        registry: ModelRegistry,
        other: ModelRegistry,
        three: list[ModelVersion],
        artifact: Path,
    ) -> None:
        registry.rename_model("fraud", "risk")
        with pytest.raises(ModelNotFoundError, match="renamed to 'risk'"):
            other.get_model_version("fraud")
        with pytest.raises(ModelExistsError, match="stays reserved"):
            other.register_model("fraud", artifact)
        with pytest.raises(ModelExistsError, match="stays reserved"):
            other.rename_model("risk", "fraud")

    def test_a_taken_name_is_refused_and_nothing_changes(
        self, registry: ModelRegistry, three: list[ModelVersion], artifact: Path
    ) -> None:
        registry.register_model("risk", artifact)
        with pytest.raises(ModelExistsError, match="'risk' exists"):
            registry.rename_model("fraud", "risk")
        assert registry.register_model("fraud", artifact).version == 4
        assert registry.get_model_version("risk").version == 1

    # Retention and upkeep

    def test_retention_keeps_what_is_in_use_and_the_latest(
        self, storage: StorageBackend, artifact: Path
    ) -> None:
        registry = ModelRegistry(storage, observers=Observers(), max_versions_per_model=2)
        registry.register_model("fraud", artifact)
        registry.promote_model("fraud", 1, "Production")
        registry.register_model("fraud", artifact)
        registry.set_alias("fraud", "champion", 2)
        for _ in range(4):
            registry.register_model("fraud", artifact)
        assert [row["version"] for row in registry.list_model_versions("fraud")] == [1, 2, 5, 6]
        assert registry.history("fraud", 3)[-1]["why"] == "retention: more than 2 versions"

    def test_old_versions_go_after_their_days(
        self, storage: StorageBackend, artifact: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry = ModelRegistry(storage, observers=Observers(), model_retention_days=90)
        day = 86_400 * 10**9
        monkeypatch.setattr("tauro._internal._clock._source", lambda: 1_700_000_000 * 10**9)
        for _ in range(3):
            registry.register_model("fraud", artifact)
        registry.promote_model("fraud", 1, "Staging")
        monkeypatch.setattr(
            "tauro._internal._clock._source", lambda: 1_700_000_000 * 10**9 + 91 * day
        )
        assert registry.apply_retention() == [("fraud", 2)]
        registry.register_model("fraud", artifact)
        assert [row["version"] for row in registry.list_model_versions("fraud")] == [1, 4]

    def test_gc_removes_for_good_what_was_deleted(
        self, registry: ModelRegistry, storage: StorageBackend, three: list[ModelVersion]
    ) -> None:
        registry.delete_model_version("fraud", 1)
        assert registry.gc()["versions"] == []
        assert registry.gc(deleted_for=timedelta(0))["versions"] == [
            {"name": "fraud", "version": 1}
        ]
        assert storage.list_paths("model_registry/artifacts/fraud/v1") == []
        with pytest.raises(ModelNotFoundError, match="removed for good"):
            registry.restore_model_version("fraud", 1)
        assert registry.verify() == []

    def test_gc_removes_registrations_that_never_came_to_be(
        self, registry: ModelRegistry, storage: StorageBackend, three: list[ModelVersion]
    ) -> None:
        storage.write_bytes(f"model_registry/staging/{new_id()}/model.bin", b"left")
        assert registry.gc()["staging"] == 0
        assert registry.gc(staged_for=timedelta(0))["staging"] == 1
        assert storage.list_paths("model_registry/staging") == []
        assert registry.verify() == []

    def test_verify_finds_changed_and_missing_files(
        self, registry: ModelRegistry, storage: StorageBackend, three: list[ModelVersion]
    ) -> None:
        assert registry.verify() == []
        storage.write_bytes("model_registry/artifacts/fraud/v1/model.bin", b"changed")
        storage.delete("model_registry/artifacts/fraud/v2")
        storage.write_bytes("model_registry/metadata/fraud/v3.json", b"{}")
        found = {problem.path: problem.problem for problem in registry.verify()}
        assert "was changed" in found["model_registry/artifacts/fraud/v1/model.bin"]
        assert "gone" in found["model_registry/artifacts/fraud/v2"]
        assert "not a document" in found["model_registry/metadata/fraud/v3.json"]

    @pytest.mark.parametrize("damaged", [1, 3])
    def test_a_damaged_document_does_not_hide_the_others(
        self, storage: StorageBackend, three: list[ModelVersion], artifact: Path, damaged: int
    ) -> None:
        storage.write_bytes(f"model_registry/metadata/fraud/v{damaged}.json", b"{")
        registry = ModelRegistry(storage, observers=Observers())
        registry.register_model("churn", artifact)
        rows = registry.list_models()
        assert [row["name"] for row in rows] == ["churn", "fraud"]
        assert rows[1]["version"] == (3 if damaged == 1 else 2)
        assert len(registry.search_models("fraud")) == 2
        assert registry.get_model_version("fraud", 2).version == 2
        with pytest.raises(CorruptDataError, match=f"v{damaged}"):
            registry.get_model_version("fraud", damaged)
        assert registry.register_model("fraud", artifact).version == 4
        registry.close()

    def test_the_index_is_a_flat_table_of_every_version(
        self, registry: ModelRegistry, storage: StorageBackend, three: list[ModelVersion]
    ) -> None:
        registry.promote_model("fraud", 2, "Production")
        registry.set_tags("fraud", {"team": "ds"}, 1)
        registry.close()
        frame = storage.read_dataframe("model_registry/models/index.parquet")
        assert frame["version"].tolist() == [1, 2, 3]
        assert frame["stage"].tolist() == ["None", "Production", "None"]
        assert frame["metrics.auc"].tolist() == [0.7, 0.8, 0.9]
        assert frame["tags.team"].tolist()[0] == "ds"
        assert storage.exists("model_registry/models/.registry_marker.json")

    def test_a_lost_or_damaged_index_comes_back(
        self, registry: ModelRegistry, storage: StorageBackend, three: list[ModelVersion]
    ) -> None:
        registry.close()
        before = storage.read_dataframe("model_registry/models/index.parquet")
        for damage in (b"", b"not parquet", None):
            if damage is None:
                storage.delete("model_registry/models/index.parquet")
            else:
                storage.write_bytes("model_registry/models/index.parquet", damage)
            registry.compact()
            after = storage.read_dataframe("model_registry/models/index.parquet")
            assert after.equals(before)

    # Lineage

    def test_lineage_reaches_runs_data_code_and_parents(
        self, storage: StorageBackend, artifact: Path
    ) -> None:
        facts = {
            "name": "trial 1",
            "status": "COMPLETED",
            "inputs": [{"name": "claims", "fingerprint": "sha256:" + "ab" * 32, "rows": 10}],
            "source": {"git": {"commit": "0123456789abcdef", "dirty": True}},
        }
        registry = ModelRegistry(storage, observers=Observers(), run_facts={"run-1": facts}.get)
        base = registry.register_model("base", artifact)
        registry.register_model(
            "fraud", artifact, experiment_run_id="run-1", parents=[base, ("gone", 7)]
        )
        lineage = registry.lineage("fraud", 1)
        assert {node.kind for node in lineage.nodes} == {"version", "run", "dataset", "code"}
        assert lineage.root.label == "fraud v1"
        assert lineage.to_text().splitlines() == [
            "fraud v1",
            "├─ made by run trial 1 (run-1)",
            "│  ├─ read dataset claims (sha256:abababababab…)",
            "│  └─ ran code 0123456789ab with uncommitted changes",
            "├─ derived from base v1",
            "└─ derived from gone v7 (not in this store)",
        ]
        mermaid = lineage.to_mermaid().splitlines()
        assert mermaid[0] == "flowchart LR"
        assert '    n0["fraud v1"]' in mermaid
        assert "    n1 -- made by --> n0" in mermaid
        assert len(lineage.to_dict()["edges"]) == 5

    # Differences

    def test_the_difference_of_two_versions(self, registry: ModelRegistry, artifact: Path) -> None:
        registry.register_model(
            "fraud", artifact, metrics={"auc": 0.8}, hyperparameters={"depth": 3}, tags={"a": "1"}
        )
        artifact.write_bytes(b"other")
        registry.register_model(
            "fraud", artifact, metrics={"auc": 0.9}, hyperparameters={"depth": 3}, framework="x"
        )
        diff = registry.diff("fraud", 1, 2)
        found = diff.to_dict()["differences"]
        assert found["metrics"] == {"auc": [0.8, 0.9]}
        assert found["tags"] == {"a": ["1", None]}
        assert found["version"] == {"framework": ["", "x"]}
        assert list(found["files"]) == ["model.bin"]
        assert "hyperparameters" not in found
        assert "metrics auc: 0.8 -> 0.9 (+0.1)" in str(diff)
        assert not registry.diff("fraud", 1, 1)

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
