"""Parts by settings, for those who want one without a context."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Generic, TypeVar

from tauro.mlops._context import MLOpsContext
from tauro.registry import ModelRegistry
from tauro.storage import StorageBackend
from tauro.tracking import ExperimentTracker
from tauro.types import StrPath

T = TypeVar("T")


class _PartFactory(Generic[T]):
    """Makes one part of a context."""

    _part: Callable[[MLOpsContext], T]

    @classmethod
    def create(cls, backend_type: str = "local", **settings: Any) -> T:
        """Return the part that settings describe, as :class:`MLOpsContext` takes them.

        Raises:
            ConfigError: A setting is unknown or its value is not acceptable.
        """
        return cls._part(MLOpsContext(backend_type=backend_type, **settings))


class StorageBackendFactory(_PartFactory[StorageBackend]):
    """Makes stores."""

    _part = attrgetter("storage")


class ExperimentTrackerFactory(_PartFactory[ExperimentTracker]):
    """Makes trackers."""

    _part = attrgetter("experiment_tracker")


class ModelRegistryFactory(_PartFactory[ModelRegistry]):
    """Makes registries."""

    _part = attrgetter("model_registry")


def create_experiment_tracker(
    tracking_uri: StrPath | None = None, *, tenant_id: str | None = None, **options: Any
) -> ExperimentTracker:
    """Return a tracker of a store, by default of the active one.

    Args:
        tracking_uri: A folder or a URL.
        tenant_id: Use only this tenant's part of the store.
        options: As :class:`ExperimentTracker` takes them.
    """
    return ExperimentTracker(tracking_uri=tracking_uri, tenant_id=tenant_id, **options)
