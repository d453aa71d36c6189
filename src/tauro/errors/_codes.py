"""Codes, exit codes and the context that errors carry."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class ExitCode(enum.IntEnum):
    """What a command's exit status means."""

    OK = 0
    FAILED = 1
    """The work was started and failed."""
    USAGE = 2
    """Wrong arguments or configuration; nothing was started."""
    NOT_FOUND = 3
    CONFLICT = 4
    """Somebody else was first: a version, a name, a lock."""
    STORAGE = 5
    NOT_PERMITTED = 6
    MISSING_EXTRA = 7
    DRIFT = 8
    """``tauro drift --fail-on-drift`` found drift."""
    INTERRUPTED = 130


class ErrorCode(enum.Enum):
    """A stable name for each kind of error, for programs and translations."""

    UNKNOWN_ERROR = "UNKNOWN_ERROR"
    CONFIGURATION_ERROR = "CONFIGURATION_ERROR"
    MISSING_EXTRA = "MISSING_EXTRA"
    PIPELINE_ERROR = "PIPELINE_ERROR"
    PLANNING_ERROR = "PLANNING_ERROR"
    NODE_FAILED = "NODE_FAILED"
    DATASET_ERROR = "DATASET_ERROR"
    DATASET_NOT_FOUND = "DATASET_NOT_FOUND"
    SCHEMA_MISMATCH = "SCHEMA_MISMATCH"
    SERVING_ERROR = "SERVING_ERROR"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    STORAGE_ERROR = "STORAGE_ERROR"
    STORAGE_NOT_FOUND = "STORAGE_NOT_FOUND"
    STORAGE_EXISTS = "STORAGE_EXISTS"
    STORAGE_CONFLICT = "STORAGE_CONFLICT"
    STORAGE_CORRUPT = "STORAGE_CORRUPT"
    STORAGE_READ_ONLY = "STORAGE_READ_ONLY"
    STORE_FORMAT_ERROR = "STORE_FORMAT_ERROR"
    PATH_NOT_ALLOWED = "PATH_NOT_ALLOWED"
    LOCK_TIMEOUT = "LOCK_TIMEOUT"
    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    EXPERIMENT_ERROR = "EXPERIMENT_ERROR"
    EXPERIMENT_NOT_FOUND = "EXPERIMENT_NOT_FOUND"
    EXPERIMENT_EXISTS = "EXPERIMENT_EXISTS"
    RUN_NOT_FOUND = "RUN_NOT_FOUND"
    RUN_NOT_ACTIVE = "RUN_NOT_ACTIVE"
    ARTIFACT_NOT_FOUND = "ARTIFACT_NOT_FOUND"
    FILTER_SYNTAX_ERROR = "FILTER_SYNTAX_ERROR"
    REGISTRY_ERROR = "REGISTRY_ERROR"
    MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
    MODEL_EXISTS = "MODEL_EXISTS"
    MODEL_VERSION_CONFLICT = "MODEL_VERSION_CONFLICT"
    STAGE_CONFLICT = "STAGE_CONFLICT"
    SIGNATURE_MISMATCH = "SIGNATURE_MISMATCH"
    FLAVOR_ERROR = "FLAVOR_ERROR"
    MODEL_UNTRUSTED = "MODEL_UNTRUSTED"
    DEPLOYMENT_ERROR = "DEPLOYMENT_ERROR"
    MONITORING_ERROR = "MONITORING_ERROR"
    DRIFT_DETECTION_ERROR = "DRIFT_DETECTION_ERROR"


@dataclass(frozen=True, slots=True)
class ErrorContext:
    """Where an error happened.

    Attributes:
        operation: The verb that failed, such as ``register_model``.
        component: The part it belongs to, such as ``registry``.
        details: What the error is about: names, versions, paths. Never secrets.
    """

    operation: str = ""
    component: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the context as plain JSON values, empty parts left out."""
        parts = {"operation": self.operation, "component": self.component, **self.details}
        plain = {str(key): to_plain(value) for key, value in parts.items()}
        return {key: value for key, value in plain.items() if value not in ("", None)}


def to_plain(value: Any) -> Any:
    """Return a value as JSON has it; what it has nothing for is its text."""
    if value is None or isinstance(value, bool | int) or type(value) is str:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, enum.Enum):
        return to_plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    return str(value)
