"""What a context is made from: one frozen record, from arguments, environment or a project."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tauro._internal._close import did_you_mean
from tauro.errors import ConfigError
from tauro.storage import DEFAULT_STORE
from tauro.types import Durability

if TYPE_CHECKING:
    from tauro.config import MLOpsSettings

BACKENDS: Final = ("local", "databricks")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_LIMIT: Final = "a positive number, or None to keep all"
_FRACTION: Final = "a fraction above 0 and up to 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class MLOpsConfig:
    """Where a context keeps things, and how.

    Attributes:
        backend_type: ``local`` or ``databricks``.
        storage_path: Folder or URL of the local store. A relative folder starts at the working
            directory of the moment this is made, and stays there.
        tenant_id: Use only this tenant's part of the store.
        default_experiment_name: Where runs go that name no experiment.
        metric_buffer_size: The most points between two synchronisations with the disk.
        auto_flush_metrics: Synchronise by itself when that many were logged.
        tracking_durability: What an acknowledged point survives.
        registry_durability: What an acknowledged version survives.
        max_versions_per_model: Keep at most so many versions of a model; None keeps all.
        model_retention_days: Keep versions at least so many days; None keeps all.
        cache_enabled: Remember what ``MLOpsContext.storage`` reads. Tracker and registry never do.
        cache_max_size: How many keys are remembered.
        cache_default_ttl: Seconds a key is remembered: so old may be what another process changed.
        health_enabled: Let the process's health monitor look at store, memory and disk.
        health_memory_threshold: Fraction of memory used from which on it is degraded.
        health_disk_threshold: The same of the store's disk.
        databricks_catalog: Unity Catalog's catalog.
        databricks_schema: Unity Catalog's schema.
        databricks_workspace_url: The workspace; by default ``DATABRICKS_HOST``.
        databricks_token: By default ``DATABRICKS_TOKEN``; never shown, logged or stored.
    """

    backend_type: str = "local"
    storage_path: str = DEFAULT_STORE
    tenant_id: str | None = None
    default_experiment_name: str = "default"
    metric_buffer_size: int = 1000
    auto_flush_metrics: bool = True
    tracking_durability: Durability = "process"
    registry_durability: Durability = "disk"
    max_versions_per_model: int | None = None
    model_retention_days: int | None = None
    cache_enabled: bool = False
    cache_max_size: int = 1000
    cache_default_ttl: float | None = 300.0
    health_enabled: bool = False
    health_memory_threshold: float = 0.9
    health_disk_threshold: float = 0.9
    databricks_catalog: str | None = None
    databricks_schema: str | None = None
    databricks_workspace_url: str | None = None
    databricks_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.backend_type not in BACKENDS:
            raise ConfigError(
                f"The backend type is {self.backend_type!r}; expected {' or '.join(BACKENDS)}.",
                suggestions=did_you_mean(self.backend_type, BACKENDS),
            )
        for name in ("tracking_durability", "registry_durability"):
            if getattr(self, name) not in ("process", "disk"):
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}; expected 'process' or 'disk'."
                )
        self._check_numbers()
        object.__setattr__(self, "storage_path", _absolute(self.storage_path))

    def _check_numbers(self) -> None:
        ttl = self.cache_default_ttl
        right = {
            "metric_buffer_size": (_is_count(self.metric_buffer_size), "1 or more points"),
            "max_versions_per_model": (_is_limit(self.max_versions_per_model), _LIMIT),
            "model_retention_days": (_is_limit(self.model_retention_days), _LIMIT),
            "cache_max_size": (_is_count(self.cache_max_size), "1 or more keys"),
            "cache_default_ttl": (
                ttl is None or (_is_number(ttl) and ttl > 0),
                "a positive number of seconds",
            ),
            "health_memory_threshold": (_is_fraction(self.health_memory_threshold), _FRACTION),
            "health_disk_threshold": (_is_fraction(self.health_disk_threshold), _FRACTION),
        }
        for name, (is_right, expected) in right.items():
            if not is_right:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; expected {expected}.")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_limit(value: Any) -> bool:
    return value is None or (_is_number(value) and value > 0)


def _is_fraction(value: Any) -> bool:
    return _is_number(value) and 0 < value <= 1


def from_arguments(arguments: Mapping[str, Any]) -> MLOpsConfig:
    """Return a configuration from arguments, the environment where they are silent, and defaults.

    Raises:
        ConfigError: An argument is unknown or a value is not acceptable.
    """
    known = set(MLOpsConfig.__dataclass_fields__)
    for name in arguments:
        if name not in known:
            raise ConfigError(
                f"An MLOps context has no setting {name!r}.", suggestions=did_you_mean(name, known)
            )
    given = {name: value for name, value in arguments.items() if value is not None}
    return MLOpsConfig(**{**from_environment(), **given})


def from_environment() -> dict[str, Any]:
    """Return the settings that environment variables name."""
    names = {
        "backend_type": "TAURO_MLOPS_BACKEND",
        "storage_path": "TAURO_MLOPS_PATH",
        "databricks_catalog": "TAURO_MLOPS_CATALOG",
        "databricks_schema": "TAURO_MLOPS_SCHEMA",
        "databricks_workspace_url": "DATABRICKS_HOST",
        "databricks_token": "DATABRICKS_TOKEN",
    }
    return {
        name: os.environ[variable] for name, variable in names.items() if os.environ.get(variable)
    }


def from_settings(settings: MLOpsSettings, root: Path, overrides: Mapping[str, Any]) -> MLOpsConfig:
    """Return a configuration from a project's settings.

    What is chosen, highest first: ``overrides``, the environment, the settings, the defaults.
    """
    tracking, registry = settings.experiment_tracking, settings.registry
    cache, health = settings.cache, settings.health
    chosen: dict[str, Any] = {
        "backend_type": settings.backend_type,
        "storage_path": _anchored(settings.storage_path, root),
        "default_experiment_name": settings.default_experiment_name,
        "metric_buffer_size": tracking.metric_buffer_size,
        "auto_flush_metrics": tracking.auto_flush_metrics,
        "tracking_durability": tracking.durability,
        "registry_durability": registry.durability,
        "max_versions_per_model": registry.max_versions_per_model,
        "model_retention_days": settings.model_retention_days,
        "cache_enabled": cache.enabled,
        "cache_max_size": cache.max_size,
        "cache_default_ttl": cache.default_ttl,
        "health_enabled": health.enabled,
        "health_memory_threshold": health.memory_threshold,
        "health_disk_threshold": health.disk_threshold,
        "databricks_catalog": settings.catalog,
        "databricks_schema": settings.schema,
        "databricks_workspace_url": settings.workspace_url,
    }
    silent = {name: value for name, value in chosen.items() if value is not None}
    return from_arguments({**silent, **from_environment(), **overrides})


def _anchored(location: str, root: Path) -> str:
    if _URL.match(location) or Path(location).is_absolute():
        return location
    return str(root / location)


def _absolute(location: object) -> str:
    """Return a folder as it is meant now, so that a later ``os.chdir`` does not move the store.

    Raises:
        ConfigError: It is no folder or URL, or there is no working directory to start at.
    """
    if isinstance(location, os.PathLike):
        location = os.fspath(location)
    if not isinstance(location, str) or not location:
        raise ConfigError(
            f"storage_path is {location!r}; expected a folder or URL.",
            suggestions=[f"The default is {DEFAULT_STORE!r}."],
        )
    if _URL.match(location):
        return location
    try:
        return str(Path(location).expanduser().absolute())
    except FileNotFoundError as error:
        raise ConfigError(
            f"The store {location!r} is relative, and the working directory is gone.",
            suggestions=["Give an absolute folder, or set TAURO_MLOPS_PATH to one."],
        ) from error
