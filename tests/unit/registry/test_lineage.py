"""Lineage: shared ancestors, circles, what is gone, and the two ways to draw it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tauro._internal._clock import now
from tauro.errors import ModelNotFoundError, ValidationError
from tauro.events import Observers
from tauro.registry import ModelMetadata, ModelRegistry
from tauro.registry._lineage import LineageTracer
from tauro.registry._models import ParentVersion
from tauro.storage import MemoryStorageBackend

RUNS: dict[str, dict[str, Any]] = {
    "r1": {
        "name": 'say "hi" & <go>',
        "status": "COMPLETED",
        "inputs": [{"name": "claims", "fingerprint": "sha256:1"}, {"name": "rates"}],
        "source": {"git": {"commit": "abc123", "dirty": False}},
    },
    "r2": {"inputs": [{"name": "claims", "fingerprint": "sha256:1"}], "source": {}},
}


@pytest.fixture
def registry() -> ModelRegistry:
    return ModelRegistry(MemoryStorageBackend(), observers=Observers(), run_facts=RUNS.get)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    (tmp_path / "model.bin").write_bytes(b"x")
    return tmp_path / "model.bin"


def test_a_version_without_a_past_is_alone(registry: ModelRegistry, artifact: Path) -> None:
    registry.register_model("base", artifact)
    lineage = registry.lineage("base")
    assert [node.id for node in lineage.nodes] == ["version:base/1"]
    assert lineage.edges == ()
    assert str(lineage) == "base v1"


def test_an_ancestor_of_two_is_drawn_once(registry: ModelRegistry, artifact: Path) -> None:
    base = registry.register_model("base", artifact, experiment_run_id="r1")
    left = registry.register_model("left", artifact, parents=[base])
    right = registry.register_model("right", artifact, parents=[base])
    registry.register_model("both", artifact, parents=[left, right])
    lines = registry.lineage("both").to_text().splitlines()
    assert [line.strip("│├└─ ") for line in lines] == [
        "both v1",
        "derived from left v1",
        "derived from base v1",
        'made by run say "hi" & <go> (r1)',
        "read dataset claims (sha256:1)",
        "read dataset rates",
        "ran code abc123",
        "derived from right v1",
        "derived from base v1 (above)",
    ]


def test_two_runs_on_the_same_data_meet_there(registry: ModelRegistry, artifact: Path) -> None:
    first = registry.register_model("a", artifact, experiment_run_id="r1")
    registry.register_model("b", artifact, experiment_run_id="r2", parents=[first])
    lineage = registry.lineage("b")
    data = [node.id for node in lineage.nodes if node.kind == "dataset"]
    assert data == ["dataset:claims@sha256:1", "dataset:rates@"]
    readers = {edge.source for edge in lineage.edges if edge.target == data[0]}
    assert readers == {"run:r1", "run:r2"}


def test_a_circle_of_parents_ends(registry: ModelRegistry, artifact: Path) -> None:
    registry.register_model("a", artifact, parents=[("b", 1)])
    registry.register_model("b", artifact, parents=[("a", 1)])
    assert {node.label for node in registry.lineage("a").nodes} == {"a v1", "b v1"}
    assert registry.lineage("a").to_text().splitlines()[-1].endswith("derived from a v1 (above)")


def test_a_deleted_parent_is_still_known_and_an_unknown_run_named(
    registry: ModelRegistry, artifact: Path
) -> None:
    base = registry.register_model("base", artifact)
    registry.register_model("child", artifact, parents=[base], experiment_run_id="lost")
    registry.delete_model("base")
    labels = [node.label for node in registry.lineage("child").nodes]
    assert labels == ["child v1", "run lost", "base v1"]


def test_mermaid_is_not_broken_by_names(registry: ModelRegistry, artifact: Path) -> None:
    registry.register_model('quo"ted', artifact, experiment_run_id="r1")
    text = registry.lineage('quo"ted').to_mermaid()
    assert '["quo#quot;ted v1"]' in text
    assert 'n1(["run say #quot;hi#quot; #amp; <go> (r1)"])' in text
    assert text.count("-->") == 4


def test_as_a_mapping_it_is_json(registry: ModelRegistry, artifact: Path) -> None:
    registry.register_model("a", artifact, experiment_run_id="r1")
    found = registry.lineage("a").to_dict()
    assert json.loads(json.dumps(found, default=str))["edges"][0] == {
        "source": "version:a/1",
        "target": "run:r1",
        "relation": "made by",
    }


def test_an_unknown_version_is_an_error(registry: ModelRegistry) -> None:
    with pytest.raises(ModelNotFoundError):
        registry.lineage("nothing")


def test_a_long_ancestry_is_followed_to_its_beginning() -> None:
    """A model that goes on from yesterday's version, every day for some years."""
    days = 1_200
    documents = {
        n: ModelMetadata(
            name="daily",
            version=n,
            created_at=now(),
            parents=[ParentVersion("daily", n - 1)] if n > 1 else [],
        )
        for n in range(1, days + 1)
    }
    lineage = LineageTracer(lambda name, n: documents.get(n), None).trace(documents[days])
    assert [node.label for node in lineage.nodes] == [f"daily v{n}" for n in range(days, 0, -1)]
    assert len(lineage.edges) == days - 1
    lines = lineage.to_text().splitlines()
    assert len(lines) == days
    assert lines[-1].endswith("└─ derived from daily v1")
    assert len(lineage.to_mermaid().splitlines()) == 2 * days


def test_versions_that_name_each_other_come_to_an_end() -> None:
    documents = {
        n: ModelMetadata(name="m", version=n, created_at=now(), parents=[ParentVersion("m", 3 - n)])
        for n in (1, 2)
    }
    lineage = LineageTracer(lambda name, n: documents.get(n), None).trace(documents[1])
    assert lineage.to_text().splitlines() == [
        "m v1",
        "└─ derived from m v2",
        "   └─ derived from m v1 (above)",
    ]


def test_parents_keep_their_place_under_a_new_name_and_beside_damage(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    base = registry.register_model("base", tmp_path / "model.bin")
    registry.register_model("tuned", tmp_path / "model.bin", parents=[base])
    registry.rename_model("base", "foundation")
    registry.register_model(
        "tuned", tmp_path / "model.bin", parents=[("tuned", 1), ("base", 1), ("foundation", 1)]
    )
    assert registry.lineage("tuned", 2).to_text().splitlines() == [
        "tuned v2",
        "├─ derived from tuned v1",
        "│  └─ derived from foundation v1",
        "├─ derived from foundation v1",
        "└─ derived from foundation v1",
    ]
    registry.storage.write_bytes("model_registry/metadata/tuned/v1.json", b"{")
    fresh = ModelRegistry(registry.storage, observers=Observers())
    assert "tuned v1 (not in this store)" in fresh.lineage("tuned", 2).to_text()


@pytest.mark.parametrize("parent", [("a/b", 1), ("a", 0), ("a", True), ("a", "1"), "a", 3])
def test_what_is_no_parent_is_refused(
    registry: ModelRegistry, tmp_path: Path, parent: object
) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(ValidationError):
        registry.register_model("m", tmp_path / "model.bin", parents=[parent])
    assert registry.storage.list_paths() == []
