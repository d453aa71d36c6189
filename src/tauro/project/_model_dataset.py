"""A registered model as a dataset: read by stage, alias or version, written as a new version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tauro._internal._close import did_you_mean
from tauro._internal._dataset import DatasetSpec
from tauro.errors import DatasetError, DatasetNotFoundError, MLOpsError, ModelNotFoundError
from tauro.project._recording import recorded_run_id

if TYPE_CHECKING:
    from tauro.flavors import LoadedModel
    from tauro.registry import ModelRegistry, ModelVersion


class ModelDataset:
    """A model of the registry.

    Loading gives the version of the stage, the alias or the number that is described, else the
    latest. Saving registers a new version, made by the node's run, and promotes it where a stage is
    described.

    Args:
        spec: The dataset; ``model`` names the model.
        registry: Gives the project's registry.
    """

    def __init__(self, spec: DatasetSpec, registry: Callable[[], ModelRegistry]) -> None:
        self._spec = spec
        self._name = spec.model or spec.name
        self._registry = registry

    def load(self) -> LoadedModel:
        """Return the model, with ``predict`` and its native object.

        Raises:
            DatasetNotFoundError: There is no such model or version.
            DatasetError: It cannot be loaded.
        """
        found = self._find()
        try:
            return found.load(allow_pickle=self._spec.allow_pickle)
        except MLOpsError as error:
            raise DatasetError(
                f"Dataset {self._spec.name!r}: model {found} cannot be loaded: {error.message}",
                suggestions=error.suggestions,
            ) from error

    def save(self, data: Any) -> None:
        """Register a model as a new version.

        Raises:
            DatasetError: It is no model that can be saved, or cannot be registered.
        """
        registry = self._registry()
        try:
            saved = registry.register_model(
                name=self._name,
                model=data,
                description=self._spec.description,
                experiment_run_id=recorded_run_id(),
            )
            if self._spec.stage is not None:
                registry.promote_model(self._name, saved.version, self._spec.stage)
            if self._spec.alias is not None:
                registry.set_alias(self._name, self._spec.alias, saved.version)
        except MLOpsError as error:
            raise DatasetError(
                f"Dataset {self._spec.name!r}: the model could not be registered: {error.message}",
                suggestions=error.suggestions,
            ) from error

    def exists(self) -> bool:
        """Tell whether there is such a model."""
        try:
            self._find()
        except DatasetNotFoundError:
            return False
        return True

    def fingerprint(self) -> str:
        """Return the model's name and version; empty where there is none."""
        try:
            found = self._find()
        except DatasetNotFoundError:
            return ""
        return f"model:{found.name}:v{found.version}"

    def describe(self) -> dict[str, Any]:
        """Return the version that would be loaded."""
        try:
            version: int | None = self._find().version
        except DatasetNotFoundError:
            version = None
        return {**self._spec.to_dict(), "exists": version is not None, "version": version}

    def _find(self) -> ModelVersion:
        spec, registry = self._spec, self._registry()
        try:
            if spec.stage is not None:
                return registry.get_model_by_stage(self._name, spec.stage)
            if spec.alias is not None:
                return registry.get_model_by_alias(self._name, spec.alias)
            return registry.get_model_version(self._name, _number(spec))
        except ModelNotFoundError as error:
            known = [model["name"] for model in registry.list_models()]
            raise DatasetNotFoundError(
                f"Dataset {spec.name!r}: {error.message}",
                suggestions=error.suggestions or did_you_mean(self._name, known),
            ) from error


def _number(spec: DatasetSpec) -> int | None:
    if spec.version is None:
        return None
    text = spec.version.removeprefix("v")
    if not text.isdecimal():
        raise DatasetError(
            f"Dataset {spec.name!r}: the version of a model is a number, got {spec.version!r}.",
            suggestions=["Write version: 3, or choose by stage or alias."],
        )
    return int(text)
