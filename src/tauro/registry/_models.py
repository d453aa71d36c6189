"""The registry's documents: a version's metadata, written once, and the changes after it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec

from tauro._internal._close import did_you_mean
from tauro._internal._json import decode_checked, strange_fields, with_checksum
from tauro.errors import CorruptDataError, ValidationError
from tauro.flavors import ModelSpec


class ModelStage(enum.StrEnum):
    """Where a version is in its life. At most one version of a model is in Production."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"

    @classmethod
    def parse(cls, value: ModelStage | str) -> ModelStage:
        """Return the stage of a member or of a text in any case.

        Raises:
            ValidationError: The text names none.
        """
        if isinstance(value, cls):
            return value
        names = {stage.value: stage for stage in cls}
        found = {text.casefold(): stage for text, stage in names.items()}.get(
            str(value).strip().casefold()
        )
        if found is None:
            raise ValidationError(
                f"There is no stage {value!r}; expected {', '.join(names)}.",
                context={"stage": str(value)},
                suggestions=did_you_mean(str(value), names),
            )
        return found


class ArtifactFile(msgspec.Struct, frozen=True):
    """One file of a version's artifact: its name in the folder, size in bytes and SHA-256."""

    path: str
    size: int
    sha256: str


class ParentVersion(msgspec.Struct, frozen=True):
    """A version that another was made from: fine-tuned, distilled, ensembled."""

    name: str
    version: int


class ModelMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version as it was registered: the document ``metadata/{model}/v{n}.json``.

    It is created once and never changed; stages, aliases and later tags are changes beside it.

    Attributes:
        name: The model's name.
        version: 1, 2, 3…
        created_at: When it was registered, UTC.
        created_by: Who registered it.
        artifact_type: What the artifact is, in the user's words or the flavor's name.
        framework: The framework, in the user's words or the flavor's.
        description: Free text.
        hyperparameters: Any JSON values.
        metrics: Numbers; NaN and infinities as texts, see :attr:`ModelVersion.metrics`.
        tags: Texts at the time of registration.
        input_schema: As given, or inferred.
        output_schema: As given, or inferred.
        dependencies: Requirements in the user's words.
        experiment_run_id: The run that made it.
        parents: Versions it was made from.
        label: A version label such as ``1.0.0``, unique within the model.
        source: The path it was copied from, or the class of the object.
        staging: The folder its files were staged in; a reader that finds them there moves them.
        files: Every file with its hash.
        digest: Hash over names and contents of all files: the same content has the same digest.
        model: The flavor's description where an object was registered.
        moved_from: The name that the model had before; in its first version only.
        moved_to: Set only in the document that ends a renamed model's numbers: its new name.
    """

    name: str
    version: int
    created_at: datetime
    created_by: str = ""
    artifact_type: str = ""
    framework: str = ""
    description: str = ""
    hyperparameters: dict[str, Any] = {}
    metrics: dict[str, float | str] = {}
    tags: dict[str, str] = {}
    input_schema: Any = None
    output_schema: Any = None
    dependencies: list[str] = []
    experiment_run_id: str | None = None
    parents: list[ParentVersion] = []
    label: str = ""
    source: str = ""
    staging: str = ""
    files: list[ArtifactFile] = []
    digest: str = ""
    model: ModelSpec | None = None
    moved_from: str = ""
    moved_to: str = ""


Action = Literal[
    "stage",
    "rollback",
    "set_alias",
    "delete_alias",
    "set_tags",
    "delete_tags",
    "describe",
    "annotate",
    "delete_version",
    "restore_version",
    "purge_version",
    "delete_model",
    "restore_model",
    "rename_model",
    "renamed",
]


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The k-th change of a model: the document ``metadata/{model}/transitions/{k}.json``.

    Attributes:
        action: What was done.
        at: When, UTC.
        by: Who.
        version: The version it was done to; None for the model as a whole.
        key: The alias.
        before: What it was: a stage, an alias's version, a text.
        after: What it is: a stage, an alias's version, tags, a text.
        archived: The version that lost Production to this one.
        why: The reason given.
    """

    action: Action
    at: datetime
    by: str = ""
    version: int | None = None
    key: str = ""
    before: Any = None
    after: Any = None
    archived: int | None = None
    why: str = ""


_D = TypeVar("_D", ModelMetadata, Change)
_encoder = msgspec.json.Encoder()


def encode(document: ModelMetadata | Change) -> bytes:
    """Return a document as JSON that people can read, with a checksum.

    Nothing is written that could not be read: one such document would bar everybody from its model.

    Raises:
        ValidationError: A text in it cannot be written in UTF-8, or a value is of the wrong kind.
    """
    try:
        data = _encoder.encode(document)
        msgspec.json.decode(data, type=type(document))
        return with_checksum(msgspec.json.format(data, indent=2))
    except (msgspec.DecodeError, TypeError, OverflowError) as error:
        raise ValidationError(
            f"{str(error).replace('`$.why`', 'the reason')}. Nothing was written.",
            suggestions=["A reason and a description are texts."],
        ) from error
    except UnicodeEncodeError as error:
        raise ValidationError(
            f"The text {error.object[:80]!r} has the character {error.object[error.start]!r} at "
            f"position {error.start + 1}, which UTF-8 cannot hold.",
            suggestions=["It is half of a pair; decode the text as what it was written in."],
        ) from error


_metadata_decoder = msgspec.json.Decoder(ModelMetadata)
_change_decoder = msgspec.json.Decoder(Change)


def decode_metadata(data: bytes, path: str, *, strictly: bool = False) -> ModelMetadata:
    """Return the metadata of a JSON document.

    Args:
        data: The bytes of the document.
        path: Its key.
        strictly: Whether a field that none of this kind has is damage, too.

    Raises:
        CorruptDataError: The bytes are not such a document, or were changed after it was written.
    """
    return _decode(data, path, _metadata_decoder, ModelMetadata if strictly else None)


def decode_change(data: bytes, path: str, *, strictly: bool = False) -> Change:
    """Return the change of a JSON document; as :func:`decode_metadata`.

    Raises:
        CorruptDataError: The bytes are not such a document, or were changed after it was written.
    """
    return _decode(data, path, _change_decoder, Change if strictly else None)


def _decode(data: bytes, path: str, decoder: msgspec.json.Decoder[_D], kind: type[_D] | None) -> _D:
    try:
        found = decode_checked(data, decoder)
        strange = strange_fields(data, kind.__struct_fields__) if kind is not None else []
    except msgspec.DecodeError as error:
        raise _corrupt(path, str(error)) from error
    if strange:
        raise _corrupt(path, f"none has a field {strange[0]!r}")
    return found


def _corrupt(path: str, why: str) -> CorruptDataError:
    return CorruptDataError(
        f"{path!r} is not a document of the model registry: {why}.",
        context={"path": path},
        suggestions=[
            "`tauro store repair` takes it from the registry's index, where that holds it.",
            "Or bring it back from a copy of the store.",
            'If it was edited on purpose, remove its field "checksum", its last one.',
        ],
    )
