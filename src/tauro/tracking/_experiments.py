"""Experiments by id and by name: create, find, search, rename, delete, restore."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from tauro._internal import _clock
from tauro._internal._close import did_you_mean
from tauro._internal._ids import new_id
from tauro.errors import (
    CorruptDataError,
    ExperimentExistsError,
    ExperimentNotFoundError,
    StorageExistsError,
    TrackingValidationError,
)
from tauro.events import Observers, Operation
from tauro.tracking._documents import Documents
from tauro.tracking._experiment import Experiment
from tauro.tracking._keys import ROOT
from tauro.tracking._models import ExperimentRecord
from tauro.tracking._values import clean_description, clean_experiment_name, clean_tags

_log = logging.getLogger(__name__)


class Experiments:
    """The experiments of one store."""

    def __init__(self, documents: Documents, observers: Observers) -> None:
        self._documents = documents
        self._observers = observers

    def create(
        self, name: str | None, description: str, tags: Mapping[str, Any] | None, *, exist_ok: bool
    ) -> Experiment:
        """Get or create an experiment; one that exists takes on description and tags."""
        data: dict[str, Any] = {
            "name": clean_experiment_name(name),
            "description": clean_description(description),
            "tags": clean_tags(tags or {}),
        }
        known = self.find(data["name"])
        if known is None:
            created, made = self._create(data)
            if made:
                return created
            known = created
        if not exist_ok:
            raise ExperimentExistsError(
                f"An experiment named {known.name!r} exists ({known.experiment_id}).",
                context={"name": known.name, "experiment_id": known.experiment_id},
            )
        if known.lifecycle == "deleted":
            raise ExperimentExistsError(
                f"The experiment {known.name!r} was deleted, and its name is still taken.",
                context={"name": known.name, "experiment_id": known.experiment_id},
                suggestions=[
                    f"tracker.restore_experiment({known.experiment_id!r}) brings it back."
                ],
            )
        return self._merge(known, description, data["tags"])

    def _create(self, data: dict[str, Any]) -> tuple[Experiment, bool]:
        made = False

        def claim(data: dict[str, Any]) -> Experiment:
            nonlocal made
            record = ExperimentRecord(
                experiment_id=new_id(),
                name=clean_experiment_name(data["name"]),
                created_at=_clock.now(),
                description=clean_description(data["description"]),
                tags=clean_tags(data["tags"]),
            )
            owner, made = self._documents.claim_experiment(record)
            return Experiment(owner)

        def describe(experiment: Experiment) -> dict[str, Any] | None:
            if not made:
                return None
            return {
                "name": experiment.name,
                "description": experiment.description,
                "tags": dict(experiment.tags),
                "experiment_id": experiment.experiment_id,
            }

        return self._observers.perform(Operation.EXPERIMENT_CREATE, data, claim, describe), made

    def _merge(self, known: Experiment, description: str, tags: dict[str, str]) -> Experiment:
        new = {key: value for key, value in tags.items() if known.tags.get(key) != value}
        if not new and description in ("", known.description):
            return known

        def change(record: ExperimentRecord, data: dict[str, Any]) -> None:
            record.tags = {**record.tags, **tags}
            record.description = clean_description(description) or record.description

        return self._update(known.experiment_id, change, Operation.EXPERIMENT_UPDATE, {"tags": new})

    def get(self, experiment_id: str) -> Experiment:
        """Return an experiment by id.

        Raises:
            ExperimentNotFoundError: There is none.
        """
        try:
            return Experiment(self._documents.read_experiment(experiment_id))
        except ExperimentNotFoundError as error:
            by_name = self.find(experiment_id)
            names = [each.name for each in self.list(include_deleted=False)]
            error.suggestions = (
                (f"{experiment_id!r} is the name of {by_name.experiment_id!r}.",)
                if by_name is not None
                else tuple(did_you_mean(experiment_id, names))
            )
            raise

    def find(self, name: str) -> Experiment | None:
        """Return the experiment of a name, deleted ones included, or None."""
        record = self._documents.find_experiment(name)
        return None if record is None else Experiment(record)

    def list(self, *, include_deleted: bool) -> list[Experiment]:
        """Return the experiments, oldest first."""
        storage = self._documents.storage
        top = f"{ROOT}/experiments/"
        found = []
        for key in storage.list_paths(top):
            if key.endswith(".json") and "/" not in key[len(top) :]:
                try:
                    found.append(Experiment(self._documents.read_experiment(key[len(top) : -5])))
                except ExperimentNotFoundError:
                    continue  # It was removed for good meanwhile.
                except CorruptDataError as error:
                    _log.warning("An experiment is left out: %s", error.message)
        found.sort(key=lambda each: (each.created_at, each.experiment_id))
        shown = ("active", "deleted") if include_deleted else ("active",)
        return [each for each in found if each.lifecycle in shown]

    def rename(self, experiment_id: str, name: str) -> Experiment:
        """Give an experiment another name.

        Raises:
            ExperimentExistsError: The name is taken.
        """
        wanted = clean_experiment_name(name)
        data = {"experiment_id": experiment_id, "name": wanted}

        def rename(data: dict[str, Any]) -> Experiment:
            return Experiment(self._documents.rename_experiment(experiment_id, data["name"]))

        try:
            return self._observers.perform(Operation.EXPERIMENT_UPDATE, data, rename)
        except StorageExistsError as error:
            raise ExperimentExistsError(
                f"The name {wanted!r} belongs to another experiment.", context={"name": wanted}
            ) from error

    def set_tags(self, experiment_id: str, tags: Mapping[str, Any]) -> Experiment:
        """Set tags of an experiment."""
        cleaned = clean_tags(tags)

        def change(record: ExperimentRecord, data: dict[str, Any]) -> None:
            record.tags = {**record.tags, **clean_tags(data["tags"])}

        return self._update(experiment_id, change, Operation.EXPERIMENT_UPDATE, {"tags": cleaned})

    def delete(self, experiment_id: str) -> Experiment:
        """Mark an experiment as deleted."""

        def change(record: ExperimentRecord, data: dict[str, Any]) -> None:
            record.lifecycle = "deleted"
            record.deleted_at = _clock.now()

        return self._update(experiment_id, change, Operation.EXPERIMENT_DELETE, {})

    def restore(self, experiment_id: str) -> Experiment:
        """Bring a deleted experiment back."""

        def change(record: ExperimentRecord, data: dict[str, Any]) -> None:
            record.lifecycle = "active"
            record.deleted_at = None

        return self._update(experiment_id, change, Operation.EXPERIMENT_RESTORE, {})

    def _update(
        self,
        experiment_id: str,
        change: Callable[[ExperimentRecord, dict[str, Any]], None],
        operation: Operation,
        data: dict[str, Any],
    ) -> Experiment:
        def update(data: dict[str, Any]) -> tuple[Experiment, dict[str, Any]]:
            def touch(record: ExperimentRecord) -> None:
                change(record, data)
                record.updated_at = _clock.now()

            experiment = Experiment(self._documents.update_experiment(experiment_id, touch))
            return experiment, {**data, "name": experiment.name}

        about = {"experiment_id": experiment_id, **data}
        return self._observers.perform(operation, about, update, lambda done: done[1])[0]


def id_of_one(experiment: Experiment | str) -> str:
    """Return the id of what must be an experiment or its id.

    Raises:
        TrackingValidationError: It is something else, or nothing.
    """
    found = experiment_id_of(experiment)
    if found is None:
        raise _no_experiment(experiment)
    return found


def experiment_id_of(experiment: Experiment | str | None) -> str | None:
    """Return the id of what may be an experiment, its id, or nothing.

    Raises:
        TrackingValidationError: It is something else.
    """
    if experiment is None or isinstance(experiment, str):
        return experiment
    if isinstance(experiment, Experiment):
        return experiment.experiment_id
    raise _no_experiment(experiment)


def _no_experiment(given: object) -> TrackingValidationError:
    return TrackingValidationError(
        f"Got a {type(given).__name__} where an experiment or its id is expected.",
        context={"type": type(given).__name__},
    )
