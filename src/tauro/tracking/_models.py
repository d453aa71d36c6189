"""The records of tracking, as they stand in the store's JSON documents."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, Literal

import msgspec

from tauro._internal._clock import from_ns
from tauro._internal._floats import float_from_json
from tauro._internal._json import decode, decode_checked, with_checksum

Lifecycle = Literal["active", "deleted", "removing"]
"""``removing``: what :meth:`ExperimentTracker.gc` has begun to remove and nothing brings back."""


class RunStatus(enum.StrEnum):
    """The state of a run. Abandonment is derived by readers, not written."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SCHEDULED = "SCHEDULED"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A point of a metric.

    Attributes:
        key: The metric's key.
        value: The value; NaN and infinities are values.
        step: The step it was logged at.
        timestamp_ns: When it was logged, nanoseconds since the epoch.
    """

    key: str
    value: float
    step: int = 0
    timestamp_ns: int = 0

    @property
    def timestamp(self) -> datetime:
        """When it was logged, UTC, to the microsecond."""
        return from_ns(self.timestamp_ns)


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The exception that ended a run."""

    type: str
    message: str
    traceback: str = ""


class DatasetInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A dataset that a run read.

    Attributes:
        name: The dataset's name in the user's words.
        fingerprint: Hash of the content, ``sha256:…`` or a faster digest with its name.
        context: What it was used for: ``training``, ``validation``, ``test``.
        source: Where it came from, for people.
        data_schema: Column name to type.
        rows: Number of rows, None when unknown.
        tags: Free text.
    """

    name: str
    fingerprint: str = ""
    context: str = ""
    source: str = ""
    data_schema: dict[str, str] = {}
    rows: int | None = None
    tags: dict[str, str] = {}


class ArtifactRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A file or folder logged to a run."""

    path: str
    size: int
    sha256: str = ""
    is_dir: bool = False


class LoggedModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model logged to a run: its artifact path, flavor and signature."""

    name: str
    artifact_path: str
    flavor: str
    framework: str = ""
    signature: dict[str, Any] = {}
    model_id: str = ""


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The process that opened a run; its heartbeat is the file ``_tauro/writers/{writer_id}``."""

    writer_id: str
    host: str
    pid: int


class RunRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run as its document holds it. ``rev`` rises with every write of the document."""

    run_id: str
    experiment_id: str
    name: str
    status: RunStatus
    start_time: datetime
    rev: int = 1
    end_time: datetime | None = None
    lifecycle: Lifecycle = "active"
    deleted_at: datetime | None = None
    parent_run_id: str | None = None
    user: str = ""
    parameters: dict[str, Any] = {}
    metrics: dict[str, float | str] = {}
    """Last value of each metric; NaN and infinities by name, as :func:`float_to_json` writes."""
    tags: dict[str, str] = {}
    artifacts: list[ArtifactRecord] = []
    replacing: list[ArtifactRecord] = []
    """What is being put in the place of an artifact; either may stand there after a crash."""
    inputs: list[DatasetInput] = []
    models: list[LoggedModel] = []
    note: str = ""
    source: dict[str, Any] = {}
    """Captured environment: git commit, command line, versions, host."""
    owner: Owner | None = None
    error: ErrorRecord | None = None
    artifact_uri: str = ""


class ExperimentRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An experiment as its document holds it."""

    experiment_id: str
    name: str
    created_at: datetime
    rev: int = 1
    updated_at: datetime | None = None
    description: str = ""
    tags: dict[str, str] = {}
    lifecycle: Lifecycle = "active"
    deleted_at: datetime | None = None
    artifact_location: str = ""


def describe_record(record: RunRecord) -> dict[str, Any]:
    """Return a run's fields as plain values, all of them whether set or not."""
    described = msgspec.structs.asdict(record)
    del described["replacing"]
    for name in ("inputs", "models", "owner", "error", "source"):
        described[name] = msgspec.to_builtins(described[name])
    return described | {
        "status": record.status.value,
        "parameters": dict(record.parameters),
        "metrics": {key: float_from_json(value) for key, value in record.metrics.items()},
        "tags": dict(record.tags),
        "artifacts": [artifact.path for artifact in record.artifacts],
    }


_encoder = msgspec.json.Encoder()
_run_decoder = msgspec.json.Decoder(RunRecord)
_experiment_decoder = msgspec.json.Decoder(ExperimentRecord)


def encode(record: RunRecord | ExperimentRecord) -> bytes:
    """Return a record as a JSON document."""
    return _encoder.encode(record)


def decode_run(data: bytes) -> RunRecord:
    """Return the run of a JSON document."""
    return decode(data, _run_decoder)


def decode_experiment(data: bytes) -> ExperimentRecord:
    """Return the experiment of a JSON document."""
    return decode(data, _experiment_decoder)


def encode_claim(record: ExperimentRecord) -> bytes:
    """Return the claim of an experiment's name: its record, and a checksum."""
    return with_checksum(msgspec.json.format(encode(record), indent=2))


def decode_claim(data: bytes) -> ExperimentRecord:
    """Return the experiment of the claim of its name, whose checksum holds."""
    return decode_checked(data, _experiment_decoder)
