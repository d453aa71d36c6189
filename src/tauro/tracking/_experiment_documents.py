"""The JSON documents of experiments and the claims of their names.

A document is created once and then replaced under the lock of them all, its ``rev`` rising by one
each time. What is to be removed is first marked as such, which nothing undoes, and goes when its
parts have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from tauro.errors import (
    CorruptDataError,
    ExperimentNotFoundError,
    PathNotAllowedError,
    StorageExistsError,
    StorageNotFoundError,
    TrackingValidationError,
)
from tauro.storage import StorageBackend, SupportsLocks
from tauro.tracking._keys import ROOT, experiment_key, name_key
from tauro.tracking._models import (
    ExperimentRecord,
    RunRecord,
    decode_claim,
    decode_experiment,
    decode_run,
    encode,
    encode_claim,
)

_EXPERIMENTS = "experiments"
"""One lock for all of them: a rename changes an experiment and two names at once."""


class Recorder(Protocol):
    """What the documents tell of every change, before it is in place."""

    def begin(self) -> None:
        """Have the place marked as a store, before anything is put there."""

    def record_ahead(self, record: RunRecord, document: bytes) -> None:
        """Keep a run's new document, which is put in place later."""

    def ahead(self, run_id: str) -> bytes | None:
        """Return the latest that any process kept, where it may not be in place yet."""

    def was_told(self, run_id: str) -> bool:
        """Tell whether others took over or removed a run of this process."""

    def record(self, record: RunRecord, document: bytes) -> AbstractContextManager[object]:
        """Keep a run's new document; the block in which it is put in place follows."""

    def record_experiment(
        self, record: ExperimentRecord, document: bytes
    ) -> AbstractContextManager[object]:
        """Keep an experiment's new document; the block in which it is put in place follows."""

    def forget(self, record: RunRecord | ExperimentRecord) -> AbstractContextManager[object]:
        """Keep that a document is removed; the block in which it is follows."""


class ExperimentDocuments:
    """Read and change the documents of the experiments of one store.

    Args:
        storage: The store; it must offer locks.
        recorder: Told of every change first.
    """

    def __init__(self, storage: StorageBackend, recorder: Recorder) -> None:
        if not isinstance(storage, SupportsLocks):
            raise TypeError(f"{storage!r} offers no locks; tracking needs them.")
        self.storage = storage
        self._lock = storage.lock
        self._recorder = recorder

    def claim_experiment(self, record: ExperimentRecord) -> tuple[ExperimentRecord, bool]:
        """Create an experiment unless its name is taken; return the name's owner and which it was.

        The claim holds the whole record, so that a crash before the document is written loses
        nothing: whoever finds the claim writes the document.
        """
        claim, data = name_key(record.name), checked(record)
        self._recorder.begin()
        with self._lock(_EXPERIMENTS):
            try:
                self.storage.create_bytes(claim, encode_claim(record))
            except StorageExistsError:
                owner = self._owner_of(claim, record.name)
                if owner is not None:
                    return owner, False
                self.storage.write_bytes(claim, encode_claim(record))
            self._put_experiment(record, data)
        return record, True

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        """Return the experiment of a name, deleted ones included, or None."""
        try:
            claimed = decode_claim(self.storage.read_bytes(name_key(name)))
            record = self.read_experiment(claimed.experiment_id)
        except StorageNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise damaged(name_key(name), "name", error) from error
        except ExperimentNotFoundError:
            with self._lock(_EXPERIMENTS):
                return self._owner_of(name_key(name), name)
        return record if record.name == name else None

    def _owner_of(self, claim: str, name: str) -> ExperimentRecord | None:
        """Return whose name a claim is, rolling an unfinished creation forward.

        None where a rename was cut short and the claim is nobody's.
        """
        try:
            claimed = decode_claim(self.storage.read_bytes(claim))
        except StorageNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise damaged(claim, "name", error) from error
        try:
            record = self.read_experiment(claimed.experiment_id)
        except ExperimentNotFoundError:
            self._put_experiment(claimed, encode(claimed))
            return claimed
        return record if record.name == name else None

    def read_experiment(self, experiment_id: str) -> ExperimentRecord:
        """Return an experiment's document.

        Raises:
            ExperimentNotFoundError: There is none.
            CorruptDataError: The document is damaged.
        """
        key = experiment_key(experiment_id)
        try:
            return decode_experiment(self.storage.read_bytes(key))
        except (StorageNotFoundError, PathNotAllowedError) as error:  # An id is no path.
            raise ExperimentNotFoundError(
                f"There is no experiment {experiment_id!r}.",
                context={"experiment_id": experiment_id},
            ) from error
        except msgspec.DecodeError as error:
            raise damaged(key, "experiment", error) from error

    def update_experiment(
        self, experiment_id: str, change: Callable[[ExperimentRecord], None]
    ) -> ExperimentRecord:
        """Change an experiment's document under its lock and return it as it is now."""
        with self._lock(_EXPERIMENTS):
            return self._update_experiment(experiment_id, change)

    def _update_experiment(
        self, experiment_id: str, change: Callable[[ExperimentRecord], None]
    ) -> ExperimentRecord:
        record = self._present(experiment_id)
        change(record)
        record.rev += 1
        self._put_experiment(record, checked(record))
        return record

    def _present(self, experiment_id: str) -> ExperimentRecord:
        record = self.read_experiment(experiment_id)
        if record.lifecycle == "removing":
            raise ExperimentNotFoundError(
                f"The experiment {record.name!r} ({experiment_id}) is being removed for good.",
                context={"experiment_id": experiment_id},
            )
        return record

    def rename_experiment(self, experiment_id: str, name: str) -> ExperimentRecord:
        """Give an experiment a name that is free.

        The new claim comes first and the old one goes last, so that a crash leaves a claim too
        many, which is nobody's, and never a name too few.

        Raises:
            StorageExistsError: The name is taken.
        """
        with self._lock(_EXPERIMENTS):
            before = self._present(experiment_id)
            if before.name == name:
                return before
            claim = name_key(name)
            renamed = msgspec.structs.replace(before, name=name)
            try:
                self.storage.create_bytes(claim, encode_claim(renamed))
            except StorageExistsError:
                if self._owner_of(claim, name) is not None:
                    raise
                self.storage.write_bytes(claim, encode_claim(renamed))
            record = self._update_experiment(
                experiment_id, lambda each: setattr(each, "name", name)
            )
            self.storage.delete(name_key(before.name))
        return record

    def condemn_experiment(
        self, experiment_id: str, is_due: Callable[[ExperimentRecord], bool]
    ) -> ExperimentRecord | None:
        """Mark an experiment, if it is due, as one that is being removed, and free its name.

        None if it is not due, or is gone.
        """
        with self._lock(_EXPERIMENTS):
            try:
                record = self.read_experiment(experiment_id)
            except ExperimentNotFoundError:
                return None
            if record.lifecycle != "removing":
                if not is_due(record):
                    return None
                record.lifecycle = "removing"
                record.rev += 1
                self._put_experiment(record, checked(record))
            if self._claimant(record.name) == experiment_id:
                self.storage.delete(name_key(record.name))
        return record

    def _claimant(self, name: str) -> str | None:
        """Return whose claim a name is, None where it is nobody's or cannot be told."""
        try:
            return decode_claim(self.storage.read_bytes(name_key(name))).experiment_id
        except (StorageNotFoundError, msgspec.DecodeError):
            return None

    def restore_claims(self) -> None:
        """Claim the names of experiments whose claims are missing or damaged."""
        for key in self.storage.list_paths(f"{ROOT}/{_EXPERIMENTS}"):
            name = key[len(f"{ROOT}/{_EXPERIMENTS}/") :]
            if "/" in name or not name.endswith(".json"):
                continue
            with (
                self._lock(_EXPERIMENTS),
                contextlib.suppress(ExperimentNotFoundError, CorruptDataError),
            ):
                record = self._present(name.removesuffix(".json"))
                if self._claimant(record.name) is None:
                    self.storage.write_bytes(name_key(record.name), encode_claim(record))

    def remove_experiment(self, record: ExperimentRecord) -> None:
        """Remove the document of an experiment that was condemned."""
        with self._lock(_EXPERIMENTS), self._recorder.forget(record):
            self.storage.delete(experiment_key(record.experiment_id))

    def _put_experiment(self, record: ExperimentRecord, data: bytes) -> None:
        with self._recorder.record_experiment(record, data):
            self.storage.write_bytes(experiment_key(record.experiment_id), readable(data))


def checked(record: RunRecord | ExperimentRecord) -> bytes:
    """Return a record as JSON that is sure to be read back; nothing else is ever written.

    Raises:
        TrackingValidationError: A field, of a caller or of a hook, is of the wrong kind.
    """
    what = "run" if isinstance(record, RunRecord) else "experiment"
    try:
        data = encode(record)
        decode_run(data) if isinstance(record, RunRecord) else decode_experiment(data)
    except (msgspec.DecodeError, UnicodeEncodeError, TypeError, ValueError) as error:
        raise TrackingValidationError(
            f"The {what} {record.name!r} cannot be kept with a value of the wrong kind: {error}.",
            context={"what": what},
            suggestions=["Names, contexts, sources, notes and descriptions are texts."],
        ) from error
    return data


def readable(document: bytes) -> bytes:
    """Return a document of one line as it stands in its file."""
    return msgspec.json.format(document, indent=2)


def damaged(key: str, what: str, error: Exception) -> CorruptDataError:
    return CorruptDataError(
        f"{key!r} does not hold a {what}: {error}.",
        context={"path": key},
        suggestions=["`tauro store verify` lists every damaged file."],
    )
