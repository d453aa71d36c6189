"""Records as the fields that searches see and indices hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tauro.tracking._models import ExperimentRecord, RunRecord

RUN_TEXTS: Final = (
    "run_id",
    "name",
    "status",
    "experiment_id",
    "parent_run_id",
    "user",
    "lifecycle",
)
RUN_TIMES: Final = ("start_time", "end_time")
EXPERIMENT_TEXTS: Final = ("experiment_id", "name", "description", "lifecycle")
EXPERIMENT_TIMES: Final = ("created_at", "updated_at")


def run_fields(record: RunRecord) -> Mapping[str, Any]:
    """Return a run's attributes by name, and its metrics, params and tags."""
    return {
        "run_id": record.run_id,
        "name": record.name,
        "status": record.status.value,
        "experiment_id": record.experiment_id,
        "parent_run_id": record.parent_run_id,
        "user": record.user or None,
        "lifecycle": record.lifecycle,
        "start_time": record.start_time,
        "end_time": record.end_time,
        "metrics": record.metrics,
        "params": record.parameters,
        "tags": record.tags,
    }


def experiment_fields(record: ExperimentRecord) -> Mapping[str, Any]:
    """Return an experiment's attributes by name, and its tags."""
    return {
        "experiment_id": record.experiment_id,
        "name": record.name,
        "description": record.description or None,
        "lifecycle": record.lifecycle,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "tags": record.tags,
    }
