"""What a store, a tracker, a registry and an emitter must at least have.

Write a class with these methods and it fits wherever one of ours does; type checkers see it, and
``isinstance`` looks for the methods. That they also behave is what the suites of ``tauro.testing``
check. :class:`LockProtocol` stands beside them in ``tauro.concurrency``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pandas as pd

    from tauro.types import StrPath


@runtime_checkable
class StorageBackendProtocol(Protocol):
    """A place that keeps documents, frames and artifacts under relative keys."""

    def write_dataframe(self, df: pd.DataFrame, path: str, mode: Any = "overwrite") -> Any:
        """Put a frame at a key as Parquet."""

    def read_dataframe(self, path: str) -> pd.DataFrame:
        """Return the frame at a key."""

    def write_json(self, data: Any, path: str) -> Any:
        """Put a JSON document at a key."""

    def read_json(self, path: str) -> Any:
        """Return the document at a key."""

    def write_artifact(self, src: StrPath, dest: str) -> Any:
        """Copy a local file or folder to a key."""

    def read_artifact(self, src: str, dest_local: StrPath) -> None:
        """Copy the file or folder at a key to a local path."""

    def exists(self, path: str) -> bool:
        """Tell whether something is at a key."""

    def list_paths(self, prefix: str = "") -> list[str]:
        """Return the keys below a folder."""

    def delete(self, path: str) -> bool:
        """Remove what is at a key; tell whether something was."""


@runtime_checkable
class ExperimentTrackerProtocol(Protocol):
    """Keeps experiments, their runs, and what was logged to them."""

    def create_experiment(
        self,
        name: str | None = None,
        description: str = "",
        tags: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the experiment of a name, made where there is none."""

    def start_run(
        self,
        experiment_id: Any = None,
        name: str = "",
        parameters: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        parent_run_id: Any = None,
    ) -> Any:
        """Start a run; its ``run_id`` names it in every other verb."""

    def log_metric(
        self,
        run_id: Any,
        key: str,
        value: float,
        step: int = 0,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Log one point of a metric."""

    def log_parameter(self, run_id: Any, key: str, value: Any) -> None:
        """Log a parameter."""

    def log_artifact(self, run_id: Any, artifact_path: StrPath, destination: str = "") -> str:
        """Copy a file or folder into the run; return where it is."""

    def end_run(self, run_id: Any, status: Any = ...) -> Any:
        """End a run."""

    def get_run(self, run_id: Any) -> Any:
        """Return a run, running or ended."""

    def list_runs(
        self,
        experiment_id: Any = None,
        status_filter: Any = None,
        tag_filter: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the runs of an experiment as mappings."""

    def compare_runs(self, run_ids: Sequence[Any]) -> pd.DataFrame:
        """Return one row a run."""

    def search_runs(
        self,
        experiment_id: Any = None,
        metric_filter: Mapping[str, tuple[str, float]] | None = None,
    ) -> list[str]:
        """Return the ids of the runs whose metrics fit."""


@runtime_checkable
class ModelRegistryProtocol(Protocol):
    """Keeps models, their versions and their stages."""

    def register_model(
        self,
        name: str | None = None,
        artifact_path: StrPath | None = None,
        artifact_type: str | None = None,
        framework: str | None = None,
        description: str = "",
        hyperparameters: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> Any:
        """Keep an artifact as the next version of a model."""

    def get_model_version(self, name: str, version: int | None = None) -> Any:
        """Return a version, the latest where none is named."""

    def list_models(self) -> list[dict[str, Any]]:
        """Return every model with its latest version."""

    def list_model_versions(self, name: str) -> list[dict[str, Any]]:
        """Return every version of a model."""

    def promote_model(
        self, name: str, version: int, stage: Any, archive_existing: bool = True
    ) -> Any:
        """Give a version a stage."""

    def download_artifact(self, name: str, version: int | None, local_destination: StrPath) -> None:
        """Copy a version's files to a local path."""


@runtime_checkable
class EventEmitterProtocol(Protocol):
    """Tells listeners what happened."""

    def subscribe(self, event_type: str, callback: Callable[[Any], Any]) -> Any:
        """Call ``callback(event)`` for every event of a type."""

    def unsubscribe(self, event_type: str, callback: Callable[[Any], Any]) -> Any:
        """No longer call it."""

    def emit(self, event_type: str, data: Mapping[str, Any] | None = None) -> Any:
        """Tell the listeners that something happened."""
