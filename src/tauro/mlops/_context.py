"""The one place that turns settings into objects: storage, tracker, registry."""

from __future__ import annotations

import dataclasses
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tauro._internal._fork import tell_after_fork
from tauro._internal._once import made_once
from tauro.cache import LRUCache
from tauro.errors import MLOpsError, RunNotFoundError
from tauro.events import AuditLogger, FileAuditSink, Observers, get_observers
from tauro.mlops._config import MLOpsConfig, from_arguments, from_settings
from tauro.registry import ModelRegistry
from tauro.storage import (
    CachedStorage,
    StorageBackend,
    SupportsLocalPath,
    open_storage,
    set_storage_provider,
)
from tauro.tracking import ExperimentTracker

if TYPE_CHECKING:
    from tauro.config import Context, MLOpsSettings
    from tauro.health import HealthCheck


class MLOpsContext:
    """A store with its tracker and its registry.

    ``MLOpsContext(storage_path="./mlops_data")`` and every other setting of :class:`MLOpsConfig` by
    name; where an argument is left out, environment variables say, then defaults. Parts are made
    when they are first asked for.

    Args:
        config: A whole configuration, instead of settings by name.
        observers: Events, hooks, metrics and audit log; by default the process's, with the audit
            log kept in the store.
        settings: Settings by name.

    Raises:
        ConfigError: A setting is unknown or its value is not acceptable.
    """

    def __init__(
        self,
        config: MLOpsConfig | None = None,
        *,
        observers: Observers | None = None,
        **settings: Any,
    ) -> None:
        self.config = config if config is not None else from_arguments(settings)
        self._given_observers = observers
        self._making = threading.RLock()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._making = threading.RLock()

    @classmethod
    def from_context(cls, context: Context, **overrides: Any) -> Self:
        """Return the context that a project's settings describe.

        Args:
            context: A project's configuration.
            overrides: Settings above the project's, such as ``storage_path``.
        """
        return cls.from_settings(context.mlops, context.root, **overrides)

    @classmethod
    def from_settings(cls, settings: MLOpsSettings, root: Path, **overrides: Any) -> Self:
        """Return the context of merged settings, such as those of one node.

        Args:
            settings: The settings.
            root: Where relative paths start.
            overrides: Settings above these, such as ``storage_path``.
        """
        return cls(from_settings(settings, root, overrides))

    @classmethod
    def from_env(cls) -> Self:
        """Return the context that environment variables describe. Use :meth:`from_context`."""
        warnings.warn(
            "MLOpsContext.from_env() is deprecated; MLOpsContext() reads the environment too, and "
            "MLOpsContext.from_context(context) follows a project's settings.",
            DeprecationWarning,
            stacklevel=2,
        )
        return cls()

    @made_once
    def storage(self) -> StorageBackend:
        """The store; where ``cache_enabled`` says so, what was read is remembered.

        Tracker and registry use the store without the cache, so that they are never behind.
        """
        if not self.config.cache_enabled:
            return self._plain
        cache = LRUCache(self.config.cache_max_size, self.config.cache_default_ttl)
        return CachedStorage(self._plain, cache)

    @made_once
    def _plain(self) -> StorageBackend:
        if self.config.backend_type != "local":
            raise MLOpsError(
                f"The backend {self.config.backend_type!r} is not part of this version of Tauro; "
                "its settings are read and checked, and nothing was connected.",
                context={"backend_type": self.config.backend_type},
                suggestions=["Use backend_type 'local', or set TAURO_MLOPS_BACKEND=local."],
            )
        return open_storage(self.config.storage_path, tenant_id=self.config.tenant_id)

    @made_once
    def observers(self) -> Observers:
        """Who looks on: those given, else the process's with the store's own audit log."""
        if self._given_observers is not None:
            return self._given_observers
        if not isinstance(self._plain, SupportsLocalPath):
            return get_observers()
        audit = AuditLogger(FileAuditSink(self._plain.local_path("audit")))
        return dataclasses.replace(get_observers(), audit=audit)

    @property
    def audit_log(self) -> AuditLogger:
        """Who did what, when, and how it ended."""
        return self.observers.audit

    @made_once
    def experiment_tracker(self) -> ExperimentTracker:
        """The tracker of the store."""
        return ExperimentTracker(
            self._plain,
            observers=self.observers,
            default_experiment_name=self.config.default_experiment_name,
            durability=self.config.tracking_durability,
            metric_buffer_size=self.config.metric_buffer_size,
            auto_flush_metrics=self.config.auto_flush_metrics,
        )

    @made_once
    def model_registry(self) -> ModelRegistry:
        """The registry of the store."""
        return ModelRegistry(
            self._plain,
            observers=self.observers,
            durability=self.config.registry_durability,
            max_versions_per_model=self.config.max_versions_per_model,
            model_retention_days=self.config.model_retention_days,
            run_facts=self._run_facts,
        )

    def _run_facts(self, run_id: str) -> Mapping[str, Any] | None:
        """Return what lineage says of a run, None where the store does not hold it."""
        try:
            return self.experiment_tracker.get_run(run_id).to_dict()
        except RunNotFoundError:
            return None

    def health_checks(self) -> list[HealthCheck]:
        """Return checks of the store, the memory and the store's disk, with the thresholds set.

        The process's context registers them with the process's monitor where ``health_enabled``
        says so; for another: ``for check in context.health_checks(): monitor.register(check)``.
        """
        from tauro.health import DiskHealthCheck, MemoryHealthCheck, StorageHealthCheck

        config = self.config
        return [
            StorageHealthCheck("storage", lambda: self._plain),
            MemoryHealthCheck("memory", warning_threshold=config.health_memory_threshold),
            DiskHealthCheck(
                "disk", path=self._folder(), warning_threshold=config.health_disk_threshold
            ),
        ]

    def _folder(self) -> Path:
        try:
            backend = self._plain
        except MLOpsError:  # the storage check reports it
            return Path.cwd()
        return backend.local_path() if isinstance(backend, SupportsLocalPath) else Path.cwd()

    def close(self) -> None:
        """Let go of what was opened; the context may be used again."""
        if "experiment_tracker" in self.__dict__:
            self.experiment_tracker.close()
        if "model_registry" in self.__dict__:
            self.model_registry.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MLOpsContext({self.config!r})"


class _Process:
    """The context of this process, and the health checks that came with it."""

    def __init__(self) -> None:
        self.context: MLOpsContext | None = None
        self.checks: list[HealthCheck] = []
        self._after_fork()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self.guard = threading.RLock()

    def watch_health(self) -> None:
        """Take the former context's checks out of the process's monitor; put this one's in."""
        wanted = self.context is not None and self.context.config.health_enabled
        if not wanted and not self.checks:
            return
        from tauro.health import get_health_monitor

        monitor = get_health_monitor()
        for check in self.checks:
            if check in monitor.checks:  # one that replaced it is the user's
                monitor.unregister(check.name)
        checks = self.context.health_checks() if self.context is not None and wanted else []
        taken = {check.name for check in monitor.checks}
        self.checks = [monitor.register(check) for check in checks if check.name not in taken]


_process = _Process()


def init_mlops(config: MLOpsConfig | None = None, **settings: Any) -> MLOpsContext:
    """Make a context and let it be the process's; one made before is closed and replaced.

    Args:
        config: A whole configuration, instead of settings by name.
        settings: As :class:`MLOpsContext` takes them.
    """
    context = MLOpsContext(config, **settings)
    set_mlops_context(context)
    return context


def get_mlops_context() -> MLOpsContext:
    """Return the process's context, made from environment and defaults on first use."""
    with _process.guard:
        return _process.context if _process.context is not None else init_mlops()


def set_mlops_context(context: MLOpsContext | None) -> None:
    """Let a context be the process's; None lets the next use make one."""
    with _process.guard:
        before, _process.context = _process.context, context
        if before is context:
            return
        set_storage_provider(None if context is None else lambda: context._plain)
        _process.watch_health()
    if before is not None:
        before.close()
