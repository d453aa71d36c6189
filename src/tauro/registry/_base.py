"""What the registry's verbs share: the store, who looks on, and how a version is shown."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any, cast

from tauro.events import Observers, Operation, get_observers
from tauro.registry._core import RegistryCore
from tauro.registry._decide import Decide
from tauro.registry._index import IndexPublisher
from tauro.registry._ledger import ModelLedger
from tauro.registry._models import Change, ModelMetadata
from tauro.registry._version import ModelVersion, VersionOwner, make_version
from tauro.storage import StorageBackend, open_storage, read_format
from tauro.types import Durability, StrPath

RunFacts = Callable[[str], Mapping[str, Any] | None]


class RegistryBase:
    """The parts of a registry.

    Args:
        storage: The store, or its folder or URL.
        observers: Hooks, events, metrics and audit log.
        durability: What an acknowledged change survives.
        run_facts: Returns what is known of a run.
    """

    def __init__(
        self,
        storage: StorageBackend | StrPath,
        observers: Observers | None,
        durability: Durability,
        run_facts: RunFacts | None,
    ) -> None:
        self.storage = storage if isinstance(storage, StorageBackend) else open_storage(storage)
        read_format(self.storage)  # a foreign folder or a newer format is refused here
        self._core = RegistryCore(self.storage.uncached(), observers or get_observers(), durability)
        self._run_facts = run_facts
        self._index = IndexPublisher(self._core)
        weakref.finalize(self, self._index.flush_at_exit)

    def _view(self, ledger: ModelLedger, metadata: ModelMetadata) -> ModelVersion:
        with ledger.frozen():
            return make_version(metadata, ledger.state, self._core.uri, cast("VersionOwner", self))

    def _change(
        self, name: str, decide: Decide, **options: Any
    ) -> tuple[ModelLedger, Change | None]:
        """Change a model; the change is None when there was nothing to do."""
        ledger, change = self._core.change(name, decide, **options)
        if change is not None:
            self._index.note(name)
        return ledger, change

    def _change_version(
        self,
        operation: Operation,
        data: dict[str, Any],
        decide: Callable[[dict[str, Any]], Decide],
    ) -> ModelVersion:
        """Change one version under the eyes of the observers; tell nobody when nothing changed."""

        def act(data: dict[str, Any]) -> tuple[ModelVersion, dict[str, Any] | None]:
            name, version = data["name"], data["version"]
            ledger, change = self._change(name, decide(data), version=version)
            view = self._view(ledger, ledger.metadata(version))
            return view, {**payload_of(view), **data} if change is not None else None

        return self._core.observers.perform(operation, data, act, lambda result: result[1])[0]

    def _update(
        self,
        name: str,
        version: int | None,
        what: dict[str, Any],
        decide: Callable[[dict[str, Any], ModelMetadata | None], Decide],
    ) -> ModelVersion | None:
        """Change words of a version, or of the model as a whole; return the version."""
        data = {"name": name, "version": version, **what}

        def act(data: dict[str, Any]) -> tuple[ModelVersion | None, dict[str, Any] | None]:
            name, version = data["name"], data["version"]
            ledger, metadata = self._core.model(name), None
            if version is not None:
                metadata = self._core.check_version(ledger, name, version)
            ledger, change = self._change(name, decide(data, metadata), version=version)
            view = self._view(ledger, metadata) if metadata is not None else None
            return view, data if change is not None else None

        return self._core.observers.perform(
            Operation.MODEL_UPDATE, data, act, lambda result: result[1]
        )[0]


def payload_of(version: ModelVersion) -> dict[str, Any]:
    """Return what hooks and listeners learn of a version."""
    return {
        "name": version.name,
        "version": version.version,
        "stage": version.stage.value,
        "framework": version.framework,
        "artifact_type": version.artifact_type,
        "description": version.description,
        "hyperparameters": version.hyperparameters,
        "metrics": version.metrics,
        "tags": version.tags,
        "experiment_run_id": version.experiment_run_id,
        "artifact_uri": version.artifact_uri,
    }
