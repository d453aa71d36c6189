"""Artifacts of runs: native files under ``artifacts/{run_id}/``."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from tauro.errors import ArtifactNotFoundError, StorageNotFoundError, TrackingValidationError
from tauro.storage import StorageBackend
from tauro.tracking._documents import ROOT
from tauro.tracking._models import ArtifactRecord
from tauro.types import StrPath


def artifact_folder(run_id: str) -> str:
    """Return the key under which a run's artifacts are."""
    return f"{ROOT}/artifacts/{run_id}"


def logical_path(path: str) -> str:
    """Return the name of an artifact inside its run; leading ``./`` is dropped.

    Raises:
        TrackingValidationError: It is empty, absolute, or has ``..`` segments.
    """
    text = str(path).replace("\\", "/")
    parts = PurePosixPath(text).parts
    if not parts or text.startswith("/") or ".." in parts or ":" in parts[0]:
        raise TrackingValidationError(
            f"{path!r} is not a name for an artifact; expected a relative path without '..'.",
            context={"path": str(path)},
        )
    return "/".join(parts)


def put_file(
    storage: StorageBackend, run_id: str, source: StrPath, destination: str
) -> ArtifactRecord:
    """Copy a file or folder to a run.

    Args:
        storage: The store.
        run_id: The run.
        source: What to copy.
        destination: The folder inside the run, "" for its top.
    """
    path = Path(source)
    folder = logical_path(destination) + "/" if destination else ""
    name = folder + path.resolve().name
    written = storage.write_artifact(path, f"{artifact_folder(run_id)}/{name}")
    return ArtifactRecord(
        path=name,
        size=written.size,
        sha256=written.sha256 or "",
        is_dir=written.format == "directory",
    )


def put_folder(storage: StorageBackend, run_id: str, source: Path, path: str) -> ArtifactRecord:
    """Copy a folder to a run under a name of its own."""
    name = logical_path(path)
    written = storage.write_artifact(source, f"{artifact_folder(run_id)}/{name}")
    return ArtifactRecord(path=name, size=written.size, sha256=written.sha256 or "", is_dir=True)


def put_bytes(storage: StorageBackend, run_id: str, data: bytes, path: str) -> ArtifactRecord:
    """Keep bytes as an artifact."""
    name = logical_path(path)
    storage.write_bytes(f"{artifact_folder(run_id)}/{name}", data)
    return ArtifactRecord(path=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def list_files(storage: StorageBackend, run_id: str, path: str) -> list[ArtifactRecord]:
    """Return the files of a run below a path, sorted by path.

    Raises:
        ArtifactNotFoundError: Nothing is at the path.
    """
    top = artifact_folder(run_id)
    below = f"{top}/{logical_path(path)}" if path else top
    keys = storage.list_paths(below)
    if not keys and path:
        raise _absent(run_id, path)
    return [ArtifactRecord(path=key[len(top) + 1 :], size=storage.stat(key).size) for key in keys]


def get_file(storage: StorageBackend, run_id: str, path: str, destination: StrPath) -> None:
    """Copy an artifact (all of them for ``""``) to a local path.

    Raises:
        ArtifactNotFoundError: Nothing is at the path.
    """
    key = f"{artifact_folder(run_id)}/{logical_path(path)}" if path else artifact_folder(run_id)
    try:
        storage.read_artifact(key, destination)
    except StorageNotFoundError as error:
        raise _absent(run_id, path) from error


def _absent(run_id: str, path: str) -> ArtifactNotFoundError:
    return ArtifactNotFoundError(
        f"The run {run_id!r} has no artifact {path!r}.",
        context={"run_id": run_id, "path": path},
        suggestions=["`tauro runs show` lists a run's artifacts."],
    )
