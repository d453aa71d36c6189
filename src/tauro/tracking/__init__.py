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
from tauro.tracking._tracker import ExperimentTracker, Repair
from tauro.tracking._verify import Damage

__all__ = [
    "ArtifactRecord",
    "Damage",
    "DatasetInput",
    "ErrorRecord",
    "Experiment",
    "ExperimentTracker",
    "LoggedModel",
    "Metric",
    "Repair",
    "Run",
    "RunPage",
    "RunStatus",
]
