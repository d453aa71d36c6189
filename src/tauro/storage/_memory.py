"""A store in this process's memory: for tests and for work that need not last."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tauro._internal import _fs
from tauro._internal._clock import now
from tauro._internal._ids import new_id
from tauro._internal._paths import check_key, check_source
from tauro._internal._spool import make_spool
from tauro._internal._translated import Translated
from tauro.errors import (
    LockTimeoutError,
    StorageExistsError,
    StorageNotFoundError,
)
from tauro.storage._folders import folder_digest, source_files
from tauro.storage._protocol import (
    Progress,
    StorageBackend,
    StorageMetadata,
    cannot_copy_out,
    changed_since,
    check_apart,
    in_the_way,
)
from tauro.types import StrPath


class MemoryStorageBackend(StorageBackend):
    """Keep everything in a dictionary under one lock; it ends with the object."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[bytes, datetime]] = {}
        self._guard = threading.RLock()
        self._locks: dict[str, threading.Lock] = {}
        self._name = new_id()
        self._spool: Path | None = None

    def __repr__(self) -> str:
        return f"MemoryStorageBackend({len(self._entries)} keys)"

    @property
    def uri(self) -> str:
        """``memory://`` and a name of its own."""
        return f"memory://{self._name}"

    @contextmanager
    def lock(self, name: str, *, timeout: float = 10.0) -> Iterator[None]:
        """Hold the lock ``name`` among the threads of this process."""
        with self._guard:
            held = self._locks.setdefault(name, threading.Lock())
        if not held.acquire(timeout=timeout):
            raise LockTimeoutError(
                f"The lock {name!r} was not free within {timeout:g} s.", context={"lock": name}
            )
        try:
            yield
        finally:
            held.release()

    def spool(self) -> Path:
        """Return a folder of this process that goes when the object does."""
        with self._guard:
            if self._spool is None:
                self._spool = make_spool(self)
            return self._spool

    # Bytes

    def read_bytes(self, path: str) -> bytes:
        """Return the bytes at a key."""
        key = check_key(path)
        with self._guard:
            entry = self._entries.get(key)
        if entry is None:
            raise self._absent("read", key)
        return entry[0]

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key, replacing what is there."""
        key = check_key(path)
        with self._guard:
            self._refuse_obstacle("write", key)
            self._entries[key] = (bytes(data), now())
            return self.stat(key)

    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key where nothing is."""
        key = check_key(path)
        with self._guard:
            if self.exists(key):
                raise self._present("create", key)
            return self.write_bytes(key, data)

    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        """Put bytes at a key whose present version is ``etag``."""
        with self._guard:
            present = self.stat(path).etag
            if present != etag:
                raise changed_since(path, etag, present)
            return self.write_bytes(path, data)

    # Artifacts

    def write_artifact(
        self, src: StrPath, dest: str, *, progress: Progress | None = None
    ) -> StorageMetadata:
        """Copy a local file or folder to a key."""
        key, source = check_key(dest), check_source(src)
        is_dir = source.is_dir()
        if is_dir:
            inner = {
                name.replace(os.sep, "/"): _fs.read_bytes(file)
                for name, file in source_files(source)
            }
            sha256 = folder_digest({name: _sha256(data) for name, data in inner.items()})
            files = {f"{key}/{name}": data for name, data in inner.items()}
        else:
            files = {key: _fs.read_bytes(str(source))}
            sha256 = _sha256(files[key])
        with self._guard:
            self._refuse_file_above("write", key)
            self.delete(key)
            written = now()
            for name, data in files.items():
                self._entries[name] = (data, written)
        size = sum(map(len, files.values()))
        if progress is not None:
            progress(size)
        kind = "directory" if is_dir else "file"
        return StorageMetadata(key, size, _etag(*files.values()), written, kind, sha256)

    def read_artifact(
        self, src: str, dest_local: StrPath, *, progress: Progress | None = None
    ) -> None:
        """Copy the file or folder at a key to a local path."""
        key, dest = check_key(src), Path(dest_local)
        with self._guard:
            found = self._below(key)
        if not found:
            raise self._absent("read", key)
        for name, data in found.items():
            if name == key:
                target = dest / Path(key).name if dest.is_dir() else dest
            else:
                target = dest / name[len(key) + 1 :]
            with Translated(lambda error: cannot_copy_out(src, dest, error)):
                _fs.make_dirs(str(target.parent))
                _fs.replace_file(str(target), data)
            if progress is not None:
                progress(len(data))

    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        """Rename a file or folder to a key."""
        source, target = check_key(src), check_key(dest)
        check_apart(source, target)
        with self._guard:
            found = self._below(source)
            if not found:
                raise self._absent("move", source)
            if self.exists(target) and not replace:
                raise self._present("move", target)
            self._refuse_file_above("move", target)
            if target != source:
                self.delete(target)
            for name in found:
                self._entries[target + name[len(source) :]] = self._entries.pop(name)

    # Keys

    def stat(self, path: str) -> StorageMetadata:
        """Return what is stored at a key."""
        key = check_key(path)
        with self._guard:
            entry = self._entries.get(key)
            if entry is not None:
                data, modified = entry
                kind = "json" if key.endswith(".json") else "file"
                kind = "parquet" if key.endswith(".parquet") else kind
                return StorageMetadata(key, len(data), _etag(data), modified, kind)
            inside = self._below(key)
            if not inside:
                raise self._absent("stat", key)
            modified = max(self._entries[name][1] for name in inside)
            size = sum(map(len, inside.values()))
            return StorageMetadata(key, size, _etag(*inside.values()), modified, "directory")

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is at a key."""
        key = check_key(path)
        with self._guard:
            return bool(self._below(key))

    def list_paths(self, prefix: str = "") -> list[str]:
        """Return the keys of all files below a folder, or the key itself where it is a file."""
        key = check_key(prefix.rstrip("/")) if prefix else ""
        with self._guard:
            return sorted(self._below(key) if key else self._entries)

    def delete(self, path: str) -> bool:
        """Remove the file or folder at a key."""
        key = check_key(path)
        with self._guard:
            found = self._below(key)
            for name in found:
                del self._entries[name]
            return bool(found)

    # Inside

    def _below(self, key: str) -> dict[str, bytes]:
        if key in self._entries:
            return {key: self._entries[key][0]}
        start = key + "/"
        return {name: data for name, (data, _) in self._entries.items() if name.startswith(start)}

    def _refuse_obstacle(self, verb: str, key: str) -> None:
        if key in self._entries:
            return
        self._refuse_file_above(verb, key)
        if self._below(key):
            raise in_the_way(verb, key)

    def _refuse_file_above(self, verb: str, key: str) -> None:
        above = key.rpartition("/")[0]
        while above:
            if above in self._entries:
                raise in_the_way(verb, key, above)
            above = above.rpartition("/")[0]

    def _absent(self, verb: str, key: str) -> StorageNotFoundError:
        return StorageNotFoundError(
            f"Cannot {verb} {key!r} in {self.uri}: nothing there.", context={"path": key}
        )

    def _present(self, verb: str, key: str) -> StorageExistsError:
        return StorageExistsError(
            f"Cannot {verb} {key!r}: something is there already.", context={"path": key}
        )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _etag(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
