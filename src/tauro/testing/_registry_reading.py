"""Listing, searching, lineage and differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tauro.errors import ReadOnlyStoreError
from tauro.events import Observers
from tauro.registry import ModelRegistry, ModelVersion
from tauro.storage import ReadOnlyStorage, StorageBackend
from tauro.testing._registry_fixtures import RegistryFixtures


class ReadingSuite(RegistryFixtures):
    """What is found, and how a version is explained."""

    # Listing and history

    def test_models_are_listed_with_their_latest_version(
        self, registry: ModelRegistry, three: list[ModelVersion], artifact: Path
    ) -> None:
        registry.register_model("churn", artifact)
        rows = registry.list_models()
        assert [(row["name"], row["version"]) for row in rows] == [("churn", 1), ("fraud", 3)]
        assert {"stage", "framework", "metrics", "tags", "created_at"} <= set(rows[0])

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
