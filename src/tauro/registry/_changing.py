"""Verbs that change what a version is used for and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tauro.events import Operation
from tauro.registry import _decide
from tauro.registry._base import RegistryBase, payload_of
from tauro.registry._decide import Decide
from tauro.registry._models import ModelMetadata, ModelStage
from tauro.registry._names import check_alias
from tauro.registry._values import check_text, clean_tags
from tauro.registry._version import ModelVersion


class ChangeVerbs(RegistryBase):
    """Stages, aliases, tags, descriptions, remarks."""

    # Stages and aliases

    def promote_model(
        self,
        name: str,
        version: int,
        stage: ModelStage | str,
        archive_existing: bool = True,
        *,
        reason: str = "",
    ) -> ModelVersion:
        """Move a version to a stage; one that goes to Production archives the one before.

        Args:
            name: The model.
            version: Its version.
            stage: A stage, or its name in any case.
            archive_existing: With False, an occupied Production is an error instead.
            reason: Kept in the history.

        Raises:
            ModelNotFoundError: There is no such version.
            StageConflictError: Production is occupied and ``archive_existing`` is false.
        """
        wanted = ModelStage.parse(stage)
        data = {"name": name, "version": version, "stage": wanted.value, "reason": reason}

        def decide(data: dict[str, Any]) -> Decide:
            return _decide.promote(
                data["name"],
                data["version"],
                ModelStage.parse(data["stage"]),
                archive_existing=archive_existing,
                why=data.get("reason") or "",
            )

        return self._change_version(Operation.MODEL_PROMOTE, data, decide)

    def rollback_model(
        self, name: str, *, to_version: int | None = None, reason: str = ""
    ) -> ModelVersion:
        """Give Production back to the version that had it before; return that version.

        Called again, it goes one further back.

        Raises:
            StageConflictError: There is no earlier version.
            ModelNotFoundError: There is no such model or version.
        """
        data = {"name": name, "version": to_version, "reason": reason}

        def act(data: dict[str, Any]) -> tuple[ModelVersion, dict[str, Any] | None]:
            why = data.get("reason") or ""
            decide = _decide.roll_back(data["name"], data["version"], why)
            ledger, change = self._change(data["name"], decide, version=data["version"])
            number = ledger.state.production if change is None else change.version
            view = self._view(ledger, ledger.metadata(number or 1))
            return view, {**payload_of(view), "reason": why} if change is not None else None

        return self._core.observers.perform(
            Operation.MODEL_ROLLBACK, data, act, lambda result: result[1]
        )[0]

    def set_alias(self, name: str, alias: str, version: int, *, reason: str = "") -> ModelVersion:
        """Point an alias at a version, wherever it pointed before.

        Raises:
            ModelNotFoundError: There is no such version.
            ValidationError: The alias has characters that none may have.
        """
        check_alias(alias)
        data = {"name": name, "version": version, "alias": alias, "reason": reason}
        return self._change_version(
            Operation.ALIAS_SET,
            data,
            lambda d: _decide.set_alias(
                check_alias(d["alias"]), d["version"], d.get("reason") or ""
            ),
        )

    def delete_alias(self, name: str, alias: str, *, reason: str = "") -> None:
        """Remove an alias.

        Raises:
            ModelNotFoundError: There is no such alias.
        """
        data = {"name": name, "alias": alias, "reason": reason}

        def act(data: dict[str, Any]) -> dict[str, Any]:
            why = data.get("reason") or ""
            self._change(data["name"], _decide.delete_alias(data["name"], data["alias"], why))
            return data

        self._core.observers.perform(Operation.ALIAS_DELETE, data, act, lambda told: told)

    # Changing words

    def set_tags(
        self, name: str, tags: Mapping[str, Any], version: int | None = None
    ) -> ModelVersion | None:
        """Set tags of a version, or without a number of the model as a whole.

        Returns:
            The version, None for the model as a whole.

        Raises:
            ModelNotFoundError: There is no such model or version.
            ValidationError: A tag is no text.
        """

        def decide(data: dict[str, Any], metadata: ModelMetadata | None) -> Decide:
            return _decide.set_tags(data["version"], clean_tags(data["tags"]), metadata)

        return self._update(name, version, {"tags": clean_tags(tags)}, decide)

    def delete_tags(
        self, name: str, keys: Iterable[str], version: int | None = None
    ) -> ModelVersion | None:
        """Remove tags of a version, or without a number of the model as a whole.

        Raises:
            ModelNotFoundError: There is no such model, version or tag.
        """
        wanted = [keys] if isinstance(keys, str) else list(keys)

        def decide(data: dict[str, Any], metadata: ModelMetadata | None) -> Decide:
            return _decide.delete_tags(
                data["name"], data["version"], data["deleted_tags"], metadata
            )

        return self._update(name, version, {"deleted_tags": wanted}, decide)

    def update_description(
        self, name: str, description: str, version: int | None = None
    ) -> ModelVersion | None:
        """Replace the description of a version, or without a number of the model as a whole.

        Raises:
            ModelNotFoundError: There is no such model or version.
            ValidationError: The description is no text.
        """
        text = check_text(description, "description")

        def decide(data: dict[str, Any], metadata: ModelMetadata | None) -> Decide:
            return _decide.describe(data["version"], data["description"], metadata)

        return self._update(name, version, {"description": text}, decide)

    def annotate(self, name: str, version: int, text: str) -> ModelVersion:
        """Add a remark to a version; it is kept with who and when.

        Raises:
            ModelNotFoundError: There is no such version.
            ValidationError: The remark is no text, or empty.
        """
        remark = check_text(text, "annotation", empty=False)

        def decide(data: dict[str, Any], metadata: ModelMetadata | None) -> Decide:
            del metadata
            return _decide.annotate(data["version"], data["annotation"])

        found = self._update(name, version, {"annotation": remark}, decide)
        assert found is not None, "a version was given"
        return found
