"""The objects that nodes ask for by type hint, made when the first node asks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tauro._internal import _optional
from tauro._internal._fork import tell_after_fork
from tauro.config import Context, MLOpsSettings
from tauro.pipeline import Node, Service
from tauro.project._policy import MLPolicy

if TYPE_CHECKING:
    from tauro.mlops import MLOpsContext


class MLOpsHolder:
    """Makes the MLOps contexts of a project on first use, and not before.

    Nodes with the same settings share one. The first becomes the active one of the process, so
    that ``tauro.log_metric()`` in a node reaches the project's store.

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
        self._made: dict[MLOpsSettings, MLOpsContext] = {}
        self._lock = threading.Lock()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    @property
    def is_made(self) -> bool:
        """Whether anything has asked for one."""
        return bool(self._made)

    def get(self, settings: MLOpsSettings | None = None) -> MLOpsContext:
        """Return the MLOps context of some settings, by default those of the project."""
        chosen = settings if settings is not None else self._context.mlops
        with self._lock:
            if chosen not in self._made:
                self._made[chosen] = self._make(chosen)
            return self._made[chosen]

    def _make(self, settings: MLOpsSettings) -> MLOpsContext:
        given = {"storage_path": self.store, "tenant_id": self.tenant_id}
        cls = _optional.load("tauro.mlops:MLOpsContext", purpose="tracking ML nodes")
        made: MLOpsContext = cls.from_settings(
            settings,
            self._context.root,
            **{name: value for name, value in given.items() if value is not None},
        )
        if not self._made:
            _optional.load("tauro.mlops:set_mlops_context")(made)
        return made


class ServiceProvider:
    """Gives nodes the services they ask for.

    Args:
        context: The project's configuration.
        mlops: The holder of its MLOps contexts.
        policy: Says which settings are a node's.
    """

    def __init__(self, context: Context, mlops: MLOpsHolder, policy: MLPolicy) -> None:
        self._context = context
        self._mlops = mlops
        self._policy = policy

    def __call__(self, service: Service, node: Node) -> Any:
        """Return a service for a node; None where its settings switch MLOps off."""
        if service is Service.CONTEXT:
            return self._context
        if self._policy.enabled(node.name) is False:
            return None
        mlops = self._mlops.get(self._policy.settings(node.name))
        if service is Service.TRACKER:
            return mlops.experiment_tracker
        if service is Service.REGISTRY:
            return mlops.model_registry
        if service is Service.RUN:
            return _optional.load("tauro.project._recording:open_run")()
        return mlops
