"""The facade: every MLOps name of Tauro, loaded on first use.

``from tauro.mlops import ExperimentTracker`` is the one spelling of these names in the docs; each
lives in the package that owns it.
"""

from typing import TYPE_CHECKING

from tauro._internal._optional import lazy_attributes

if TYPE_CHECKING:
    from tauro.errors import (
        DeploymentError,
        DriftDetectionError,
        ErrorCode,
        ErrorContext,
        ExperimentError,
        ExperimentNotFoundError,
        LockTimeoutError,
        MLOpsError,
        MLOpsException,
        ModelNotFoundError,
        MonitoringError,
        RegistryError,
        RunNotActiveError,
        RunNotFoundError,
        StorageError,
        TauroError,
        ValidationError,
        create_error_response,
        wrap_exception,
    )
    from tauro.events import (
        AuditLogger,
        Event,
        EventEmitter,
        EventType,
        HookType,
        HooksManager,
        MetricsCollector,
        Observers,
        get_audit_logger,
        get_event_emitter,
        get_hooks_manager,
        get_metrics_collector,
    )
    from tauro.flavors import ModelSignature, infer_signature
    from tauro.mlops._config import MLOpsConfig
    from tauro.mlops._context import MLOpsContext, get_mlops_context, init_mlops, set_mlops_context
    from tauro.mlops._store import describe_store, verify_store
    from tauro.registry import ModelMetadata, ModelRegistry, ModelStage, ModelVersion
    from tauro.storage import (
        LocalStorageBackend,
        MemoryStorageBackend,
        PrefixedStorage,
        ReadOnlyStorage,
        StorageBackend,
        StorageMetadata,
    )
    from tauro.tracking import (
        DatasetInput,
        Experiment,
        ExperimentTracker,
        Metric,
        Run,
        RunPage,
        RunStatus,
    )

_HOMES = {
    "tauro.errors": (
        "DeploymentError",
        "DriftDetectionError",
        "ErrorCode",
        "ErrorContext",
        "ExperimentError",
        "ExperimentNotFoundError",
        "LockTimeoutError",
        "MLOpsError",
        "MLOpsException",
        "ModelNotFoundError",
        "MonitoringError",
        "RegistryError",
        "RunNotActiveError",
        "RunNotFoundError",
        "StorageError",
        "TauroError",
        "ValidationError",
        "create_error_response",
        "wrap_exception",
    ),
    "tauro.events": (
        "AuditLogger",
        "Event",
        "EventEmitter",
        "EventType",
        "HookType",
        "HooksManager",
        "MetricsCollector",
        "Observers",
        "get_audit_logger",
        "get_event_emitter",
        "get_hooks_manager",
        "get_metrics_collector",
    ),
    "tauro.flavors": (
        "ModelSignature",
        "infer_signature",
    ),
    "tauro.mlops._config": (
        "MLOpsConfig",
    ),
    "tauro.mlops._context": (
        "MLOpsContext",
        "get_mlops_context",
        "init_mlops",
        "set_mlops_context",
    ),
    "tauro.mlops._store": (
        "describe_store",
        "verify_store",
    ),
    "tauro.registry": (
        "ModelMetadata",
        "ModelRegistry",
        "ModelStage",
        "ModelVersion",
    ),
    "tauro.storage": (
        "LocalStorageBackend",
        "MemoryStorageBackend",
        "PrefixedStorage",
        "ReadOnlyStorage",
        "StorageBackend",
        "StorageMetadata",
    ),
    "tauro.tracking": (
        "DatasetInput",
        "Experiment",
        "ExperimentTracker",
        "Metric",
        "Run",
        "RunPage",
        "RunStatus",
    ),
}

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {name: f"{home}:{name}" for home, names in _HOMES.items() for name in names},
    globals(),
)

__all__ = [
    "AuditLogger",
    "DatasetInput",
    "DeploymentError",
    "DriftDetectionError",
    "ErrorCode",
    "ErrorContext",
    "Event",
    "EventEmitter",
    "EventType",
    "Experiment",
    "ExperimentError",
    "ExperimentNotFoundError",
    "ExperimentTracker",
    "HookType",
    "HooksManager",
    "LocalStorageBackend",
    "LockTimeoutError",
    "MLOpsConfig",
    "MLOpsContext",
    "MLOpsError",
    "MLOpsException",
    "MemoryStorageBackend",
    "Metric",
    "MetricsCollector",
    "ModelMetadata",
    "ModelNotFoundError",
    "ModelRegistry",
    "ModelSignature",
    "ModelStage",
    "ModelVersion",
    "MonitoringError",
    "Observers",
    "PrefixedStorage",
    "ReadOnlyStorage",
    "RegistryError",
    "Run",
    "RunNotActiveError",
    "RunNotFoundError",
    "RunPage",
    "RunStatus",
    "StorageBackend",
    "StorageError",
    "StorageMetadata",
    "TauroError",
    "ValidationError",
    "create_error_response",
    "describe_store",
    "get_audit_logger",
    "get_event_emitter",
    "get_hooks_manager",
    "get_metrics_collector",
    "get_mlops_context",
    "infer_signature",
    "init_mlops",
    "set_mlops_context",
    "verify_store",
    "wrap_exception",
]
