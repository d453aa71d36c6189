"""Files of remote stores, by fsspec: ``s3://``, ``gs://``, ``abfs://``, ``sftp://`` and others."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, Final

from tauro._internal import _optional
from tauro._internal._close import close_matches
from tauro._internal._dataset import DatasetSpec
from tauro._internal._ids import new_id
from tauro._internal._secrets import mask_text
from tauro.errors import DatasetError

_OBJECT_STORES: Final = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "memory"}
"""Stores in which putting a whole object is one step."""


class RemoteFiles:
    """A remote store, as datasets use it: read whole, written by way of a local file."""

    is_remote = True

    def __init__(self, filesystem: Any, protocol: str) -> None:
        self._fs = filesystem
        self._protocol = protocol

    @classmethod
    def open(cls, url: str, spec: DatasetSpec) -> tuple[RemoteFiles, str]:
        """Return the store of a URL and the path within it.

        Raises:
            MissingExtraError: fsspec, or its driver of this scheme, is not installed.
        """
        _optional.load("fsspec", extra="remote", purpose=f"The path {mask_text(url)}")
        connect = _optional.load("fsspec.core:url_to_fs", extra="remote")
        protocol = url.partition("://")[0]
        try:
            filesystem, path = connect(url, **spec.storage_options)
        except ImportError as error:
            raise _optional.missing(
                error.name or protocol, extra="remote", purpose=f"The path {mask_text(url)}"
            ) from error
        except ValueError as error:
            raise DatasetError(
                f"Dataset {spec.name!r} has the path {mask_text(url)}: {error}.",
                suggestions=["A file of this machine is written as a plain path."],
            ) from error
        return cls(filesystem, protocol), path

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is there."""
        return bool(self._fs.exists(path))

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""
        return bool(self._fs.isdir(path))

    def glob(self, pattern: str) -> list[str]:
        """Return the files that a pattern matches, sorted."""
        return sorted(path for path in self._fs.glob(pattern) if self._fs.isfile(path))

    def walk(self, folder: str) -> list[str]:
        """Return every file below a folder, sorted; hidden ones are left out."""
        found = self._fs.find(folder)
        return sorted(path for path in found if not _is_hidden(os.path.relpath(path, folder)))

    def children(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted, hidden ones left out; none where it is absent."""
        if not self._fs.isdir(folder):
            return []
        names = [
            os.path.basename(str(path).rstrip("/")) for path in self._fs.ls(folder, detail=False)
        ]
        return sorted(name for name in names if not _is_hidden(name))

    def read_bytes(self, path: str) -> bytes:
        """Return a file's bytes."""
        data: bytes = self._fs.cat_file(path)
        return data

    def source(self, path: str) -> io.BytesIO:
        """Return the file's bytes as an open file."""
        return io.BytesIO(self.read_bytes(path))

    @contextmanager
    def staged(self, path: str, *, exclusive: bool = False) -> Iterator[str]:
        """Give a local name to write to; on leaving, what was written there is sent to ``path``.

        A file takes the place of the old one in one step where the store can do that. A folder
        is sent file by file, and what it held before is removed last.

        Raises:
            FileExistsError: ``exclusive`` and something is there already.
        """
        with tempfile.TemporaryDirectory(prefix="tauro-") as folder:
            temporary = os.path.join(folder, os.path.basename(path))
            yield temporary
            if exclusive and self._fs.exists(path):
                raise FileExistsError(path)
            if os.path.isdir(temporary):
                self._send_folder(temporary, path)
            else:
                self._send(temporary, path)

    def appending(self, path: str) -> AbstractContextManager[None]:
        """Exclude nobody: of two that add to a file at once, the last one's rows stay."""
        return nullcontext()

    def _send(self, local: str, path: str) -> None:
        self._fs.makedirs(os.path.dirname(path), exist_ok=True)
        if self._protocol in _OBJECT_STORES:
            self._fs.put_file(local, path)
            return
        temporary = f"{path}.tmp-{new_id()}"
        self._fs.put_file(local, temporary)
        self._fs.mv(temporary, path)

    def _send_folder(self, local: str, path: str) -> None:
        old = set(self._fs.find(path)) if self._fs.isdir(path) else set()
        sent = set()
        for parent, _, names in os.walk(local):
            for name in names:
                source = os.path.join(parent, name)
                target = os.path.join(path, os.path.relpath(source, local))
                self._send(source, target)
                sent.add(target)
        for gone in sorted(old - sent):
            self._fs.rm_file(gone)

    def fingerprint(self, path: str) -> str:
        """Return what the store knows a file's content by (an etag, or size and time)."""
        return f"{self._protocol}:{self._fs.ukey(path)}"

    def status(self, path: str) -> tuple[int, float]:
        """Return a file's size and the time of its last change; 0 where the store knows none."""
        facts = self._fs.info(path)
        for key in ("mtime", "LastModified", "last_modified", "created"):
            moment = facts.get(key)
            if isinstance(moment, datetime):
                return int(facts["size"] or 0), moment.timestamp()
            if isinstance(moment, int | float):
                return int(facts["size"] or 0), float(moment)
        return int(facts["size"] or 0), 0.0

    def near(self, path: str) -> list[str]:
        """Return files of the same folder with a like name, for an error's hints."""
        folder, name = os.path.split(path)
        found = close_matches(name, self.children(folder))
        return [f"Did you mean {' or '.join(repr(n) for n in found)}?"] if found else []


def _is_hidden(path: str) -> bool:
    return any(part.startswith((".", "_")) for part in path.split("/"))
