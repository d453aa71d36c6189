"""The model registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tauro.events import Observers, Operation
from tauro.registry._base import RunFacts, payload_of
from tauro.registry._changing import ChangeVerbs
from tauro.registry._reading import ReadVerbs
from tauro.registry._register import Registration
from tauro.registry._removing import RemoveVerbs
from tauro.registry._values import check_limit, clean_dependencies, copy_mapping
from tauro.registry._version import ModelVersion
from tauro.storage import Progress, StorageBackend
from tauro.types import Durability, StrPath


class ModelRegistry(ReadVerbs, ChangeVerbs, RemoveVerbs):
    """Models, their versions, and which of them is used for what.

    Every verb may be called from any thread and any process at the same time, with no lock. Numbers
    of versions have no gap and no double, at most one version of a model is in Production, and the
    history of every change is kept.

    Args:
        storage: The store, or its folder or URL.
        observers: Hooks, events, metrics and audit log; the process-wide ones by default.
        durability: What an acknowledged change survives: ``disk`` or ``process``.
        max_versions_per_model: Keep this many versions; older ones that are not in use are deleted
            when a new one is registered.
        model_retention_days: Delete versions older than this that are not in use.
        run_facts: Called with a run's id by :meth:`lineage`; returns what is known of the run.

    Raises:
        ValidationError: The durability is none, or a limit is no positive number.
        StoreFormatError: The folder is another program's, or a store of a newer format.
    """

    def __init__(
        self,
        storage: StorageBackend | StrPath,
        *,
        observers: Observers | None = None,
        durability: Durability = "disk",
        max_versions_per_model: int | None = None,
        model_retention_days: float | None = None,
        run_facts: RunFacts | None = None,
    ) -> None:
        self.max_versions_per_model = check_limit(max_versions_per_model, "max_versions_per_model")
        self.model_retention_days = check_limit(model_retention_days, "model_retention_days")
        super().__init__(storage, observers, durability, run_facts)

    def __repr__(self) -> str:
        return f"ModelRegistry({self.storage!r})"

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
        input_schema: Any = None,
        output_schema: Any = None,
        dependencies: Iterable[str] | None = None,
        experiment_run_id: str | None = None,
        *,
        model: Any = None,
        model_name: str | None = None,
        input_example: Any = None,
        flavor: str | None = None,
        code_paths: Iterable[StrPath] = (),
        parents: Iterable[Any] = (),
        label: str = "",
        idempotent: bool = False,
        link: bool = False,
        progress: Progress | None = None,
    ) -> ModelVersion:
        """Register a model under the next version number.

        Args:
            name: The model's name.
            artifact_path: A file or folder, copied as it is and never opened.
            artifact_type: What it is, in your words.
            framework: The framework, in your words.
            description: Free text.
            hyperparameters: JSON values.
            metrics: Numbers.
            tags: Texts.
            input_schema: ``{column: type}``, ``[{"name", "type", "nullable"}]`` or JSON Schema.
            output_schema: The same of the outputs.
            dependencies: Requirements.
            experiment_run_id: The run that made it; the active one by default.
            model: Instead of a path: an object, saved in its framework's safest format.
            model_name: The same as ``name``.
            input_example: A few rows of input of ``model``; its signature is inferred from them.
            flavor: How to save ``model``; found from its class by default.
            code_paths: The user's own modules that ``model`` needs.
            parents: Versions it was made from: versions, or pairs of name and number.
            label: A version label such as ``1.0.0``, unique within the model.
            idempotent: Return the version that has the same content, if there is one.
            link: Let the store share files with the source where the file system can, instead of
                copying them: by blocks, or as a second name of the file, which then must not be
                changed in place.
            progress: Called with the bytes copied since the last call.

        Raises:
            ValidationError: An argument is missing, doubled, or of the wrong kind.
            FileNotFoundError: There is nothing at ``artifact_path``.
            FlavorError: ``model`` cannot be saved.
            ModelVersionConflictError: The label exists with other content.
        """
        data = {
            "name": name,
            "artifact_path": artifact_path,
            "artifact_type": artifact_type,
            "framework": framework,
            "description": description,
            "hyperparameters": copy_mapping(hyperparameters),
            "metrics": copy_mapping(metrics),
            "tags": copy_mapping(tags),
            "input_schema": copy_mapping(input_schema),
            "output_schema": copy_mapping(output_schema),
            "dependencies": clean_dependencies(dependencies),
            "experiment_run_id": experiment_run_id,
        }
        registration = Registration(
            self._core,
            model=model,
            input_example=input_example,
            flavor=flavor,
            code_paths=tuple(code_paths),
            parents=tuple(parents),
            label=label,
            idempotent=idempotent,
            link=link,
            progress=progress,
        )
        registration.complete(data, model_name)

        def act(data: dict[str, Any]) -> tuple[ModelVersion, bool]:
            ledger, metadata, is_new = registration.run(data)
            return self._view(ledger, metadata), is_new

        def describe(result: tuple[ModelVersion, bool]) -> dict[str, Any] | None:
            version, is_new = result
            return payload_of(version) if is_new else None

        version, is_new = self._core.observers.perform(
            Operation.MODEL_REGISTER, data, act, describe
        )
        if is_new:
            self._index.note(version.name)
            if self.max_versions_per_model is not None or self.model_retention_days is not None:
                self.apply_retention(version.name)
        return version
