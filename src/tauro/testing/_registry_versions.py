"""Registering, files, schemas, and the same content again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tauro.errors import (
    ModelNotFoundError,
    ModelVersionConflictError,
    SignatureMismatchError,
    ValidationError,
)
from tauro.registry import ModelRegistry, ModelStage, ModelVersion
from tauro.storage import StorageBackend
from tauro.testing._registry_fixtures import RegistryFixtures


class RegisteringSuite(RegistryFixtures):
    """What registering keeps, and what it refuses."""

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

    def test_what_the_caller_holds_or_was_given_may_change_the_version_does_not(
        self, registry: ModelRegistry, other: ModelRegistry, artifact: Path
    ) -> None:
        layers, schema = {"sizes": [64]}, {"age": {"type": "integer"}}
        version = registry.register_model(
            "fraud", artifact, hyperparameters=layers, input_schema=schema
        )
        layers["sizes"].append(32)
        schema["age"]["type"] = "string"
        version.hyperparameters["sizes"].append(16)
        version.input_schema["age"]["type"] = "float"
        for reader in (registry, other):
            found = reader.get_model_version("fraud")
            assert found.hyperparameters == {"sizes": [64]}
            assert found.input_schema == {"age": {"type": "integer"}}

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
