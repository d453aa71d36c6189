"""The objects that nodes ask for by type hint, made when the first node asks."""

from __future__ import annotations

import threading
from typing import Any

from tauro._internal import _optional
from tauro.config import Context
from tauro.pipeline import Node, Service


class MLOpsHolder:
    """Makes the MLOps context of a project on first use, and not before.

    Args:
        context: The project's configuration.
        store: Location of the store, above what the project says.
        tenant_id: The tenant whose part of the store is used.
    """

    def __init__(
        self, context: Context, *, store: str | None = None, tenant_id: str | None = None
    ) -> None:
        self._context = context
        self.store = store
        self.tenant_id = tenant_id
        self._made: Any = None
        self._lock = threading.Lock()

    @property
    def is_made(self) -> bool:
        """Whether anything has asked for it."""
        return self._made is not None

    def get(self) -> Any:
        """Return the MLOps context."""
        with self._lock:
            if self._made is None:
                cls = _optional.load("tauro.mlops:MLOpsContext", purpose="tracking ML nodes")
                self._made = cls.from_context(
                    self._context, storage_path=self.store, tenant_id=self.tenant_id
                )
            return self._made


class ServiceProvider:
    """Gives nodes the services they ask for.

    Args:
        context: The project's configuration.
        mlops: The holder of its MLOps context.
    """

    def __init__(self, context: Context, mlops: MLOpsHolder) -> None:
        self._context = context
        self._mlops = mlops

    def __call__(self, service: Service, node: Node) -> Any:
        """Return a service for a node."""
        del node
        if service is Service.CONTEXT:
            return self._context
        mlops = self._mlops.get()
        if service is Service.TRACKER:
            return mlops.experiment_tracker
        if service is Service.REGISTRY:
            return mlops.model_registry
        return mlops
