"""What a process prints, kept with a run on request, as it is printed."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
import threading
from typing import Any, Final, TextIO

from tauro._internal import _fs
from tauro.storage import StorageBackend, SupportsLocalPath
from tauro.tracking._artifacts import artifact_folder, hash_stored
from tauro.tracking._models import ArtifactRecord, RunRecord
from tauro.types import Durability

_log = logging.getLogger(__name__)

NAME: Final = "console.txt"
BEFORE: Final = "console.1.txt"
LIMIT: Final = 8 << 20
"""The most bytes of a file; then it becomes the one before, in place of what that was."""

_STREAMS: Final = ("stdout", "stderr")


def left_behind(storage: StorageBackend, record: RunRecord) -> list[ArtifactRecord]:
    """Return the artifacts that hold what a process printed that died before it could say so."""
    if not any(each.path == NAME and not each.sha256 for each in record.artifacts):
        return []
    folder = artifact_folder(record.run_id)
    names = [name for name in (BEFORE, NAME) if storage.exists(f"{folder}/{name}")]
    return [_described(storage, folder, name) for name in names]


def _described(storage: StorageBackend, folder: str, name: str) -> ArtifactRecord:
    key = f"{folder}/{name}"
    return ArtifactRecord(path=name, size=storage.size(key), sha256=hash_stored(storage, key))


class _Tee:
    """A stream that also hands what is written to it to a capture, until that has stopped."""

    def __init__(self, stream: TextIO, capture: ConsoleCapture) -> None:
        self._stream = stream
        self._capture = capture

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        self._capture.take(text)
        return written

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)


class ConsoleCapture:
    """Copy what this process writes to ``sys.stdout`` and ``sys.stderr`` into files of a run.

    Each text is in the file when ``print`` returns, so that the death of the process loses none;
    where the place has no files, they are spooled and put there at the end. The streams go on as
    they were. What libraries write past them, to the file descriptors, and what forked children
    print is not copied. Any thread may print.

    Args:
        storage: The store.
        run_id: The run.
        durability: With ``disk``, the files are synchronised at the end.
        limit: The most bytes of a file, of which there are two.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(
        self,
        storage: StorageBackend,
        run_id: str,
        *,
        durability: Durability = "process",
        limit: int = LIMIT,
    ) -> None:
        self._storage = storage
        self._key = artifact_folder(run_id)
        self._spool = ""
        if isinstance(storage, SupportsLocalPath):
            self._folder = str(storage.local_path(self._key))
        else:
            # No finalizer, which a forked child would run.
            self._folder = self._spool = tempfile.mkdtemp(prefix="tauro-console-")
        self._durable = durability == "disk"
        self._limit = limit
        # Reentrant, since a signal's handler may print in the middle of a print.
        self._guard = threading.RLock()
        self._process = os.getpid()
        self._fd: int | None = None
        self._open()
        self._replaced: dict[str, tuple[TextIO, _Tee]] = {}
        for name in _STREAMS:
            stream = getattr(sys, name)
            if stream is not None:  # it is None under pythonw
                tee = _Tee(stream, self)
                self._replaced[name] = (stream, tee)
                setattr(sys, name, tee)

    def _open(self) -> None:
        self._path = os.path.join(self._folder, NAME)
        self._fd = _fs.open_fd(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._size = 0

    def take(self, text: str) -> None:
        """Keep a text that was printed; where that cannot be, say so once and keep no more."""
        if os.getpid() != self._process or self._fd is None:
            return
        try:
            with self._guard:
                self._write(text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            with contextlib.suppress(OSError):
                self._close()
            _log.warning("No more is kept of what is printed: %s", error)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self._fd is not None:
            if self._size >= self._limit:
                self._close()
                _fs.rename(self._path, os.path.join(self._folder, BEFORE))
                self._open()
            part = view[: self._limit - self._size]
            _fs.write_all(self._fd, part, self._path)
            self._size += len(part)
            view = view[len(part) :]

    def _close(self) -> None:
        with self._guard:
            fd, self._fd = self._fd, None
            if fd is not None:
                try:
                    if self._durable:
                        _fs.sync_fd(fd, self._path)
                finally:
                    _fs.close_fd(fd, self._path)

    def stop(self) -> list[ArtifactRecord]:
        """Give the streams back; return the artifacts that hold what was printed.

        A stream that somebody else has wrapped meanwhile stays, and copies nothing more.

        Raises:
            StorageError: They are not in the store.
        """
        for name, (stream, tee) in self._replaced.items():
            if getattr(sys, name) is tee:
                setattr(sys, name, stream)
        try:
            self._close()
            names = [name for name in (BEFORE, NAME) if self._has(name)]
            return [self._keep(name) for name in names]
        finally:
            if self._spool:
                shutil.rmtree(self._spool, ignore_errors=True)

    def _has(self, name: str) -> bool:
        return _fs.stat(os.path.join(self._folder, name)) is not None

    def _keep(self, name: str) -> ArtifactRecord:
        key = f"{self._key}/{name}"
        if self._spool:
            self._storage.write_artifact(os.path.join(self._spool, name), key)
        return _described(self._storage, self._key, name)
