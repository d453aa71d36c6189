"""A version as users see it: what was registered, with every change since."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from tauro._internal._floats import float_from_json
from tauro.registry._models import ArtifactFile, ModelMetadata, ModelStage, ParentVersion
from tauro.registry._state import Annotation, ModelState
from tauro.types import StrPath

if TYPE_CHECKING:
    from tauro.flavors import LoadedModel, ModelSignature


class VersionOwner(Protocol):
    """The verbs of a registry that a version hands on."""

    def load_model(
        self, name: str, version: int | None = None, *, allow_pickle: bool, trusted: Iterable[Any]
    ) -> LoadedModel:
        """Load a version."""

    def download_artifact(self, name: str, version: int | None, local_destination: StrPath) -> None:
        """Copy a version's files."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a model at the time it was asked for.

    Attributes:
        name: The model's name; the model's id is the same.
        version: 1, 2, 3…
        stage: Its stage.
        aliases: The aliases that point at it.
        framework: The framework.
        artifact_type: What the artifact is.
        description: Free text.
        hyperparameters: As registered.
        metrics: As registered.
        tags: As registered and changed since.
        annotations: Remarks, oldest first.
        input_schema: As given or inferred, None when unknown.
        output_schema: As given or inferred, None when unknown.
        dependencies: Requirements.
        experiment_run_id: The run that made it, None when unknown.
        parents: Versions it was made from.
        label: A version label such as ``1.0.0``.
        created_at: When it was registered, UTC.
        created_by: Who registered it.
        updated_at: When it last changed, UTC.
        artifact_uri: Where its files are.
        files: Its files with their hashes.
        deleted: Whether it is deleted; only asked-for deleted versions are.
        metadata: The document as registered.
    """

    name: str
    version: int
    stage: ModelStage
    aliases: tuple[str, ...]
    framework: str
    artifact_type: str
    description: str
    hyperparameters: dict[str, Any]
    metrics: dict[str, float]
    tags: dict[str, str]
    annotations: tuple[Annotation, ...]
    input_schema: Any
    output_schema: Any
    dependencies: list[str]
    experiment_run_id: str | None
    parents: tuple[ParentVersion, ...]
    label: str
    created_at: datetime
    created_by: str
    updated_at: datetime
    artifact_uri: str
    files: tuple[ArtifactFile, ...]
    deleted: bool
    metadata: ModelMetadata = field(repr=False)
    _registry: VersionOwner | None = field(default=None, repr=False, compare=False)

    @property
    def model_id(self) -> str:
        """The model's id, which is its name."""
        return self.name

    @property
    def run_id(self) -> str | None:
        """The run that made it."""
        return self.experiment_run_id

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def signature(self) -> ModelSignature | None:
        """Inputs and outputs: the schemas given, else those inferred when it was saved."""
        return signature_of(self.metadata)

    def load(
        self, *, allow_pickle: bool = False, trusted: Iterable[type | str] = ()
    ) -> LoadedModel:
        """Load the model; see :meth:`ModelRegistry.load_model`."""
        return self._owner().load_model(
            self.name, self.version, allow_pickle=allow_pickle, trusted=trusted
        )

    def download(self, local_destination: StrPath) -> None:
        """Copy its files into a local folder."""
        self._owner().download_artifact(self.name, self.version, local_destination)

    def _owner(self) -> VersionOwner:
        assert self._registry is not None, "versions are made by a registry"
        return self._registry

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping, files and document left out."""
        skipped = ("files", "metadata", "_registry", "annotations", "parents")
        names = [n for n in self.__dataclass_fields__ if n not in skipped]
        found = {name: getattr(self, name) for name in names}
        return {
            **found,
            "aliases": list(self.aliases),
            "annotations": [{"text": a.text, "by": a.by, "at": a.at} for a in self.annotations],
            "parents": [{"name": p.name, "version": p.version} for p in self.parents],
            "size": self.size,
        }

    def __str__(self) -> str:
        marks = [*([self.stage.value] if self.stage is not ModelStage.NONE else []), *self.aliases]
        return f"{self.name} v{self.version}" + (f" ({', '.join(marks)})" if marks else "")

    def _repr_html_(self) -> str:
        rows = {
            "stage": self.stage.value,
            "aliases": ", ".join(self.aliases),
            "framework": self.framework,
            "metrics": ", ".join(f"{k} = {v:.6g}" for k, v in self.metrics.items()),
            "tags": ", ".join(f"{k} = {v}" for k, v in self.tags.items()),
            "run": self.experiment_run_id or "",
            "created": f"{self.created_at:%Y-%m-%d %H:%M:%S} UTC by {self.created_by}",
            "description": self.description,
        }
        cells = "".join(
            f"<tr><th style='text-align:left'>{key}</th><td>{html.escape(value)}</td></tr>"
            for key, value in rows.items()
            if value
        )
        head = html.escape(f"{self.name} v{self.version}")
        return f"<table><caption><b>{head}</b></caption>{cells}</table>"


def signature_of(metadata: ModelMetadata) -> ModelSignature | None:
    """Return the signature of a version's schemas, None where it has none."""
    from tauro.flavors import ModelSignature

    if metadata.input_schema is None and metadata.output_schema is None:
        return None
    return ModelSignature.from_schemas(metadata.input_schema, metadata.output_schema)


def make_version(
    metadata: ModelMetadata,
    state: ModelState,
    uri: Callable[[ModelMetadata], str],
    registry: VersionOwner,
) -> ModelVersion:
    """Return a version's document and its changes as one record."""
    now = state.of(metadata.version)
    tags = {**metadata.tags, **now.tags}
    return ModelVersion(
        name=metadata.name,
        version=metadata.version,
        stage=now.stage,
        aliases=state.aliases_of(metadata.version),
        framework=metadata.framework,
        artifact_type=metadata.artifact_type,
        description=metadata.description if now.description is None else now.description,
        hyperparameters=deepcopy(metadata.hyperparameters),
        metrics={key: float_from_json(value) for key, value in metadata.metrics.items()},
        tags={key: value for key, value in tags.items() if value is not None},
        annotations=tuple(now.annotations),
        input_schema=deepcopy(metadata.input_schema),
        output_schema=deepcopy(metadata.output_schema),
        dependencies=list(metadata.dependencies),
        experiment_run_id=metadata.experiment_run_id,
        parents=tuple(metadata.parents),
        label=metadata.label,
        created_at=metadata.created_at,
        created_by=metadata.created_by,
        updated_at=now.updated_at or metadata.created_at,
        artifact_uri=uri(metadata),
        files=tuple(metadata.files),
        deleted=now.deleted is not None or state.deleted is not None,
        metadata=metadata,
        _registry=registry,
    )
