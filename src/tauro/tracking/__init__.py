"""Experiments, runs and their metrics."""

from tauro.tracking._catalogue import RunPage
from tauro.tracking._experiment import Experiment
from tauro.tracking._models import (
    ArtifactRecord,
    DatasetInput,
    ErrorRecord,
    LoggedModel,
    Metric,
    RunStatus,
)
from tauro.tracking._run import Run
from tauro.tracking._tracker import ExperimentTracker

__all__ = [
    "ArtifactRecord",
    "DatasetInput",
    "ErrorRecord",
    "Experiment",
    "ExperimentTracker",
    "LoggedModel",
    "Metric",
    "Run",
    "RunPage",
    "RunStatus",
]
