"""Parts by settings, for those who want one without a context."""

from __future__ import annotations

from typing import Any

from tauro.mlops._context import MLOpsContext
from tauro.registry import ModelRegistry
from tauro.storage import StorageBackend
from tauro.tracking import ExperimentTracker
from tauro.types import StrPath


class StorageBackendFactory:
    """Makes stores."""

    @staticmethod
    def create(backend_type: str = "local", **settings: Any) -> StorageBackend:
        """Return the store that settings describe, as :class:`MLOpsContext` takes them.

        Raises:
            ConfigError: A setting is unknown or its value is not acceptable.
        """
        return MLOpsContext(backend_type=backend_type, **settings).storage


class ExperimentTrackerFactory:
    """Makes trackers."""

    @staticmethod
    def create(backend_type: str = "local", **settings: Any) -> ExperimentTracker:
        """Return the tracker that settings describe, as :class:`MLOpsContext` takes them.

        Raises:
            ConfigError: A setting is unknown or its value is not acceptable.
        """
        return MLOpsContext(backend_type=backend_type, **settings).experiment_tracker


class ModelRegistryFactory:
    """Makes registries."""

    @staticmethod
    def create(backend_type: str = "local", **settings: Any) -> ModelRegistry:
        """Return the registry that settings describe, as :class:`MLOpsContext` takes them.

        Raises:
            ConfigError: A setting is unknown or its value is not acceptable.
        """
        return MLOpsContext(backend_type=backend_type, **settings).model_registry


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
