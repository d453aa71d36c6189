"""The one exception tree of Tauro.

Every error that Tauro raises on purpose is a :class:`TauroError`. Each class carries the code,
the HTTP status and the exit code that the server and the command line answer with, and also
inherits the builtin that it refines, so ``except ValueError`` keeps working::

    TauroError
    ├── ConfigError(ValueError)            files and keys of an environment
    ├── MissingExtraError(ImportError)     an optional dependency is not installed
    ├── PipelineError
    │   ├── PlanningError(ValueError)      the graph cannot run: a cycle, an unknown node
    │   ├── NodeExecutionError             the boundary around a user's node
    │   └── PipelineExecutionError         a run of a pipeline failed
    ├── DatasetError                       loading or saving a dataset
    │   ├── DatasetNotFoundError(FileNotFoundError)
    │   └── SchemaMismatchError(ValueError)
    ├── ServingError                       the model server
    └── MLOpsError (= MLOpsException)
        ├── ValidationError(ValueError)    a name, value, path or schema
        ├── StorageError
        │   ├── StorageNotFoundError(FileNotFoundError)
        │   ├── StorageExistsError(FileExistsError)
        │   ├── StorageConflictError       the document changed since it was read
        │   ├── CorruptDataError(ValueError)
        │   ├── ReadOnlyStoreError(PermissionError)
        │   ├── StoreFormatError           a foreign folder, or a newer format
        │   └── PathNotAllowedError(ValidationError)
        ├── LockTimeoutError(TimeoutError)
        ├── CircuitOpenError               a circuit breaker refuses the call
        ├── ExperimentError                tracking
        │   ├── ExperimentNotFoundError(LookupError)
        │   ├── ExperimentExistsError
        │   ├── RunNotFoundError(LookupError)
        │   ├── RunNotActiveError
        │   ├── ArtifactNotFoundError(LookupError)
        │   ├── TrackingValidationError(ValidationError)
        │   └── FilterSyntaxError(ValidationError)
        ├── RegistryError                  the model registry
        │   ├── ModelNotFoundError(LookupError)
        │   ├── ModelExistsError
        │   ├── ModelVersionConflictError
        │   ├── StageConflictError
        │   ├── SignatureMismatchError(ValidationError)
        │   ├── FlavorError                saving or loading a model's format
        │   └── UntrustedModelError(PermissionError)
        ├── DeploymentError
        ├── MonitoringError
        └── DriftDetectionError
            ├── DriftInputError(ValidationError)
            │   ├── DriftOptionError       an option of the detector
            │   ├── DriftColumnsError      different columns
            │   ├── DriftTypeError         a kind that cannot be compared
            │   ├── DriftMixedTypesError   an object column of several types
            │   ├── DriftEmptyError        no rows, or no columns
            │   ├── DriftMissingError      every value is missing
            │   └── DriftInfiniteError     infinite values
            └── DriftFoundError            drift stops the work, as asked

Exit codes stand in :class:`ExitCode`, error codes in :class:`ErrorCode`.
"""

from tauro.errors._codes import ErrorCode, ErrorContext, ExitCode
from tauro.errors._problems import ConfigProblem, SourceLocation
from tauro.errors._response import create_error_response, wrap_exception
from tauro.errors._tree import (
    ArtifactNotFoundError,
    CircuitOpenError,
    ConfigError,
    CorruptDataError,
    DatasetError,
    DatasetNotFoundError,
    DeploymentError,
    DriftColumnsError,
    DriftDetectionError,
    DriftEmptyError,
    DriftFoundError,
    DriftInfiniteError,
    DriftInputError,
    DriftMissingError,
    DriftMixedTypesError,
    DriftOptionError,
    DriftTypeError,
    ExperimentError,
    ExperimentExistsError,
    ExperimentNotFoundError,
    FilterSyntaxError,
    FlavorError,
    LockTimeoutError,
    MissingExtraError,
    MLOpsError,
    MLOpsException,
    ModelExistsError,
    ModelNotFoundError,
    ModelVersionConflictError,
    MonitoringError,
    NodeExecutionError,
    PathNotAllowedError,
    PipelineError,
    PipelineExecutionError,
    PlanningError,
    ReadOnlyStoreError,
    RegistryError,
    RunNotActiveError,
    RunNotFoundError,
    SchemaMismatchError,
    ServingError,
    SignatureMismatchError,
    StageConflictError,
    StorageConflictError,
    StorageError,
    StorageExistsError,
    StorageNotFoundError,
    StoreFormatError,
    TauroError,
    TrackingValidationError,
    UntrustedModelError,
    ValidationError,
)

__all__ = [
    "ArtifactNotFoundError",
    "CircuitOpenError",
    "ConfigError",
    "ConfigProblem",
    "CorruptDataError",
    "DatasetError",
    "DatasetNotFoundError",
    "DeploymentError",
    "DriftColumnsError",
    "DriftDetectionError",
    "DriftEmptyError",
    "DriftFoundError",
    "DriftInfiniteError",
    "DriftInputError",
    "DriftMissingError",
    "DriftMixedTypesError",
    "DriftOptionError",
    "DriftTypeError",
    "ErrorCode",
    "ErrorContext",
    "ExitCode",
    "ExperimentError",
    "ExperimentExistsError",
    "ExperimentNotFoundError",
    "FilterSyntaxError",
    "FlavorError",
    "LockTimeoutError",
    "MLOpsError",
    "MLOpsException",
    "MissingExtraError",
    "ModelExistsError",
    "ModelNotFoundError",
    "ModelVersionConflictError",
    "MonitoringError",
    "NodeExecutionError",
    "PathNotAllowedError",
    "PipelineError",
    "PipelineExecutionError",
    "PlanningError",
    "ReadOnlyStoreError",
    "RegistryError",
    "RunNotActiveError",
    "RunNotFoundError",
    "SchemaMismatchError",
    "ServingError",
    "SignatureMismatchError",
    "SourceLocation",
    "StageConflictError",
    "StorageConflictError",
    "StorageError",
    "StorageExistsError",
    "StorageNotFoundError",
    "StoreFormatError",
    "TauroError",
    "TrackingValidationError",
    "UntrustedModelError",
    "ValidationError",
    "create_error_response",
    "wrap_exception",
]
