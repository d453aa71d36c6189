"""Verbs that read: versions, lists, files, history."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from tauro._internal._close import did_you_mean
from tauro._internal._spool import remove_with
from tauro.errors import ModelNotFoundError, ValidationError
from tauro.flavors import LoadedModel
from tauro.flavors import load_model as load_folder
from tauro.registry._base import RegistryBase
from tauro.registry._core import live_versions
from tauro.registry._diff import VersionDiff, diff_versions
from tauro.registry._history import history_of
from tauro.registry._lineage import Lineage, LineageTracer
from tauro.registry._models import ModelMetadata, ModelStage
from tauro.registry._values import clean_tags
from tauro.registry._version import ModelVersion, signature_of
from tauro.storage import Progress
from tauro.types import StrPath


class ReadVerbs(RegistryBase):
    """Verbs that change nothing."""

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

    def get_model_by_label(self, name: str, label: str) -> ModelVersion:
        """Return the version with a label such as ``1.0.0``.

        Raises:
            ModelNotFoundError: There is no such version.
        """
        ledger = self._core.model(name)
        documents = filter(None, map(ledger.readable, live_versions(ledger)))
        labels = {document.label: document.version for document in documents}
        if not label or label not in labels:
            known = ", ".join(filter(None, labels)) or "none"
            raise ModelNotFoundError(
                f"{name} has no version with the label {label!r}; it has {known}.",
                context={"name": name, "label": label},
                suggestions=did_you_mean(label, filter(None, labels)),
            )
        return self._view(ledger, ledger.metadata(labels[label]))

    def list_models(self) -> list[dict[str, Any]]:
        """Return every model with the fields of its latest version, by name."""
        models = []
        for _, ledger in self._core.listing.models():
            state, live = ledger.state, live_versions(ledger)
            newest = next(filter(None, map(ledger.readable, reversed(live))), None)
            if state.deleted is None and not state.moved_to and newest is not None:
                latest = self._view(ledger, newest)
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
        documents = filter(None, map(ledger.readable, numbers))
        return [self._view(ledger, document).to_dict() for document in documents]

    def search_models(
        self,
        name: str = "*",
        version: int | None = None,
        stage: ModelStage | str | None = None,
        tags: Mapping[str, Any] | None = None,
        *,
        framework: str | None = None,
    ) -> list[ModelVersion]:
        """Return the versions that fit everything given, by name and number.

        Args:
            name: A name, or a pattern with ``*`` and ``?``.
            version: Only this number.
            stage: Only in this stage.
            tags: Only with these tags; a value may be a pattern.
            framework: Only of this framework; may be a pattern.
        """
        wanted = None if stage is None else ModelStage.parse(stage)
        patterns = clean_tags(tags)
        found = []
        for model, ledger in self._core.listing.models():
            state = ledger.state
            if state.deleted or state.moved_to or not fnmatchcase(model, name):
                continue
            for number in live_versions(ledger):
                if version not in (None, number) or wanted not in (None, state.of(number).stage):
                    continue
                document = ledger.readable(number)
                if document is None:
                    continue
                view = self._view(ledger, document)
                if framework is not None and not fnmatchcase(view.framework, framework):
                    continue
                if all(fnmatchcase(view.tags.get(k, "\0"), v) for k, v in patterns.items()):
                    found.append(view)
        return found

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
        folder, is_copy = self._core.artifacts.local_folder(metadata)
        try:
            loaded = load_folder(
                folder,
                flavor=metadata.framework or None,
                allow_pickle=allow_pickle,
                trusted=trusted,
                hashes={file.path: file.sha256 for file in metadata.files},
                signature=signature_of(metadata),
            )
        except BaseException:
            if is_copy:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        if is_copy:
            remove_with(loaded, str(folder))
        return loaded

    def validate(
        self,
        model: str | ModelVersion,
        input: Any,  # noqa: A002 - the name users read
        version: int | None = None,
        stage: ModelStage | str | None = None,
        alias: str | None = None,
    ) -> None:
        """Check that data fits a version's input schema; the model itself is not loaded.

        Args:
            model: A version, or a model's name.
            input: A frame, records, columns or an array.
            version: With a name: its number.
            stage: Or the stage it is in.
            alias: Or an alias.

        Raises:
            SignatureMismatchError: It does not fit; every wrong column is named.
            ValidationError: The version has no input schema.
            ModelNotFoundError: There is no such version.
        """
        found = (
            model
            if isinstance(model, ModelVersion)
            else self._view(*self._core.resolve(model, version, stage, alias))
        )
        signature = found.signature
        if signature is None or not signature.inputs:
            raise ValidationError(
                f"{found.name} v{found.version} has no input schema to check data against.",
                context={"name": found.name, "version": found.version},
                suggestions=["Register with input_schema=, or with model= and input_example=."],
            )
        signature.validate(input)

    # History

    def history(self, name: str, version: int | None = None) -> list[dict[str, Any]]:
        """Return every registration and change of a model, or of one version, oldest first.

        Each entry has ``at``, ``by``, ``action``, ``version``, ``from``, ``to``, ``why``.

        Raises:
            ModelNotFoundError: There is no such model, or it never had this version.
        """
        ledger = self._core.model(name, deleted=True)
        if version is not None:
            self._core.check_number(ledger, name, version)
        return history_of(ledger, version)

    def lineage(
        self,
        name: str,
        version: int | None = None,
        stage: ModelStage | str | None = None,
        alias: str | None = None,
    ) -> Lineage:
        """Return where a version comes from: its run, data, code and parent versions.

        Raises:
            ModelNotFoundError: There is no such version.
        """
        _, metadata = self._core.resolve(name, version, stage, alias)
        return LineageTracer(self._find, self._run_facts).trace(metadata)

    def _find(self, name: str, version: int) -> ModelMetadata | None:
        ledger = self._core.ledger(name)
        if ledger.state.moved_to:
            return self._find(ledger.state.moved_to, version)
        return ledger.readable(version) if 1 <= version <= ledger.latest else None

    def diff(self, name: str, first: int, second: int, *, other: str | None = None) -> VersionDiff:
        """Return what two versions differ in.

        Args:
            name: The model.
            first: A version.
            second: Another one.
            other: The model of the second, where it is not the same.

        Raises:
            ModelNotFoundError: There is no such version.
        """
        return diff_versions(
            self.get_model_version(name, first), self.get_model_version(other or name, second)
        )
