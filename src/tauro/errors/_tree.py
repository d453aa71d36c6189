"""The classes of the exception tree, drawn in the package's docstring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from tauro.errors._codes import ErrorCode, ErrorContext, ExitCode, to_plain
from tauro.errors._problems import ConfigProblem


class TauroError(Exception):
    """Base of every error that Tauro raises on purpose.

    Args:
        message: What was got, what was expected, and where.
        context: Where it happened; a mapping is taken as its details.
        suggestions: What to do next, most useful first. They are part of ``str(error)``.
        error_code: A code other than the class's own.
    """

    code: ClassVar[ErrorCode] = ErrorCode.UNKNOWN_ERROR
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(
        self,
        message: str,
        *,
        context: ErrorContext | Mapping[str, Any] | None = None,
        suggestions: Sequence[str] = (),
        error_code: ErrorCode | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.context = (
            context if isinstance(context, ErrorContext) else ErrorContext(details=context or {})
        )
        self.suggestions = (suggestions,) if isinstance(suggestions, str) else tuple(suggestions)
        self.error_code = error_code or type(self).code
        self.timestamp = datetime.now(UTC)

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {hint}" for hint in self.suggestions)])

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions cross process boundaries (process executor, multiprocessing).
        return (_rebuild, (type(self), self.message, self.__dict__.copy()))

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain JSON values, as the server answers it."""
        return {
            "error": True,
            "error_code": self.error_code.value,
            "message": self.message,
            "details": to_plain(self.context.details),
            "suggestions": list(self.suggestions),
            "context": self.context.to_dict(),
            "timestamp": self.timestamp.isoformat(),
        }


def _rebuild(cls: type[TauroError], message: str, state: dict[str, Any]) -> TauroError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class ConfigError(TauroError, ValueError):
    """A file or key of an environment is missing, unknown, or of the wrong kind.

    Attributes:
        problems: Every mistake that was found, each with its file, line and column.
    """

    code = ErrorCode.CONFIGURATION_ERROR
    http_status = 400
    exit_code = ExitCode.USAGE
    problems: tuple[ConfigProblem, ...] = ()

    @classmethod
    def from_problems(cls, problems: Sequence[ConfigProblem], *, what: str) -> ConfigError:
        """Return one error for every problem; ``what`` says what could not be read."""
        count = f"{len(problems)} problems in {what}:\n\n" if len(problems) > 1 else ""
        error = cls(
            count + "\n\n".join(str(problem) for problem in problems),
            context={"problems": [problem.to_dict() for problem in problems]},
        )
        error.problems = tuple(problems)
        return error


class MissingExtraError(TauroError, ImportError):
    """An optional dependency is needed and not installed."""

    code = ErrorCode.MISSING_EXTRA
    http_status = 501
    exit_code = ExitCode.MISSING_EXTRA


class PipelineError(TauroError):
    """A pipeline could not be planned or run."""

    code = ErrorCode.PIPELINE_ERROR


class PlanningError(PipelineError, ValueError):
    """The graph cannot run as it is written; nothing was started."""

    code = ErrorCode.PLANNING_ERROR
    http_status = 400
    exit_code = ExitCode.USAGE


class NodeExecutionError(PipelineError):
    """A node's own code raised; the cause is chained."""

    code = ErrorCode.NODE_FAILED


class PipelineExecutionError(PipelineError):
    """A run of a pipeline failed; names the node, the run and the cause."""

    code = ErrorCode.PIPELINE_ERROR


class DatasetError(TauroError):
    """A dataset could not be loaded or saved."""

    code = ErrorCode.DATASET_ERROR


class DatasetNotFoundError(DatasetError, FileNotFoundError):
    """The data that a dataset points at is not there."""

    code = ErrorCode.DATASET_NOT_FOUND
    http_status = 404
    exit_code = ExitCode.NOT_FOUND


class SchemaMismatchError(DatasetError, ValueError):
    """The data does not have the columns or types that its schema asks for."""

    code = ErrorCode.SCHEMA_MISMATCH
    http_status = 422


class ServingError(TauroError):
    """The model server cannot answer."""

    code = ErrorCode.SERVING_ERROR
    http_status = 503


class MLOpsError(TauroError):
    """Base of the errors of tracking, registry, deployment, monitoring and drift."""


MLOpsException = MLOpsError


class ValidationError(MLOpsError, ValueError):
    """A name, value, path or schema is not acceptable; nothing was written."""

    code = ErrorCode.VALIDATION_ERROR
    http_status = 400
    exit_code = ExitCode.USAGE


class StorageError(MLOpsError):
    """The store could not be read or written."""

    code = ErrorCode.STORAGE_ERROR
    exit_code = ExitCode.STORAGE


class StorageNotFoundError(StorageError, FileNotFoundError):
    """Nothing is stored at this key."""

    code = ErrorCode.STORAGE_NOT_FOUND
    http_status = 404
    exit_code = ExitCode.NOT_FOUND


class StorageExistsError(StorageError, FileExistsError):
    """A create-only write found something at its key."""

    code = ErrorCode.STORAGE_EXISTS
    http_status = 409
    exit_code = ExitCode.CONFLICT


class StorageConflictError(StorageError):
    """The document changed since it was read; read it again and decide anew."""

    code = ErrorCode.STORAGE_CONFLICT
    http_status = 409
    exit_code = ExitCode.CONFLICT


class CorruptDataError(StorageError, ValueError):
    """A file of the store does not hold what it should."""

    code = ErrorCode.STORAGE_CORRUPT


class ReadOnlyStoreError(StorageError, PermissionError):
    """The store is open for reading only."""

    code = ErrorCode.STORAGE_READ_ONLY
    http_status = 403
    exit_code = ExitCode.NOT_PERMITTED


class StoreFormatError(StorageError):
    """The folder is not a Tauro store, or is one of a newer format."""

    code = ErrorCode.STORE_FORMAT_ERROR


class PathNotAllowedError(StorageError, ValidationError):
    """A path leaves its root, or is not of the form that is accepted."""

    code = ErrorCode.PATH_NOT_ALLOWED
    http_status = 400
    exit_code = ExitCode.USAGE


class LockTimeoutError(MLOpsError, TimeoutError):
    """A lock was not free in time; it was not entered."""

    code = ErrorCode.LOCK_TIMEOUT
    http_status = 503
    exit_code = ExitCode.CONFLICT


class CircuitOpenError(MLOpsError):
    """A circuit breaker is open and refuses the call."""

    code = ErrorCode.CIRCUIT_OPEN
    http_status = 503


class ExperimentError(MLOpsError):
    """Base of the errors of experiment tracking."""

    code = ErrorCode.EXPERIMENT_ERROR


class ExperimentNotFoundError(ExperimentError, LookupError):
    """No experiment has this id or name."""

    code = ErrorCode.EXPERIMENT_NOT_FOUND
    http_status = 404
    exit_code = ExitCode.NOT_FOUND


class ExperimentExistsError(ExperimentError):
    """An experiment of this name exists and ``exist_ok`` is false."""

    code = ErrorCode.EXPERIMENT_EXISTS
    http_status = 409
    exit_code = ExitCode.CONFLICT


class RunNotFoundError(ExperimentError, LookupError):
    """No run has this id."""

    code = ErrorCode.RUN_NOT_FOUND
    http_status = 404
    exit_code = ExitCode.NOT_FOUND


class RunNotActiveError(ExperimentError):
    """The run has ended, or was read back from disk, and cannot be written."""

    code = ErrorCode.RUN_NOT_ACTIVE
    http_status = 409
    exit_code = ExitCode.CONFLICT


class ArtifactNotFoundError(ExperimentError, LookupError):
    """The run has no artifact of this path."""

    code = ErrorCode.ARTIFACT_NOT_FOUND
    http_status = 404
    exit_code = ExitCode.NOT_FOUND


class TrackingValidationError(ExperimentError, ValidationError):
    """A name or value given to the tracker is not acceptable; nothing was written."""

    code = ErrorCode.VALIDATION_ERROR
    http_status = 400
    exit_code = ExitCode.USAGE


class FilterSyntaxError(ExperimentError, ValidationError):
    """A filter text does not parse; the message points at the column."""

    code = ErrorCode.FILTER_SYNTAX_ERROR
    http_status = 400
    exit_code = ExitCode.USAGE


class RegistryError(MLOpsError):
    """Base of the errors of the model registry."""

    code = ErrorCode.REGISTRY_ERROR


class ModelNotFoundError(RegistryError, LookupError):
    """No model, version, stage or alias of this name exists."""

    code = ErrorCode.MODEL_NOT_FOUND
    http_status = 404
    exit_code = ExitCode.NOT_FOUND


class ModelExistsError(RegistryError):
    """A model of this name exists already."""

    code = ErrorCode.MODEL_EXISTS
    http_status = 409
    exit_code = ExitCode.CONFLICT


class ModelVersionConflictError(RegistryError):
    """This version label exists with other content."""

    code = ErrorCode.MODEL_VERSION_CONFLICT
    http_status = 409
    exit_code = ExitCode.CONFLICT


class StageConflictError(RegistryError):
    """The change of stage is not possible now."""

    code = ErrorCode.STAGE_CONFLICT
    http_status = 409
    exit_code = ExitCode.CONFLICT


class SignatureMismatchError(RegistryError, ValidationError):
    """The data does not fit the model's signature; names the column and what is wrong."""

    code = ErrorCode.SIGNATURE_MISMATCH
    http_status = 422
    exit_code = ExitCode.USAGE


class FlavorError(RegistryError):
    """A model could not be saved to, or loaded from, its format."""

    code = ErrorCode.FLAVOR_ERROR


class UntrustedModelError(RegistryError, PermissionError):
    """Loading would run code from the artifact, and that was not permitted."""

    code = ErrorCode.MODEL_UNTRUSTED
    http_status = 403
    exit_code = ExitCode.NOT_PERMITTED


class DeploymentError(MLOpsError):
    """A deployment could not be made, changed or rolled back."""

    code = ErrorCode.DEPLOYMENT_ERROR


class MonitoringError(MLOpsError):
    """Monitoring data could not be recorded or read."""

    code = ErrorCode.MONITORING_ERROR


class DriftDetectionError(MLOpsError):
    """Drift could not be computed from the data given."""

    code = ErrorCode.DRIFT_DETECTION_ERROR


class DriftInputError(DriftDetectionError, ValidationError):
    """Base of the errors that name what is wrong with the data or options given."""

    code = ErrorCode.DRIFT_DETECTION_ERROR
    http_status = 422
    exit_code = ExitCode.USAGE


class DriftOptionError(DriftInputError):
    """An option of the detector is unknown or out of its range."""


class DriftColumnsError(DriftInputError):
    """The reference and the current data do not have the same columns."""


class DriftTypeError(DriftInputError):
    """A column is of a kind that cannot be compared, or of different kinds in the two samples."""


class DriftMixedTypesError(DriftInputError):
    """An object column holds values of several types."""


class DriftEmptyError(DriftInputError):
    """There are no rows, or no columns, to compare."""


class DriftMissingError(DriftInputError):
    """Every value is missing where some are needed."""


class DriftInfiniteError(DriftInputError):
    """A column holds infinite values."""


class DriftFoundError(DriftDetectionError):
    """Drift was found where the caller asked that it stop the work."""
