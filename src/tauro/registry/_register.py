"""Registering: check, stage the files, allocate the number, move the files into place.

The version's document is created when its files are complete and hashed, and its creation is the
one moment at which the version comes to be. Whatever ends the process before leaves a staging
folder that ``gc`` removes; whatever ends it after leaves a version whose files the next reader
moves into their place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from tauro._internal._active import active_run_id
from tauro._internal._clock import now
from tauro._internal._close import did_you_mean
from tauro.errors import (
    ModelExistsError,
    ModelVersionConflictError,
    StorageError,
    TauroError,
    ValidationError,
)
from tauro.events import current_actor
from tauro.flavors import ModelSignature, ModelSpec, save_model
from tauro.registry._artifacts import digest_of
from tauro.registry._core import RegistryCore
from tauro.registry._decide import how_to_restore
from tauro.registry._ledger import ModelLedger
from tauro.registry._models import ArtifactFile, ModelMetadata, ParentVersion
from tauro.registry._names import check_label, check_model_name
from tauro.registry._values import (
    check_text,
    clean_dependencies,
    clean_hyperparameters,
    clean_metrics,
    clean_schema,
    clean_tags,
)
from tauro.storage import Progress
from tauro.types import StrPath

_FIELDS: Final = frozenset(
    {
        "name",
        "artifact_path",
        "artifact_type",
        "framework",
        "description",
        "hyperparameters",
        "metrics",
        "tags",
        "input_schema",
        "output_schema",
        "dependencies",
        "experiment_run_id",
    }
)


@dataclass(slots=True)
class Registration:
    """One call of ``register_model``: what hooks do not see, and the steps."""

    core: RegistryCore
    model: Any
    input_example: Any
    flavor: str | None
    code_paths: tuple[StrPath, ...]
    parents: tuple[Any, ...]
    label: str
    idempotent: bool
    link: bool
    progress: Progress | None

    def complete(self, data: dict[str, Any], model_name: str | None) -> None:
        """Check what must be right before hooks are asked, and fill in what is left out.

        Raises:
            ValidationError: The name or the model is missing, or given twice and differently.
        """
        name = data["name"]
        if name is not None and model_name is not None and name != model_name:
            raise ValidationError(
                f"name={name!r} and model_name={model_name!r} mean the same and differ.",
                suggestions=["Give one of them."],
            )
        data["name"] = check_model_name(name if name is not None else model_name)
        if (data["artifact_path"] is None) == (self.model is None):
            given = "neither" if self.model is None else "both"
            raise ValidationError(
                f"register_model({data['name']!r}) takes exactly one of artifact_path and model, "
                f"got {given}.",
                suggestions=["artifact_path= copies files as they are; model= saves an object."],
            )
        if data["experiment_run_id"] is None:
            data["experiment_run_id"] = active_run_id()

    def run(self, data: dict[str, Any]) -> tuple[ModelLedger, ModelMetadata, bool]:
        """Register with the data as hooks left it; tell also whether the version is new."""
        unknown = sorted(set(data) - _FIELDS)
        if unknown:
            raise ValidationError(
                f"A hook gave register_model the unknown field {unknown[0]!r}.",
                suggestions=did_you_mean(unknown[0], _FIELDS),
            )
        draft = self._draft(data)
        ledger = self._open(draft.name)
        staging, files, spec = self._stage(draft, data["artifact_path"])
        complete = _with_files(draft, staging, files, data["artifact_path"], spec)
        self.core.mark()
        return self._store(ledger, complete)

    def _stage(
        self, draft: ModelMetadata, source: StrPath
    ) -> tuple[str, list[ArtifactFile], ModelSpec | None]:
        """Put the files into a staging folder; return its key, the files, and the flavor's say."""
        artifacts = self.core.artifacts
        if self.model is None:
            staging, files = artifacts.stage(source, progress=self.progress, link=self.link)
            return staging, files, None
        specs: list[ModelSpec] = []

        def write(folder: Path) -> dict[str, str]:
            spec = save_model(
                self.model,
                folder,
                flavor=self.flavor,
                signature=_signature(draft),
                input_example=self.input_example,
                code_paths=self.code_paths,
            )
            specs.append(spec)
            return spec.files

        staging, files = artifacts.stage_written(write, progress=self.progress)
        return staging, files, specs[0]

    def _draft(self, data: dict[str, Any]) -> ModelMetadata:
        run_id = data.get("experiment_run_id")
        return ModelMetadata(
            name=check_model_name(data.get("name")),
            version=0,
            created_at=now(),
            created_by=current_actor(),
            artifact_type=check_text(data.get("artifact_type"), "artifact_type"),
            framework=check_text(data.get("framework"), "framework"),
            description=check_text(data.get("description"), "description"),
            hyperparameters=clean_hyperparameters(data.get("hyperparameters")),
            metrics=clean_metrics(data.get("metrics")),
            tags=clean_tags(data.get("tags")),
            input_schema=clean_schema(data.get("input_schema"), "input"),
            output_schema=clean_schema(data.get("output_schema"), "output"),
            dependencies=clean_dependencies(data.get("dependencies")),
            experiment_run_id=None if run_id is None else str(getattr(run_id, "run_id", run_id)),
            parents=[_parent(entry) for entry in self.parents],
            label=check_label(self.label),
        )

    def _open(self, name: str) -> ModelLedger:
        ledger = self.core.ledger(name)
        if ledger.state.deleted is not None:
            raise ModelExistsError(
                f"The model {name!r} exists and is deleted.",
                context={"name": name},
                suggestions=[how_to_restore(name), "Or choose another name."],
            )
        self._refuse_moved(name, ledger.state.moved_to)
        return ledger

    def _refuse_moved(self, name: str, moved_to: str) -> None:
        if moved_to:
            raise ModelExistsError(
                f"The model {name!r} was renamed to {moved_to!r}; the old name stays reserved.",
                context={"name": name, "new_name": moved_to},
                suggestions=[f"Register under {moved_to!r}, or choose another name."],
            )

    def _store(
        self, ledger: ModelLedger, complete: ModelMetadata
    ) -> tuple[ModelLedger, ModelMetadata, bool]:
        staging = complete.staging
        try:
            metadata = ledger.allocate(lambda number: self._number(ledger, complete, number))
        except StorageError:
            # The document may be there all the same (a folder that could not be synchronised), and
            # then these are its files. Where it is not, gc removes them.
            raise
        except TauroError:
            self.core.artifacts.discard(staging)
            raise
        if metadata.staging != staging:
            self.core.artifacts.discard(staging)
            return ledger, metadata, False
        self.core.artifacts.commit(metadata)
        return ledger, metadata, True

    def _number(self, ledger: ModelLedger, draft: ModelMetadata, number: int) -> ModelMetadata:
        """Return the document of the next number, or the one that exists and will do."""
        last = ledger.readable(number - 1) if number > 1 else None
        if last is not None:
            self._refuse_moved(draft.name, last.moved_to)
        if self.idempotent or self.label:
            found = self._find_same(ledger, draft, number)
            if found is not None:
                return found
        return msgspec.structs.replace(draft, version=number)

    def _find_same(
        self, ledger: ModelLedger, draft: ModelMetadata, number: int
    ) -> ModelMetadata | None:
        for earlier in range(number - 1, 0, -1):
            other = ledger.readable(earlier)
            if other is None or ledger.state.of(earlier).deleted is not None:
                continue
            same = other.digest == draft.digest
            if self.label and other.label == self.label:
                if same:
                    return other
                raise ModelVersionConflictError(
                    f"{draft.name} has the version label {self.label!r} already (v{earlier}), with "
                    "other content.",
                    context={"name": draft.name, "label": self.label, "version": earlier},
                    suggestions=["Give the new content a new label."],
                )
            if self.idempotent and same and not self.label:
                return other
        return None


def _with_files(
    draft: ModelMetadata,
    staging: str,
    files: list[ArtifactFile],
    source: StrPath,
    spec: ModelSpec | None,
) -> ModelMetadata:
    found: dict[str, Any] = {
        "staging": staging,
        "files": files,
        "digest": digest_of(files),
        "source": str(source) if spec is None else spec.model_class,
    }
    if spec is not None:
        found["model"] = spec
        found["framework"] = draft.framework or spec.framework
        found["artifact_type"] = draft.artifact_type or spec.flavor
        inferred = spec.signature
        if inferred is not None:
            for side in ("input", "output"):
                given = getattr(draft, f"{side}_schema")
                columns = getattr(inferred, f"{side}s")
                if given is None and columns:
                    found[f"{side}_schema"] = [msgspec.to_builtins(column) for column in columns]
    elif not draft.artifact_type:
        found["artifact_type"] = "folder" if Path(source).is_dir() else "file"
    return msgspec.structs.replace(draft, **found)


def _signature(draft: ModelMetadata) -> ModelSignature | None:
    if draft.input_schema is None and draft.output_schema is None:
        return None
    return ModelSignature.from_schemas(draft.input_schema, draft.output_schema)


def _parent(entry: Any) -> ParentVersion:
    name, version = getattr(entry, "name", None), getattr(entry, "version", None)
    if name is None and isinstance(entry, tuple | list) and len(entry) == 2:
        name, version = entry
    number = version if isinstance(version, int) and not isinstance(version, bool) else 0
    if number < 1 or not isinstance(name, str):
        raise ValidationError(
            f"A parent is {entry!r}; expected a version, or a pair of a model's name and a number."
        )
    return ParentVersion(check_model_name(name), number)
