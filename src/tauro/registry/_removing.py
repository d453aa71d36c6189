"""Verbs that delete, restore and rename, and the upkeep of the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tauro._internal._clock import now
from tauro._internal._days import days
from tauro.errors import ModelNotFoundError, StageConflictError
from tauro.events import Operation
from tauro.registry import _decide, _upkeep, _verify
from tauro.registry._base import RegistryBase
from tauro.registry._core import live_versions
from tauro.registry._ledger import ModelLedger
from tauro.registry._names import check_model_name


class RemoveVerbs(RegistryBase):
    """Deletions leave everything in place until :meth:`gc`, and can be taken back till then."""

    max_versions_per_model: int | None
    model_retention_days: float | None

    def delete_model_version(self, name: str, version: int, *, reason: str = "") -> None:
        """Delete a version that is not in use.

        Raises:
            ModelNotFoundError: There is no such version.
            StageConflictError: It is in Production or Staging, or an alias points at it.
        """
        data = {"name": name, "version": version, "reason": reason}
        self._perform(
            Operation.MODEL_VERSION_DELETE,
            data,
            lambda d: self._change(
                d["name"],
                _decide.delete_version(d["name"], d["version"], d.get("reason") or ""),
                version=d["version"],
            )[1],
        )

    def restore_model_version(self, name: str, version: int) -> None:
        """Bring a deleted version back.

        Raises:
            ModelNotFoundError: There is no such version, or its files were removed for good.
        """
        data = {"name": name, "version": version}
        self._perform(
            Operation.MODEL_VERSION_RESTORE,
            data,
            lambda d: self._change(
                d["name"],
                _decide.restore_version(d["name"], d["version"]),
                version=d["version"],
                deleted_version=True,
            )[1],
        )

    def delete_model(self, name: str, *, reason: str = "", force: bool = False) -> None:
        """Delete a model with all its versions.

        Args:
            name: The model.
            reason: Kept in the history.
            force: Also when a version is in use.

        Raises:
            ModelNotFoundError: There is no such model.
            StageConflictError: A version is in use and ``force`` is false.
        """
        data = {"name": name, "reason": reason}
        self._perform(
            Operation.MODEL_DELETE,
            data,
            lambda d: self._change(
                d["name"],
                _decide.delete_model(d["name"], d.get("reason") or "", force=force),
            )[1],
        )

    def restore_model(self, name: str) -> None:
        """Bring a deleted model back.

        Raises:
            ModelNotFoundError: There is no such model.
        """
        self._perform(
            Operation.MODEL_RESTORE,
            {"name": name},
            lambda d: self._change(d["name"], _decide.restore_model(), deleted_model=True)[1],
        )

    def rename_model(self, name: str, new_name: str) -> None:
        """Give a model another name; versions, stages, aliases and history go with it.

        The old name stays reserved: who asks for it is told the new one.

        Raises:
            ModelNotFoundError: There is no such model.
            ModelExistsError: The new name is taken.
        """
        target = check_model_name(new_name)
        data = {"name": name, "new_name": target}

        def act(data: dict[str, Any]) -> bool:
            old, new = check_model_name(data["name"]), check_model_name(data["new_name"])
            if not self._core.rename(old, new):
                return False
            for changed in (old, new):
                self._index.note(changed)
            return True

        self._perform(Operation.MODEL_UPDATE, data, act)

    def _perform(
        self, operation: Operation, data: dict[str, Any], act: Callable[[dict[str, Any]], Any]
    ) -> None:
        """Do something under the eyes of the observers; tell nobody when nothing changed."""

        def do(data: dict[str, Any]) -> dict[str, Any] | None:
            return data if act(data) else None

        self._core.observers.perform(operation, data, do, lambda told: told)

    # Retention

    def apply_retention(self, name: str | None = None) -> list[tuple[str, int]]:
        """Delete what is more or older than may be kept; return names and numbers.

        Versions in Production or Staging, aliased ones, and the latest one are never touched.

        Args:
            name: Of this model only; of all without it.
        """
        ledgers = (
            [(name, self._core.model(name))] if name is not None else list(self._core.all_ledgers())
        )
        deleted = []
        for model, ledger in ledgers:
            if ledger.state.deleted is not None or ledger.state.moved_to:
                continue
            for version, why in self._outdated(ledger):
                try:
                    self.delete_model_version(model, version, reason=why)
                except (StageConflictError, ModelNotFoundError):
                    continue  # It came into use, or somebody else deleted it meanwhile.
                deleted.append((model, version))
        return deleted

    def _outdated(self, ledger: ModelLedger) -> list[tuple[int, str]]:
        live = live_versions(ledger)[:-1]
        reasons: dict[int, str] = {}
        most, days = self.max_versions_per_model, self.model_retention_days
        if days is not None:
            limit = now() - timedelta(days=days)
            for document in filter(None, map(ledger.readable, live)):
                if document.created_at < limit:
                    reasons[document.version] = f"retention: older than {days:g} days"
        if most is not None and len(live) >= most:
            for version in live[: len(live) + 1 - max(most, 1)]:
                reasons.setdefault(version, f"retention: more than {most} versions")
        return [(v, why) for v, why in sorted(reasons.items()) if not ledger.state.is_protected(v)]

    # Upkeep

    def gc(
        self,
        *,
        older_than_days: float = 30.0,
        unfinished_older_than_days: float = 1.0,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Remove for good what nobody can ask for any more; return what was removed.

        Args:
            older_than_days: Files of versions that were deleted at least so long ago. Their numbers
                and their history stay.
            unfinished_older_than_days: Files of registrations that began at least so long ago and
                never came to be.
            dry_run: Only tell what would be removed.

        Raises:
            ValidationError: An age is no number of days; nothing was removed.
        """
        deleted_for = days(older_than_days, "older_than_days")
        staged_for = days(unfinished_older_than_days, "unfinished_older_than_days")
        purged = _upkeep.purge_deleted(self._core, deleted_for, "gc", dry_run=dry_run)
        for name, _ in () if dry_run else purged:
            self._index.note(name)
        return {
            "versions": [{"name": name, "version": version} for name, version in purged],
            "staging": _upkeep.remove_staging(self._core, staged_for, dry_run=dry_run),
        }

    def verify(self, *, hashes: bool = True) -> list[_verify.RegistryProblem]:
        """Return everything that is wrong with the registry's files.

        Args:
            hashes: Whether to read every artifact and compare its hash.
        """
        return list(_verify.find_problems(self._core, hashes=hashes))

    def repair(self) -> _upkeep.RegistryRepair:
        """Complete what dead processes left half done, bring lost documents back, index anew.

        A version's document or a change that is missing or damaged is brought back where the index
        holds it; a damaged one is put aside.
        """
        done = _upkeep.repair(self._core)
        self.compact()
        return done

    def compact(self) -> None:
        """Rebuild ``models/index.parquet`` from the documents."""
        self._index.rebuild()

    def close(self) -> None:
        """Publish the index. The registry may be used again."""
        self._index.flush()
