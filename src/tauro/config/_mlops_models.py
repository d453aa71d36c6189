"""The MLOps settings of one node, pipeline or project, after every level was merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tauro._internal._secrets import mask_text
from tauro.errors import SourceLocation


@dataclass(frozen=True, slots=True)
class Origin:
    """Which level set a value, and where.

    Attributes:
        level: ``node``, ``pipeline``, ``ml_info``, ``global`` or ``default``.
        location: The place in the file; None for a default.
        via: What an interpolated value came from ("environment variable X").
    """

    level: str
    location: SourceLocation | None = None
    via: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingSettings:
    """The ``experiment_tracking`` block.

    Attributes:
        metric_buffer_size: With durability ``disk``, how many points are logged between two
            synchronizations. It never holds back points: each is written when it is logged.
        auto_flush_metrics: Whether to synchronize automatically when that many are waiting.
        durability: What an acknowledged point survives: ``process`` (the death of the process)
            or ``disk`` (loss of power).
        catalog: Unity Catalog for tracking, where it differs from the global one.
        schema: Schema for tracking, where it differs from the global one.
    """

    metric_buffer_size: int = 1000
    auto_flush_metrics: bool = True
    durability: str = "process"
    catalog: str | None = None
    schema: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """The ``registry`` block.

    Attributes:
        max_versions_per_model: How many versions of a model to keep; older ones that are not in
            use are deleted when a new one is registered. None keeps all.
        durability: What a registered version survives: ``process`` (the death of the process)
            or ``disk`` (loss of power).
        catalog: Unity Catalog for models, where it differs from the global one.
        schema: Schema for models, where it differs from the global one.
    """

    max_versions_per_model: int | None = None
    durability: str = "disk"
    catalog: str | None = None
    schema: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """The ``cache`` block: what a context's storage remembers of what it read.

    Attributes:
        enabled: Whether the context's storage caches what it reads. Tracker and registry never do.
        max_size: How many keys are cached.
        default_ttl: Seconds a key is cached: changes by other processes may be seen that late.
    """

    enabled: bool = False
    max_size: int = 1000
    default_ttl: float | None = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    """The ``health`` block: what the process's health monitor looks at.

    Attributes:
        enabled: Whether the monitor checks store, memory and disk.
        memory_threshold: Fraction of memory in use from which the status is degraded.
        disk_threshold: Fraction of the store's disk in use from which the status is degraded.
    """

    enabled: bool = False
    memory_threshold: float = 0.9
    disk_threshold: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class MLflowSettings:
    """The ``mlflow`` block is read and checked; this version mirrors nothing to MLflow.

    Attributes:
        enabled: False switches mirroring off even if an address is given.
        tracking_uri: Address of the MLflow server.
        experiment_name: Name of the experiment there.
        registry_uri: Address of the registry, if it is another.
    """

    enabled: bool | None = None
    tracking_uri: str | None = None
    experiment_name: str | None = None
    registry_uri: str | None = None

    @property
    def is_configured(self) -> bool:
        """Whether the block asks for a mirror."""
        return self.tracking_uri is not None and self.enabled is not False

    def __repr__(self) -> str:
        uri = mask_text(self.tracking_uri) if self.tracking_uri else None
        return f"MLflowSettings(tracking_uri={uri!r}, experiment_name={self.experiment_name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MLOpsSettings:
    """What MLOps is to do, merged from node, pipeline, ml_info, global settings and defaults.

    Attributes:
        enabled: Whether nodes are recorded; None leaves it to detection.
        backend_type: ``local``; ``databricks`` is not part of this version.
        storage_path: The store: a folder, ``file://…`` or ``memory://``.
        execution_mode: ``local``, ``databricks`` or ``distributed``.
        catalog: Unity Catalog.
        schema: Schema in that catalog.
        workspace_url: Databricks workspace; tokens come from the environment only.
        default_experiment_name: Experiment of runs that name none.
        description: Description of that experiment.
        model_retention_days: Age in days from which versions that are not in use are deleted when
            a new one is registered; None keeps all.
        auto_log: Whether ML nodes are recorded automatically; None leaves it to the default (yes).
        experiment_tracking: Settings of the tracker.
        registry: Settings of the model registry.
        cache: Settings of the storage cache.
        health: Settings of the health checks.
        mlflow: Read and checked; nothing is mirrored.
        origins: For every dotted key that has a value, which level set it and where.
    """

    enabled: bool | None = None
    backend_type: str = "local"
    storage_path: str = "./mlops_data"
    execution_mode: str = "local"
    catalog: str | None = None
    schema: str | None = None
    workspace_url: str | None = None
    default_experiment_name: str | None = None
    description: str = ""
    model_retention_days: int | None = None
    auto_log: bool | None = None
    experiment_tracking: TrackingSettings = TrackingSettings()
    registry: RegistrySettings = RegistrySettings()
    cache: CacheSettings = CacheSettings()
    health: HealthSettings = HealthSettings()
    mlflow: MLflowSettings = MLflowSettings()
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)

    def origin(self, key: str) -> Origin:
        """Return which level set a dotted key, such as ``registry.max_versions_per_model``."""
        return self.origins.get(key, Origin("default"))
