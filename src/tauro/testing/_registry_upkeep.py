"""Retention, upkeep, the index, and registries at the same time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tauro._internal._ids import new_id
from tauro.errors import (
    CorruptDataError,
    ModelNotFoundError,
)
from tauro.events import HookType, Observers
from tauro.registry import ModelRegistry, ModelVersion
from tauro.storage import StorageBackend
from tauro.testing._registry_fixtures import RegistryFixtures
from tauro.testing._threads import at_once


class UpkeepSuite(RegistryFixtures):
    """What is kept, found damaged, and put right."""

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
        assert registry.gc(older_than_days=0)["versions"] == [{"name": "fraud", "version": 1}]
        assert storage.list_paths("model_registry/artifacts/fraud/v1") == []
        with pytest.raises(ModelNotFoundError, match="removed for good"):
            registry.restore_model_version("fraud", 1)
        assert registry.verify() == []

    def test_gc_removes_registrations_that_never_came_to_be(
        self, registry: ModelRegistry, storage: StorageBackend, three: list[ModelVersion]
    ) -> None:
        storage.write_bytes(f"model_registry/staging/{new_id()}/model.bin", b"left")
        assert registry.gc()["staging"] == 0
        assert registry.gc(unfinished_older_than_days=0)["staging"] == 1
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

    def test_a_damaged_change_does_not_hide_the_other_models(
        self, registry: ModelRegistry, storage: StorageBackend, artifact: Path
    ) -> None:
        for name in ("churn", "fraud"):
            registry.register_model(name, artifact)
            registry.promote_model(name, 1, "Staging")
        storage.write_bytes("model_registry/metadata/fraud/transitions/1.json", b"{")
        fresh = ModelRegistry(storage, observers=Observers())
        assert [row["name"] for row in fresh.list_models()] == ["churn"]
        assert [version.name for version in fresh.search_models()] == ["churn"]
        with pytest.raises(CorruptDataError, match=r"transitions/1\.json"):
            fresh.get_model_version("fraud")
        assert [problem.path for problem in fresh.verify()] == [
            "model_registry/metadata/fraud/transitions/1.json"
        ]

    def test_a_lost_document_does_not_hide_the_others(
        self, storage: StorageBackend, three: list[ModelVersion], artifact: Path
    ) -> None:
        storage.delete("model_registry/metadata/fraud/v2.json")
        fresh = ModelRegistry(storage, observers=Observers())
        assert [row["version"] for row in fresh.list_model_versions("fraud")] == [1, 3]
        assert [row["version"] for row in fresh.list_models()] == [3]
        assert [entry["version"] for entry in fresh.history("fraud")] == [1, 3]
        assert fresh.register_model("fraud", artifact).version == 4
        assert "model_registry/metadata/fraud/v2.json" in {p.path for p in fresh.verify()}

    def test_a_version_that_another_registry_deletes_first_is_no_error_of_retention(
        self, storage: StorageBackend, other: ModelRegistry, artifact: Path
    ) -> None:
        observers = Observers()
        registry = ModelRegistry(storage, observers=observers, max_versions_per_model=1)

        @observers.hooks.register(HookType.PRE_MODEL_VERSION_DELETE)
        def be_faster(data: dict[str, Any]) -> None:
            other.delete_model_version(data["name"], data["version"])

        registry.register_model("fraud", artifact)
        assert registry.register_model("fraud", artifact).version == 2
        assert [row["version"] for row in registry.list_model_versions("fraud")] == [2]

    @pytest.mark.parametrize("verb", ["promote", "rollback", "alias", "delete", "rename"])
    def test_every_change_reaches_the_index(
        self,
        registry: ModelRegistry,
        storage: StorageBackend,
        three: list[ModelVersion],
        verb: str,
    ) -> None:
        for version in (1, 2):
            registry.promote_model("fraud", version, "Production")
        registry.compact()
        match verb:
            case "promote":
                registry.promote_model("fraud", 3, "Production")
            case "rollback":
                registry.rollback_model("fraud")
            case "alias":
                registry.set_alias("fraud", "champion", 3)
            case "delete":
                registry.delete_model_version("fraud", 3)
            case _:
                registry.rename_model("fraud", "risk")
        registry.close()
        published = storage.read_dataframe("model_registry/models/index.parquet")
        registry.compact()
        rebuilt = storage.read_dataframe("model_registry/models/index.parquet")
        pd.testing.assert_frame_equal(published, rebuilt, check_like=True)

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

    # At the same time

    def test_threads_of_two_registries_leave_no_gap_and_no_double(
        self, registry: ModelRegistry, other: ModelRegistry, artifact: Path
    ) -> None:
        numbers: list[int] = []

        def work(owner: ModelRegistry) -> None:
            numbers.extend(owner.register_model("fraud", artifact).version for _ in range(5))

        at_once([lambda owner=owner: work(owner) for owner in (registry, other) * 2])
        assert sorted(numbers) == list(range(1, 21))

    def test_racing_promotions_leave_one_production(
        self, registry: ModelRegistry, other: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        def work(owner: ModelRegistry, version: int) -> None:
            for _ in range(4):
                owner.promote_model("fraud", version, "Production")

        at_once(
            [
                lambda owner=owner, version=version: work(owner, version)
                for owner in (registry, other)
                for version in (1, 2, 3)
            ]
        )
        stages = [row["stage"] for row in registry.list_model_versions("fraud")]
        assert stages.count("Production") == 1
        assert stages == [row["stage"] for row in other.list_model_versions("fraud")]
