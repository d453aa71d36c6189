"""Looking for damage in the documents and artifacts of runs and experiments."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from tauro._internal._floats import float_to_json
from tauro._internal._json import strange_fields
from tauro.errors import (
    CorruptDataError,
    PathNotAllowedError,
    RunNotFoundError,
    StorageError,
    StorageNotFoundError,
)
from tauro.storage import StorageBackend, folder_digest
from tauro.tracking._artifacts import artifact_folder, hash_stored, standing
from tauro.tracking._documents import Documents
from tauro.tracking._incoming import add_artifact
from tauro.tracking._keys import ROOT, experiment_key, name_key, run_key
from tauro.tracking._metric_log import MetricLog
from tauro.tracking._models import (
    ArtifactRecord,
    ExperimentRecord,
    RunRecord,
    RunStatus,
    decode_claim,
    decode_experiment,
    decode_run,
)
from tauro.tracking._standing import StandingRuns


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of a store that is not as it should be.

    Attributes:
        path: The file, relative to the store.
        problem: What is wrong with it.
    """

    path: str
    problem: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return asdict(self)


def relative(path: str, root: Path) -> str:
    """Return a path relative to the store's root."""
    return os.path.relpath(path, root).replace(os.sep, "/")


def verify_documents(storage: StorageBackend) -> Iterator[Damage]:
    """Yield what is wrong with documents, published views and artifacts."""
    for key in storage.list_paths(f"{ROOT}/experiments"):
        yield from unreadable(key, _check_experiment(storage, key))
    runs = StandingRuns(storage)
    for key in sorted({*runs.ahead(), *storage.list_paths(f"{ROOT}/runs")}):
        if key.endswith(".parquet"):
            yield from unreadable(key, _check_view(storage, key))
        else:
            yield from unreadable(key, _check_run(storage, key, runs))
    yield from unreadable(f"{ROOT}/experiments", _lost_experiments(storage, runs))


def _lost_experiments(storage: StorageBackend, runs: StandingRuns) -> Iterator[Damage]:
    """Yield the documents of experiments that are gone, though runs of theirs are there."""
    for folder, keys in itertools.groupby(runs.documents(), os.path.dirname):
        key = experiment_key(os.path.basename(folder))
        # The runs of what is removed go first, so some are there only where none is removed.
        if not storage.exists(key) and any(_is_at_its_place(runs, each) for each in keys):
            yield Damage(key, "is missing; there are runs of the experiment")


def _is_at_its_place(runs: StandingRuns, key: str) -> bool:
    """Tell whether a run is where one of its experiment belongs, and not copied there by hand."""
    with contextlib.suppress(msgspec.DecodeError, StorageError):
        data = runs.read(key)
        record = None if data is None else decode_run(data)
        return record is not None and key == run_key(record.experiment_id, record.run_id)
    return False


def unreadable(key: str, looking: Iterator[Damage]) -> Iterator[Damage]:
    """Yield what is found; what cannot be read is found, too, and others are looked at after it.

    A link that leads out of the store, permissions, a disk that fails.

    Args:
        key: Where it is looked, for an error that does not say of what file it is.
        looking: Looks at it.
    """
    try:
        yield from looking
    except StorageError as error:
        path = str(error.context.details.get("path") or key)
        if path == key and isinstance(error, StorageNotFoundError):
            return  # It was removed meanwhile.
        yield Damage(key if os.path.isabs(path) else path, error.message)
    except OSError as error:
        yield Damage(key, f"cannot be read: {error.filename or key}: {error.strerror or error}")


def undecided_runs(storage: StorageBackend) -> Iterator[RunRecord]:
    """Yield the runs in which a process died replacing an artifact."""
    runs = StandingRuns(storage)
    for key in runs.documents():
        with contextlib.suppress(msgspec.DecodeError, PathNotAllowedError):
            data = runs.read(key)
            if data is not None and (record := decode_run(data)).replacing:
                yield record


def _check_experiment(storage: StorageBackend, key: str) -> Iterator[Damage]:
    if key.endswith(".parquet"):
        yield from _check_view(storage, key)
        return
    is_claim = "/names/" in key
    try:
        data = storage.read_bytes(key)
        record = decode_claim(data) if is_claim else decode_experiment(data)
        strange = strange_fields(data, ExperimentRecord.__struct_fields__) if is_claim else []
    except msgspec.DecodeError as error:
        yield Damage(key, f"does not hold an experiment: {error}")
        return
    if strange:
        yield Damage(key, f"holds an experiment with the field {strange[0]!r}, which none has")
    wanted = name_key(record.name) if is_claim else experiment_key(record.experiment_id)
    if key != wanted:
        yield Damage(key, f"holds the experiment {record.experiment_id!r}, named {record.name!r}")


def _check_run(storage: StorageBackend, key: str, runs: StandingRuns) -> Iterator[Damage]:
    data = runs.read(key)
    if data is None:
        return  # It was removed meanwhile.
    try:
        record = decode_run(data)
    except msgspec.DecodeError as error:
        yield Damage(key, f"does not hold a run: {error}")
        return
    if not key.endswith(f"/{record.experiment_id}/{record.run_id}.json"):
        yield Damage(key, f"holds the run {record.run_id!r} of {record.experiment_id!r}")
        return
    if record.lifecycle != "removing":
        yield from _check_artifacts(storage, record)


def _check_view(storage: StorageBackend, key: str) -> Iterator[Damage]:
    try:
        storage.read_dataframe(key)
    except CorruptDataError as error:
        yield Damage(key, f"is not readable and will be made anew: {error.message}")


def _check_artifacts(storage: StorageBackend, record: RunRecord) -> Iterator[Damage]:
    """Yield what is wrong with artifacts: of those that were being replaced, either may stand."""
    damages = list(_check_these(storage, record))
    if damages and record.replacing:
        replaced = msgspec.structs.replace(record)
        for each in record.replacing:
            add_artifact(replaced, each)
        also = list(_check_these(storage, replaced))
        damages = [damage for damage in damages if damage in also]
    yield from damages


def _check_these(storage: StorageBackend, record: RunRecord) -> Iterator[Damage]:
    kept = standing(record.artifacts)
    for number, artifact in enumerate(kept):
        key = f"{artifact_folder(record.run_id)}/{artifact.path}"
        later = [each for each in kept[number + 1 :] if each.path.startswith(f"{artifact.path}/")]
        try:
            if artifact.is_dir:
                whole = _is_whole(storage, key, artifact, later)
            else:
                whole = not artifact.sha256 or hash_stored(storage, key) == artifact.sha256
        except StorageNotFoundError:
            yield Damage(key, f"is missing; the run {record.run_id} logged it")
        except StorageError as error:
            yield Damage(key, error.message)
        else:
            if not whole:
                yield Damage(key, f"was changed after the run {record.run_id} logged it")


def _is_whole(
    storage: StorageBackend, key: str, folder: ArtifactRecord, later: list[ArtifactRecord]
) -> bool:
    """Tell whether a folder is as it was logged, as far as its hash can tell.

    What was logged into it later stands beside what its hash covers. Where that replaced a file,
    the sizes differ and the hash says nothing any more: what it was of is known to nobody.
    """
    paths = storage.list_paths(key)
    if not paths:
        raise StorageNotFoundError(f"Nothing is at {key!r}.", context={"path": key})
    if paths == [key]:
        return False  # a file now
    names = {path[len(key) + 1 :]: path for path in paths}
    own = {name: path for name, path in names.items() if not _is_of(name, folder, later)}
    if later and sum(map(storage.size, own.values())) != folder.size:
        return True
    hashes = {name: hash_stored(storage, path) for name, path in own.items()}
    return not folder.sha256 or folder_digest(hashes) == folder.sha256


def _is_of(name: str, folder: ArtifactRecord, later: list[ArtifactRecord]) -> bool:
    """Tell whether a file of a folder was logged by one of the later records."""
    path = f"{folder.path}/{name}"
    return any(path == each.path or path.startswith(f"{each.path}/") for each in later)


def verify_points(log: MetricLog, documents: Documents, record: RunRecord) -> Iterator[Damage]:
    """Yield what of an ended run's metrics its document holds and no file of points does."""
    if record.status is RunStatus.RUNNING or record.lifecycle == "removing" or not record.metrics:
        return
    last = log.summary(record.experiment_id, record.run_id)
    lost = [
        key
        for key, value in record.metrics.items()
        if key not in last
        or (float_to_json(last[key].last_value) != value and not _is_logged(log, record, key))
    ]
    if not lost:
        return
    try:
        now = documents.read_run(record.experiment_id, record.run_id)
    except (RunNotFoundError, CorruptDataError):
        return  # It was removed meanwhile, or is named already.
    if now.lifecycle != "removing":
        what = ", ".join(repr(key) for key in sorted(lost)[:3])
        yield Damage(
            f"{ROOT}/metrics/{record.experiment_id}",
            f"points of {what} of the run {record.run_id} are missing",
        )


def _is_logged(log: MetricLog, record: RunRecord, key: str) -> bool:
    """Tell whether the last value of a run's end is among the points; others may log more later."""
    points = log.history(record.experiment_id, record.run_id, key).value.tolist()
    return any(float_to_json(point) == record.metrics[key] for point in points)
