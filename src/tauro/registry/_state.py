"""What a model is now: the fold of its changes, in their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from tauro.registry._models import Change, ModelStage


class Annotation(msgspec.Struct, frozen=True):
    """A remark on a version: what was said, by whom and when."""

    text: str
    by: str
    at: datetime


@dataclass(slots=True)
class VersionState:
    """What changed of a version since it was registered.

    Attributes:
        stage: Its stage.
        tags: Tags set later; None for one that was removed.
        description: The new description, None when it was not changed.
        annotations: Remarks, oldest first.
        deleted: The change that deleted it, None while it is there.
        purged: Whether its files were removed for good.
        updated_at: When it last changed, None when it never did.
    """

    stage: ModelStage = ModelStage.NONE
    tags: dict[str, str | None] = field(default_factory=dict)
    description: str | None = None
    annotations: list[Annotation] = field(default_factory=list)
    deleted: Change | None = None
    purged: bool = False
    updated_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Whether it is there: neither deleted nor its files removed for good."""
        return self.deleted is None and not self.purged


@dataclass(slots=True)
class ModelState:
    """What a model is after its first ``count`` changes.

    Attributes:
        count: How many changes are folded in.
        versions: State of the versions that were ever changed.
        aliases: Alias to version.
        production: The version in Production.
        past: Versions that were in Production, the last at the end; rolling back takes them off.
        description: Of the model as a whole.
        tags: Of the model as a whole.
        deleted: The change that deleted the model, None while it is there.
        moved_to: Its new name, when it was renamed.
    """

    count: int = 0
    versions: dict[int, VersionState] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    production: int | None = None
    past: list[int] = field(default_factory=list)
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    deleted: Change | None = None
    moved_to: str = ""
    updated_at: datetime | None = None

    def of(self, version: int) -> VersionState:
        """Return the state of a version, the initial one where nothing changed yet."""
        return self.versions.get(version) or VersionState()

    def aliases_of(self, version: int) -> tuple[str, ...]:
        """Return the aliases that point at a version, by name."""
        return tuple(sorted(a for a, target in self.aliases.items() if target == version))

    def is_protected(self, version: int) -> bool:
        """Tell whether a version is in use: in Production, in Staging, or aliased."""
        in_use = self.of(version).stage in (ModelStage.PRODUCTION, ModelStage.STAGING)
        return in_use or version in self.aliases.values()

    def rollback_target(self) -> int | None:
        """Return the version that was in Production before, None when there is none to go to."""
        for version in reversed(self.past):
            if version != self.production and self.of(version).is_live:
                return version
        return None

    def apply(self, change: Change) -> None:
        """Fold in the next change."""
        self.count += 1
        self.updated_at = change.at
        if change.version is None:
            self._apply_to_model(change)
            return
        state = self.versions.setdefault(change.version, VersionState())
        state.updated_at = change.at
        self._apply_to_version(change, change.version, state)

    def _apply_to_model(self, change: Change) -> None:
        match change.action:
            case "delete_alias":
                self.aliases.pop(change.key, None)
            case "set_tags":
                self.tags.update(change.after)
            case "delete_tags":
                for key in change.after:
                    self.tags.pop(key, None)
            case "describe":
                self.description = change.after
            case "delete_model":
                self.deleted = change
            case "restore_model":
                self.deleted = None
            case "rename_model":
                self.moved_to = change.after

    def _apply_to_version(self, change: Change, version: int, state: VersionState) -> None:
        match change.action:
            case "stage" | "rollback":
                self._move(version, ModelStage(change.after), back=change.action == "rollback")
            case "set_alias":
                self.aliases[change.key] = version
            case "set_tags":
                state.tags.update(change.after)
            case "delete_tags":
                state.tags.update(dict.fromkeys(change.after))
            case "describe":
                state.description = change.after
            case "annotate":
                state.annotations.append(Annotation(change.after, change.by, change.at))
            case "delete_version":
                state.deleted = change
            case "restore_version":
                state.deleted = None
            case "purge_version":
                state.purged = True

    def _move(self, version: int, stage: ModelStage, *, back: bool) -> None:
        state = self.versions[version]
        if self.production == version:
            self.production = None
        if stage is ModelStage.PRODUCTION:
            if self.production is not None:
                self.versions[self.production].stage = ModelStage.ARCHIVED
            if back and version in self.past:
                last = len(self.past) - 1 - self.past[::-1].index(version)
                del self.past[last + 1 :]
            elif not self.past or self.past[-1] != version:
                self.past.append(version)
            self.production = version
        state.stage = stage
