"""Artifacts of runs: native files under ``artifacts/{run_id}/``."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from tauro._internal import _fs
from tauro.errors import (
    ArtifactNotFoundError,
    StorageError,
    StorageNotFoundError,
    TrackingValidationError,
)
from tauro.storage import StorageBackend, SupportsLocalPath, folder_digest
from tauro.tracking._keys import ROOT
from tauro.tracking._models import ArtifactRecord, RunRecord
from tauro.types import StrPath

_DRIVE: Final = re.compile(r"[A-Za-z]:(?:/|\Z)")


def artifact_folder(run_id: str) -> str:
    """Return the key under which a run's artifacts are."""
    return f"{ROOT}/artifacts/{run_id}"


def logical_path(path: StrPath) -> str:
    """Return the name of an artifact inside its run; leading ``./`` is dropped.

    Raises:
        TrackingValidationError: It is empty, absolute, or has ``..`` segments.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TrackingValidationError(
            f"The name of an artifact is a text, got {type(path).__name__}.",
            context={"type": type(path).__name__},
        )
    text = str(path).replace("\\", "/")
    parts = PurePosixPath(text).parts
    if not parts or text.startswith("/") or ".." in parts or _DRIVE.match(text):
        raise TrackingValidationError(
            f"{path!r} is not a name for an artifact; expected a relative path without '..'.",
            context={"path": str(path)},
        )
    return "/".join(parts)


def artifact_key(run_id: str, path: StrPath) -> str:
    """Return the key of an artifact, of all of a run's for ``""`` and ``"."``."""
    top = artifact_folder(run_id)
    return f"{top}/{logical_path(path)}" if PurePosixPath(str(path)).parts else top


def artifact_uri(run_uri: str, path: str) -> str:
    """Return the URI of an artifact, its name encoded as the URI of the run is."""
    return f"{run_uri}/{quote(path)}"


def list_files(
    storage: StorageBackend, record: RunRecord, path: StrPath = ""
) -> list[ArtifactRecord]:
    """Return the files of a run below a path, sorted by path; none of them is read.

    Those that were logged one by one have the hash that was recorded, those of folders none.

    Raises:
        ArtifactNotFoundError: Nothing is at the path.
    """
    top, below = artifact_folder(record.run_id), artifact_key(record.run_id, path)
    keys = storage.list_paths(below)
    if not keys and below != top:
        raise _absent(record.run_id, str(path))
    hashes = {each.path: each.sha256 for each in standing(record.artifacts) if not each.is_dir}
    hashes |= {each.path: "" for each in record.replacing}  # Either of the two may be there.
    names = [key[len(top) + 1 :] for key in keys]
    return [
        ArtifactRecord(path=name, size=storage.size(key), sha256=hashes.get(name, ""))
        for name, key in zip(names, keys, strict=True)
    ]


def standing(artifacts: Sequence[ArtifactRecord]) -> list[ArtifactRecord]:
    """Return the records that still say what is there, in the order logged.

    A folder that was logged later covers what was logged below it before.
    """
    folders: list[str] = []
    kept = []
    for each in reversed(artifacts):
        if not any(each.path.startswith(folder) for folder in folders):
            kept.append(each)
        if each.is_dir:
            folders.append(each.path + "/")
    return kept[::-1]


def hash_stored(storage: StorageBackend, key: str) -> str:
    """Return the SHA-256 of a stored file, read in pieces where the place has files.

    Raises:
        StorageNotFoundError: No file is there.
        StorageError: It cannot be read.
    """
    if not isinstance(storage, SupportsLocalPath):
        return hashlib.sha256(storage.read_bytes(key)).hexdigest()
    try:
        return _fs.hash_file(str(storage.local_path(key)))[1]
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise StorageNotFoundError(f"There is no file {key!r}.", context={"path": key}) from error
    except OSError as error:
        raise StorageError(
            f"{key!r} cannot be read: {error.strerror or error}.", context={"path": key}
        ) from error


def digest_stored(storage: StorageBackend, key: str, artifact: ArtifactRecord) -> str:
    """Return the hash of what is at a key as a record of that kind has it, "" for another kind."""
    paths = storage.list_paths(key)
    if not paths or (paths == [key]) is artifact.is_dir:
        return ""
    if not artifact.is_dir:
        return hash_stored(storage, key)
    return folder_digest({path[len(key) + 1 :]: hash_stored(storage, path) for path in paths})


def get_file(storage: StorageBackend, run_id: str, path: StrPath, destination: StrPath) -> None:
    """Copy an artifact (all of them for ``""``) to a local path.

    Raises:
        ArtifactNotFoundError: Nothing is at the path.
    """
    try:
        storage.read_artifact(artifact_key(run_id, path), destination)
    except StorageNotFoundError as error:
        raise _absent(run_id, str(path)) from error


def _absent(run_id: str, path: str) -> ArtifactNotFoundError:
    return ArtifactNotFoundError(
        f"The run {run_id!r} has no artifact {path!r}.",
        context={"run_id": run_id, "path": path},
        suggestions=["`tauro runs show` lists a run's artifacts."],
    )
