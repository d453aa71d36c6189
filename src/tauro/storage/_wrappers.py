"""Wrappers: each is a storage backend and passes the same contract suite as what it wraps."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tauro._internal import _fs
from tauro._internal._paths import check_key
from tauro.errors import ReadOnlyStoreError
from tauro.storage._protocol import A_DAY, Progress, StorageBackend, StorageMetadata
from tauro.types import Durability, StrPath

_ABILITIES = frozenset({"local_path", "lock", "spool"})


class StorageWrapper(StorageBackend):
    """A backend that hands everything to another; subclasses change what they are about.

    An ability (``local_path``, ``lock``, ``spool``) is there when what is wrapped has it.
    """

    def __init__(self, storage: StorageBackend) -> None:
        self.storage = storage
        # In the instance, where a runtime-checkable protocol looks: from Python 3.12 on it asks no
        # __getattr__.
        for name in _ABILITIES:
            if hasattr(storage, name):
                setattr(self, name, functools.partial(self._use, name))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.storage!r})"

    def _use(self, ability: str, *arguments: Any, **options: Any) -> Any:
        return getattr(self.storage, ability)(*arguments, **options)

    def _rewrap(self, storage: StorageBackend) -> StorageBackend:
        return type(self)(storage)

    def with_durability(self, durability: Durability) -> StorageBackend:
        """Return this wrapper around the same place with another durability."""
        inner = self.storage.with_durability(durability)
        return self if inner is self.storage else self._rewrap(inner)

    def uncached(self) -> StorageBackend:
        """Return this wrapper around the same place with reads that no cache answers."""
        inner = self.storage.uncached()
        return self if inner is self.storage else self._rewrap(inner)

    @property
    def uri(self) -> str:
        """Where the wrapped place is."""
        return self.storage.uri

    @property
    def read_only(self) -> bool:
        """Whether the wrapped place refuses writes."""
        return self.storage.read_only

    def read_bytes(self, path: str) -> bytes:
        """Return the bytes at a key."""
        return self.storage.read_bytes(path)

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key, replacing what is there."""
        return self.storage.write_bytes(path, data)

    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key where nothing is."""
        return self.storage.create_bytes(path, data)

    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        """Put bytes at a key whose present version is ``etag``."""
        return self.storage.replace_bytes(path, data, etag=etag)

    def write_artifact(
        self, src: StrPath, dest: str, *, progress: Progress | None = None
    ) -> StorageMetadata:
        """Copy a local file or folder to a key."""
        return self.storage.write_artifact(src, dest, progress=progress)

    def read_artifact(
        self, src: str, dest_local: StrPath, *, progress: Progress | None = None
    ) -> None:
        """Copy the file or folder at a key to a local path."""
        self.storage.read_artifact(src, dest_local, progress=progress)

    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        """Rename a file or folder to a key."""
        self.storage.move(src, dest, replace=replace)

    def stat(self, path: str) -> StorageMetadata:
        """Return what is stored at a key."""
        return self.storage.stat(path)

    def size(self, path: str) -> int:
        """Return the bytes at a key."""
        return self.storage.size(path)

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is at a key."""
        return self.storage.exists(path)

    def list_paths(self, prefix: str = "") -> list[str]:
        """Return the keys of all files below a folder."""
        return self.storage.list_paths(prefix)

    def delete(self, path: str) -> bool:
        """Remove the file or folder at a key."""
        return self.storage.delete(path)

    def remove_temporaries(self, prefix: str = "", *, older_than: float = A_DAY) -> int:
        """Remove what writers that died left unfinished below a folder; return how many."""
        return self.storage.remove_temporaries(prefix, older_than=older_than)


class PrefixedStorage(StorageWrapper):
    """See one folder of a place as a whole place: a tenant's store.

    Args:
        storage: The place.
        prefix: The folder's key, such as ``tenants/acme``.
    """

    def __init__(self, storage: StorageBackend, prefix: str) -> None:
        super().__init__(storage)
        self.prefix = check_key(prefix)
        self._start = self.prefix + "/"

    def _rewrap(self, storage: StorageBackend) -> StorageBackend:
        return PrefixedStorage(storage, self.prefix)

    def _use(self, ability: str, *arguments: Any, **options: Any) -> Any:
        if ability == "local_path":
            path = str(arguments[0]) if arguments else options.get("path", "")
            return super()._use(ability, self._start + check_key(path) if path else self.prefix)
        if ability == "lock":
            return super()._use(ability, self._start + arguments[0], **options)
        folder: Path = super()._use(ability) / self.prefix
        _fs.make_dirs(str(folder))
        return folder

    def _key(self, path: str) -> str:
        return self._start + check_key(path)

    def _own(self, metadata: StorageMetadata) -> StorageMetadata:
        return replace(metadata, path=metadata.path[len(self._start) :])

    @property
    def uri(self) -> str:
        """Where the folder is."""
        return f"{self.storage.uri}/{quote(self.prefix)}"

    def read_bytes(self, path: str) -> bytes:
        """Return the bytes at a key."""
        return self.storage.read_bytes(self._key(path))

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key, replacing what is there."""
        return self._own(self.storage.write_bytes(self._key(path), data))

    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key where nothing is."""
        return self._own(self.storage.create_bytes(self._key(path), data))

    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        """Put bytes at a key whose present version is ``etag``."""
        return self._own(self.storage.replace_bytes(self._key(path), data, etag=etag))

    def write_artifact(
        self, src: StrPath, dest: str, *, progress: Progress | None = None
    ) -> StorageMetadata:
        """Copy a local file or folder to a key."""
        return self._own(self.storage.write_artifact(src, self._key(dest), progress=progress))

    def read_artifact(
        self, src: str, dest_local: StrPath, *, progress: Progress | None = None
    ) -> None:
        """Copy the file or folder at a key to a local path."""
        self.storage.read_artifact(self._key(src), dest_local, progress=progress)

    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        """Rename a file or folder to a key."""
        self.storage.move(self._key(src), self._key(dest), replace=replace)

    def stat(self, path: str) -> StorageMetadata:
        """Return what is stored at a key."""
        return self._own(self.storage.stat(self._key(path)))

    def size(self, path: str) -> int:
        """Return the bytes at a key."""
        return self.storage.size(self._key(path))

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is at a key."""
        return self.storage.exists(self._key(path))

    def list_paths(self, prefix: str = "") -> list[str]:
        """Return the keys of all files below a folder."""
        key = check_key(prefix.rstrip("/")) if prefix else ""
        found = self.storage.list_paths(self._start + key if key else self.prefix)
        return [path[len(self._start) :] for path in found]

    def delete(self, path: str) -> bool:
        """Remove the file or folder at a key."""
        return self.storage.delete(self._key(path))

    def remove_temporaries(self, prefix: str = "", *, older_than: float = A_DAY) -> int:
        """Remove what writers that died left unfinished below a folder; return how many."""
        key = self._key(prefix) if prefix else self.prefix
        return self.storage.remove_temporaries(key, older_than=older_than)


class ReadOnlyStorage(StorageWrapper):
    """Refuse every write."""

    @property
    def read_only(self) -> bool:
        """Always true."""
        return True

    def _refuse(self, path: str) -> ReadOnlyStoreError:
        return ReadOnlyStoreError(
            f"Cannot write {check_key(path)!r}: the store {self.uri} is open for reading only.",
            context={"path": path, "uri": self.uri},
        )

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Refuse."""
        raise self._refuse(path)

    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Refuse."""
        raise self._refuse(path)

    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        """Refuse."""
        raise self._refuse(path)

    def write_artifact(
        self, src: StrPath, dest: str, *, progress: Progress | None = None
    ) -> StorageMetadata:
        """Refuse."""
        raise self._refuse(dest)

    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        """Refuse."""
        raise self._refuse(dest)

    def delete(self, path: str) -> bool:
        """Refuse."""
        raise self._refuse(path)

    def remove_temporaries(self, prefix: str = "", *, older_than: float = A_DAY) -> int:
        """Refuse."""
        raise self._refuse(prefix or "_tauro")
