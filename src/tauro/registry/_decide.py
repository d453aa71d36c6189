"""Which change a verb makes of a model's state, or why it cannot: pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tauro._internal._clock import now
from tauro._internal._close import did_you_mean
from tauro.errors import ModelNotFoundError, StageConflictError
from tauro.events import current_actor
from tauro.registry._models import Action, Change, ModelMetadata, ModelStage
from tauro.registry._state import ModelState

Decide = Callable[[ModelState], Change | None]


def _change(action: Action, **fields: Any) -> Change:
    return Change(action=action, at=now(), by=current_actor(), **fields)


def promote(
    name: str, version: int, stage: ModelStage, *, archive_existing: bool, why: str
) -> Decide:
    """Move a version to a stage."""

    def decide(state: ModelState) -> Change | None:
        present = state.of(version).stage
        if present is stage:
            return None
        archived = state.production if stage is ModelStage.PRODUCTION else None
        if archived is not None and not archive_existing:
            raise StageConflictError(
                f"{name} v{archived} is in Production and archive_existing is false.",
                context={"name": name, "version": version, "production": archived},
                suggestions=[f"Archive v{archived} first, or leave archive_existing out."],
            )
        return _change(
            "stage", version=version, before=present, after=stage, archived=archived, why=why
        )

    return decide


def roll_back(name: str, to_version: int | None, why: str) -> Decide:
    """Give Production back to the version that had it before, or to the one named."""

    def decide(state: ModelState) -> Change | None:
        target = to_version if to_version is not None else state.rollback_target()
        if target is None:
            raise _nothing_earlier(name, state)
        if target == state.production:
            return None
        return _change(
            "rollback",
            version=target,
            before=state.of(target).stage,
            after=ModelStage.PRODUCTION,
            archived=state.production,
            why=why,
        )

    return decide


def how_to_restore(name: str, version: int | None = None) -> str:
    """Return the sentence that says how a deleted model or version comes back."""
    shell = f"tauro models restore {shlex.quote(name)}"
    if version is None:
        return f"Bring it back with restore_model({name!r}), or `{shell}`."
    return (
        f"Bring it back with restore_model_version({name!r}, {version}), or `{shell} -v {version}`."
    )


def _nothing_earlier(name: str, state: ModelState) -> StageConflictError:
    gone = [v for v in state.past if v != state.production and not state.of(v).purged]
    hints = [
        f"v{v} was in Production and is deleted. {how_to_restore(name, v)}" for v in reversed(gone)
    ]
    return StageConflictError(
        f"{name} has no earlier Production version to roll back to.",
        context={"name": name, "production": state.production},
        suggestions=[*hints[:1], "Name one with to_version= (--to-version), or promote a version."],
    )


def set_alias(alias: str, version: int, why: str) -> Decide:
    """Point an alias at a version."""

    def decide(state: ModelState) -> Change | None:
        before = state.aliases.get(alias)
        if before == version:
            return None
        return _change(
            "set_alias", version=version, key=alias, before=before, after=version, why=why
        )

    return decide


def delete_alias(name: str, alias: str, why: str) -> Decide:
    """Remove an alias."""

    def decide(state: ModelState) -> Change:
        if alias not in state.aliases:
            raise no_alias(name, alias, state)
        return _change("delete_alias", key=alias, before=state.aliases[alias], why=why)

    return decide


def no_alias(name: str, alias: str, state: ModelState) -> ModelNotFoundError:
    """Return the error for an alias that is not there."""
    known = ", ".join(sorted(state.aliases)) or "none"
    return ModelNotFoundError(
        f"{name} has no alias {alias!r}; it has {known}.",
        context={"name": name, "alias": alias},
        suggestions=did_you_mean(alias, state.aliases),
    )


def set_tags(
    version: int | None, tags: Mapping[str, str], registered: ModelMetadata | None
) -> Decide:
    """Set tags of a version or of the model."""

    def decide(state: ModelState) -> Change | None:
        before = _tags_now(state, version, registered)
        if all(before.get(key) == value for key, value in tags.items()):
            return None
        old = {key: before.get(key) for key in tags}
        return _change("set_tags", version=version, before=old, after=dict(tags))

    return decide


def delete_tags(
    name: str, version: int | None, keys: Iterable[str], registered: ModelMetadata | None
) -> Decide:
    """Remove tags of a version or of the model."""
    wanted = list(keys)

    def decide(state: ModelState) -> Change | None:
        before = _tags_now(state, version, registered)
        unknown = next((key for key in wanted if key not in before), None)
        if unknown is not None:
            of = name if version is None else f"{name} v{version}"
            raise ModelNotFoundError(
                f"{of} has no tag {unknown!r}; it has {', '.join(sorted(before)) or 'none'}.",
                context={"name": name, "version": version, "tag": unknown},
                suggestions=did_you_mean(unknown, before),
            )
        old = {key: before[key] for key in wanted}
        return _change("delete_tags", version=version, before=old, after=wanted) if old else None

    return decide


def _tags_now(
    state: ModelState, version: int | None, registered: ModelMetadata | None
) -> dict[str, str]:
    if version is None or registered is None:
        return dict(state.tags)
    tags = {**registered.tags, **state.of(version).tags}
    return {key: value for key, value in tags.items() if value is not None}


def describe(version: int | None, text: str, registered: ModelMetadata | None) -> Decide:
    """Replace the description of a version or of the model."""

    def decide(state: ModelState) -> Change | None:
        if version is None or registered is None:
            before = state.description
        else:
            changed = state.of(version).description
            before = registered.description if changed is None else changed
        if before == text:
            return None
        return _change("describe", version=version, before=before, after=text)

    return decide


def annotate(version: int, text: str) -> Decide:
    """Add a remark to a version."""
    return lambda _: _change("annotate", version=version, after=text)


def delete_version(name: str, version: int, why: str) -> Decide:
    """Delete a version that is not in use."""

    def decide(state: ModelState) -> Change:
        if state.is_protected(version):
            raise in_use(name, version, state, "deleted")
        return _change("delete_version", version=version, why=why)

    return decide


def in_use(name: str, version: int, state: ModelState, verb: str) -> StageConflictError:
    """Return the error for a version that is in use."""
    aliases = state.aliases_of(version)
    stage = state.of(version).stage
    uses = [f"in {stage.value}"] if stage in (ModelStage.PRODUCTION, ModelStage.STAGING) else []
    uses += [f"the alias {', '.join(map(repr, aliases))} points at it"] if aliases else []
    return StageConflictError(
        f"{name} v{version} cannot be {verb}: it is in use ({'; '.join(uses)}).",
        context={"name": name, "version": version, "stage": stage.value, "aliases": list(aliases)},
        suggestions=["Move it to Archived and delete its aliases first."],
    )


def restore_version(name: str, version: int) -> Decide:
    """Bring a deleted version back."""

    def decide(state: ModelState) -> Change | None:
        present = state.of(version)
        if present.deleted is None:
            return None
        if present.purged:
            raise ModelNotFoundError(
                f"{name} v{version} cannot be restored: its files were removed for good.",
                context={"name": name, "version": version},
            )
        return _change("restore_version", version=version)

    return decide


def purge_version(version: int, why: str) -> Decide:
    """Say that a deleted version's files are removed for good."""

    def decide(state: ModelState) -> Change | None:
        present = state.of(version)
        gone = present.deleted is not None or state.deleted is not None
        return _change("purge_version", version=version, why=why) if gone else None

    return decide


def delete_model(name: str, why: str, *, force: bool) -> Decide:
    """Delete a model with all its versions."""

    def decide(state: ModelState) -> Change:
        used = next((v for v in sorted(state.versions) if state.is_protected(v)), None)
        if used is not None and not force:
            error = in_use(name, used, state, "deleted with its model")
            error.suggestions = ("Pass force=True (--force) to delete the model all the same.",)
            raise error
        return _change("delete_model", why=why)

    return decide


def restore_model() -> Decide:
    """Bring a deleted model back."""
    return lambda state: _change("restore_model") if state.deleted is not None else None


def rename_model(new_name: str) -> Decide:
    """Close a model's changes: it goes on under another name."""
    return lambda state: None if state.moved_to else _change("rename_model", after=new_name)
