"""Stages, aliases, words, deleting and renaming."""

from __future__ import annotations

from pathlib import Path

import pytest

from tauro.errors import (
    ModelExistsError,
    ModelNotFoundError,
    StageConflictError,
    ValidationError,
)
from tauro.registry import ModelRegistry, ModelStage, ModelVersion
from tauro.testing._registry_fixtures import RegistryFixtures


class ChangingSuite(RegistryFixtures):
    """What may change of a version, and what the history says of it."""

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

    def test_rolling_back_past_a_deleted_version_says_how_to_bring_it_back(
        self, registry: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        for version in (1, 2):
            registry.promote_model("fraud", version, "Production")
        registry.delete_model_version("fraud", 1)
        with pytest.raises(StageConflictError, match="no earlier Production") as caught:
            registry.rollback_model("fraud")
        assert "restore_model_version('fraud', 1)" in caught.value.suggestions[0]
        registry.restore_model_version("fraud", 1)
        assert registry.rollback_model("fraud").version == 1

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

    def test_a_clock_that_is_set_back_does_not_turn_history_round(
        self, registry: ModelRegistry, artifact: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seconds = iter(range(1_700_000_000, 0, -1000))
        monkeypatch.setattr("tauro._internal._clock._source", lambda: next(seconds) * 10**9)
        for version in (1, 2):
            registry.register_model("fraud", artifact)
            registry.promote_model("fraud", version, "Production")
        entries = registry.history("fraud")
        assert [e["version"] for e in entries if e["action"] == "register"] == [1, 2]
        assert [e["version"] for e in entries if e["action"] == "stage"] == [1, 2]

    def test_the_same_change_again_is_not_history(
        self, registry: ModelRegistry, three: list[ModelVersion]
    ) -> None:
        for _ in range(2):
            registry.promote_model("fraud", 1, "Production")
            registry.set_alias("fraud", "champion", 1)
            registry.set_tags("fraud", {"a": "b"}, 1)
        actions = [entry["action"] for entry in registry.history("fraud")]
        assert actions == ["register"] * 3 + ["stage", "set_alias", "set_tags"]

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
