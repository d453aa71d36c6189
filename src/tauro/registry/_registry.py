"""The model registry's public verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tauro.events import Observers, Operation, get_observers
from tauro.flavors import LoadedModel
from tauro.flavors import load_model as load_folder
from tauro.registry import _decide
from tauro.registry._core import RegistryCore, live_versions
from tauro.registry._decide import Decide
from tauro.registry._ledger import ModelLedger
from tauro.registry._models import ModelMetadata, ModelStage
from tauro.registry._names import check_alias
from tauro.registry._register import Registration
from tauro.registry._values import clean_dependencies, clean_tags
from tauro.registry._version import ModelVersion, make_version, signature_of
from tauro.storage import Progress, StorageBackend
from tauro.types import Durability, StrPath


class ModelRegistry:
    """Models, their versions, and which of them is used for what.

    Every verb may be called from any thread and any process at the same time, with no lock. Numbers
    of versions have no gap and no double, at most one version of a model is in Production, and the
    history of every change is kept.

    Args:
        storage: The store.
        observers: Hooks, events, metrics and audit log; the process-wide ones by default.
        durability: What an acknowledged change survives: ``disk`` or ``process``.
        max_versions_per_model: Keep this many versions; older ones that are not in use are deleted
            when a new one is registered.
        model_retention_days: Delete versions older than this that are not in use.
        run_facts: Called with a run's id by :meth:`lineage`; returns what is known of the run.
    """

    def __init__(
        self,
        storage: StorageBackend,
        *,
        observers: Observers | None = None,
        durability: Durability = "disk",
        max_versions_per_model: int | None = None,
        model_retention_days: float | None = None,
        run_facts: Callable[[str], Mapping[str, Any] | None] | None = None,
    ) -> None:
        self._core = RegistryCore(storage, observers or get_observers(), durability)
        self.storage = storage
        self.max_versions_per_model = max_versions_per_model
        self.model_retention_days = model_retention_days
        self._run_facts = run_facts

    def __repr__(self) -> str:
        return f"ModelRegistry({self.storage!r})"

    # Registering

    def register_model(  # noqa: PLR0917 - the documents users read name these positions
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
            "hyperparameters": {} if hyperparameters is None else hyperparameters,
            "metrics": {} if metrics is None else metrics,
            "tags": {} if tags is None else tags,
            "input_schema": {} if input_schema is None else input_schema,
            "output_schema": {} if output_schema is None else output_schema,
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
            progress=progress,
        )
        registration.complete(data, model_name)

        def act(data: dict[str, Any]) -> tuple[ModelVersion, bool]:
            ledger, metadata, is_new = registration.run(data)
            return self._view(ledger, metadata), is_new

        def describe(result: tuple[ModelVersion, bool]) -> dict[str, Any] | None:
            version, is_new = result
            return _payload(version) if is_new else None

        version, _ = self._core.observers.perform(Operation.MODEL_REGISTER, data, act, describe)
        return version

    # Reading

    def get_model_version(self, name: str, version: int | None = None) -> ModelVersion:
        """Return a version, the latest without a number.

        Raises:
            ModelNotFoundError: There is no such model or version.
        """
        return self._view(*self._core.resolve(name, version))

    def get_model_by_stage(self, name: str, stage: ModelStage | str) -> ModelVersion:
        """Return the version in a stage; the latest one where there are several.

        Raises:
            ModelNotFoundError: There is none.
        """
        return self._view(*self._core.resolve(name, stage=stage))

    def get_model_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version that an alias points at.

        Raises:
            ModelNotFoundError: There is no such alias.
        """
        return self._view(*self._core.resolve(name, alias=alias))

    def list_models(self) -> list[dict[str, Any]]:
        """Return every model with the fields of its latest version, by name."""
        models = []
        for _, ledger in self._core.all_ledgers():
            state, live = ledger.state, live_versions(ledger)
            if state.deleted is None and not state.moved_to and live:
                latest = self._view(ledger, ledger.metadata(live[-1]))
                models.append(
                    {
                        **latest.to_dict(),
                        "versions": len(live),
                        "production_version": state.production,
                        "model_aliases": dict(state.aliases),
                        "model_description": state.description,
                        "model_tags": dict(state.tags),
                    }
                )
        return models

    def list_model_versions(
        self, name: str, *, include_deleted: bool = False
    ) -> list[dict[str, Any]]:
        """Return the fields of every version of a model, rising.

        Raises:
            ModelNotFoundError: There is no such model.
        """
        ledger = self._core.model(name, deleted=include_deleted)
        numbers = range(1, ledger.latest + 1) if include_deleted else live_versions(ledger)
        return [self._view(ledger, ledger.metadata(number)).to_dict() for number in numbers]

    # Stages and aliases

    def promote_model(
        self,
        name: str,
        version: int,
        stage: ModelStage | str,
        archive_existing: bool = True,
        *,
        reason: str = "",
    ) -> ModelVersion:
        """Move a version to a stage; one that goes to Production archives the one before.

        Args:
            name: The model.
            version: Its version.
            stage: A stage, or its name in any case.
            archive_existing: With False, an occupied Production is an error instead.
            reason: Kept in the history.

        Raises:
            ModelNotFoundError: There is no such version.
            StageConflictError: Production is occupied and ``archive_existing`` is false.
        """
        wanted = ModelStage.parse(stage)
        data = {"name": name, "version": version, "stage": wanted.value, "reason": reason}

        def decide(data: dict[str, Any]) -> Decide:
            return _decide.promote(
                data["name"],
                data["version"],
                ModelStage.parse(data["stage"]),
                archive_existing=archive_existing,
                why=data.get("reason") or "",
            )

        return self._change_version(Operation.MODEL_PROMOTE, data, decide)

    def rollback_model(
        self, name: str, *, to_version: int | None = None, reason: str = ""
    ) -> ModelVersion:
        """Give Production back to the version that had it before; return that version.

        Called again, it goes one further back.

        Raises:
            StageConflictError: There is no earlier version.
            ModelNotFoundError: There is no such model or version.
        """
        data = {"name": name, "version": to_version, "reason": reason}

        def act(data: dict[str, Any]) -> tuple[ModelVersion, bool]:
            decide = _decide.roll_back(data["name"], data["version"], data.get("reason") or "")
            ledger, change = self._core.change(data["name"], decide, version=data["version"])
            number = ledger.state.production if change is None else change.version
            return self._view(ledger, ledger.metadata(number or 1)), change is not None

        def describe(result: tuple[ModelVersion, bool]) -> dict[str, Any] | None:
            return {**_payload(result[0]), "reason": reason} if result[1] else None

        return self._core.observers.perform(Operation.MODEL_ROLLBACK, data, act, describe)[0]

    def set_alias(self, name: str, alias: str, version: int, *, reason: str = "") -> ModelVersion:
        """Point an alias at a version, wherever it pointed before.

        Raises:
            ModelNotFoundError: There is no such version.
            ValidationError: The alias has characters that none may have.
        """
        check_alias(alias)
        data = {"name": name, "version": version, "alias": alias, "reason": reason}
        return self._change_version(
            Operation.ALIAS_SET,
            data,
            lambda d: _decide.set_alias(check_alias(d["alias"]), d["version"], reason),
        )

    def delete_alias(self, name: str, alias: str, *, reason: str = "") -> None:
        """Remove an alias.

        Raises:
            ModelNotFoundError: There is no such alias.
        """
        data = {"name": name, "alias": alias, "reason": reason}
        self._core.observers.perform(
            Operation.ALIAS_DELETE,
            data,
            lambda d: self._core.change(
                d["name"], _decide.delete_alias(d["name"], d["alias"], reason)
            ),
            lambda _: data,
        )

    # Files

    def download_artifact(
        self,
        name: str,
        version: int | None,
        local_destination: StrPath,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Copy a version's files into a local folder, the latest version's without a number.

        Raises:
            ModelNotFoundError: There is no such version.
            CorruptDataError: A file is not as it was registered.
        """
        _, metadata = self._core.resolve(name, version)
        self._core.artifacts.download(metadata, local_destination, progress)

    def load_model(
        self,
        name: str,
        version: int | None = None,
        stage: ModelStage | str | None = None,
        alias: str | None = None,
        *,
        allow_pickle: bool = False,
        trusted: Iterable[type | str] = (),
    ) -> LoadedModel:
        """Load a version: by number, stage or alias, the latest without any.

        Every file is checked against the hash recorded at registration before it is opened.

        Args:
            name: The model.
            version: Its number.
            stage: Or the stage it is in.
            alias: Or an alias.
            allow_pickle: Permit formats whose loading runs code.
            trusted: Types that the files may hold beyond those known to be safe.

        Raises:
            ModelNotFoundError: There is no such version.
            UntrustedModelError: Loading takes a permission that was not given.
            CorruptDataError: A file is not as it was registered.
            FlavorError: The files cannot be read.
        """
        _, metadata = self._core.resolve(name, version, stage, alias)
        with self._core.artifacts.local_folder(metadata) as folder:
            return load_folder(
                folder,
                flavor=metadata.framework or None,
                allow_pickle=allow_pickle,
                trusted=trusted,
                hashes={file.path: file.sha256 for file in metadata.files},
                signature=signature_of(metadata),
            )

    # History

    def history(self, name: str, version: int | None = None) -> list[dict[str, Any]]:
        """Return every registration and change of a model, or of one version, oldest first.

        Each entry has ``at``, ``by``, ``action``, ``version``, ``from``, ``to``, ``why``.

        Raises:
            ModelNotFoundError: There is no such model.
        """
        from tauro.registry._history import history_of

        ledger = self._core.model(name, deleted=True)
        return history_of(ledger, version)

    # Changing words

    def set_tags(
        self, name: str, tags: Mapping[str, Any], version: int | None = None
    ) -> ModelVersion | None:
        """Set tags of a version, or without a number of the model as a whole.

        Raises:
            ModelNotFoundError: There is no such model or version.
            ValidationError: A tag is no text.
        """
        clean = clean_tags(tags)
        return self._update(
            name,
            version,
            {"tags": clean},
            lambda metadata: _decide.set_tags(version, clean, metadata.tags),
        )

    def delete_tags(
        self, name: str, keys: Iterable[str], version: int | None = None
    ) -> ModelVersion | None:
        """Remove tags of a version, or without a number of the model as a whole.

        Raises:
            ModelNotFoundError: There is no such model, version or tag.
        """
        wanted = [keys] if isinstance(keys, str) else list(keys)
        return self._update(
            name,
            version,
            {"deleted_tags": wanted},
            lambda metadata: _decide.delete_tags(name, version, wanted, metadata.tags),
        )

    def update_description(
        self, name: str, description: str, version: int | None = None
    ) -> ModelVersion | None:
        """Replace the description of a version, or without a number of the model as a whole.

        Raises:
            ModelNotFoundError: There is no such model or version.
        """
        return self._update(
            name,
            version,
            {"description": description},
            lambda metadata: _decide.describe(version, description, metadata.description),
        )

    def annotate(self, name: str, version: int, text: str) -> ModelVersion:
        """Add a remark to a version; it is kept with who and when.

        Raises:
            ModelNotFoundError: There is no such version.
        """
        found = self._update(
            name, version, {"annotation": text}, lambda _: _decide.annotate(version, text)
        )
        assert found is not None
        return found

    # Inside

    def _view(self, ledger: ModelLedger, metadata: ModelMetadata) -> ModelVersion:
        with ledger.frozen():
            return make_version(metadata, ledger.state, self._core.uri, self)

    def _change_version(
        self,
        operation: Operation,
        data: dict[str, Any],
        decide: Callable[[dict[str, Any]], Decide],
    ) -> ModelVersion:
        """Change one version under the eyes of the observers; tell nobody when nothing changed."""

        def act(data: dict[str, Any]) -> tuple[ModelVersion, bool]:
            name, version = data["name"], data["version"]
            ledger, change = self._core.change(name, decide(data), version=version)
            return self._view(ledger, ledger.metadata(version)), change is not None

        def describe(result: tuple[ModelVersion, bool]) -> dict[str, Any] | None:
            return {**_payload(result[0]), **data} if result[1] else None

        return self._core.observers.perform(operation, data, act, describe)[0]

    def _update(
        self,
        name: str,
        version: int | None,
        what: dict[str, Any],
        decide: Callable[[ModelMetadata], Decide],
    ) -> ModelVersion | None:
        data = {"name": name, "version": version, **what}

        def act(_: dict[str, Any]) -> tuple[ModelVersion | None, bool]:
            ledger = self._core.model(name)
            metadata = self._core.check_version(ledger, name, version or 1) if version else None
            chosen = decide(metadata if metadata is not None else ledger.metadata(1))
            ledger, change = self._core.change(name, chosen, version=version)
            view = self._view(ledger, metadata) if metadata is not None else None
            return view, change is not None

        return self._core.observers.perform(
            Operation.MODEL_UPDATE, data, act, lambda result: data if result[1] else None
        )[0]


def _payload(version: ModelVersion) -> dict[str, Any]:
    """Return what hooks and listeners learn of a version."""
    return {
        "name": version.name,
        "version": version.version,
        "stage": version.stage.value,
        "framework": version.framework,
        "artifact_type": version.artifact_type,
        "description": version.description,
        "hyperparameters": version.hyperparameters,
        "metrics": version.metrics,
        "tags": version.tags,
        "experiment_run_id": version.experiment_run_id,
        "artifact_uri": version.artifact_uri,
    }
