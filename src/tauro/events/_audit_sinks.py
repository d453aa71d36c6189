"""Where the audit log goes."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

import msgspec

from tauro._internal import _fs
from tauro._internal._fork import tell_after_fork
from tauro._internal._ids import new_id
from tauro._internal._json import decode
from tauro.events._audit_models import AuditRecord
from tauro.types import StrPath

_SUFFIX: Final = ".jsonl"
_MAX_BYTES: Final = 16 << 20

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AuditRecord)


@dataclass(frozen=True, slots=True)
class AuditDamage:
    """A place where the audit log is not what was written.

    Attributes:
        file: The file.
        line: The line, from 1.
        reason: What is wrong with it.
    """

    file: str
    line: int
    reason: str


@runtime_checkable
class AuditSink(Protocol):
    """Keeps audit records.

    Obligations: ``append`` may be called from any thread, and when it returns the record survives
    the end of the process (if the sink is one that persists at all); it raises ``OSError`` when it
    could not be kept. Records are never changed or removed. ``records`` yields those of all
    processes, in no order, also while others append.
    """

    def append(self, record: AuditRecord) -> None:
        """Keep a record."""

    def records(self) -> Iterable[AuditRecord]:
        """Yield what was kept."""


class MemoryAuditSink:
    """Keeps the last records in memory."""

    def __init__(self, *, max_records: int = 10_000) -> None:
        self._records: deque[AuditRecord] = deque(maxlen=max_records)

    def append(self, record: AuditRecord) -> None:
        """Keep a record; the oldest goes when there are too many."""
        self._records.append(record)

    def records(self) -> Iterable[AuditRecord]:
        """Return what was kept, oldest first."""
        return list(self._records)


class FileAuditSink:
    """Keeps records as JSON lines in a folder that many processes share.

    Every writer appends to a file of its own, one ``write`` a record, so nobody waits for anybody
    and a record is there whole when ``append`` returns, whatever becomes of the process. Each
    record carries a digest of the writer's one before it: :meth:`verify` notices a record that was
    changed or taken out. A file is followed by a new one at 16 MiB.
    """

    def __init__(self, folder: StrPath, *, max_bytes: int = _MAX_BYTES) -> None:
        self.folder = os.fspath(folder)
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._begin_file()
        tell_after_fork(self)

    def _begin_file(self) -> None:
        self._fd: int | None = None
        self._path = ""
        self._size = 0
        self._sequence = itertools.count(1)
        self._previous = ""

    def append(self, record: AuditRecord) -> None:
        """Append a record to this writer's file.

        Raises:
            OSError: It could not be written. The next record goes to a new file.
        """
        with self._lock:
            fd = self._open()
            record = msgspec.structs.replace(
                record, sequence=next(self._sequence), previous=self._previous
            )
            line = _encoder.encode(record) + b"\n"
            try:
                _fs.write_all(fd, line, self._path)
            except OSError:
                self._close()
                raise
            self._previous = _digest(line)
            self._size += len(line)
            if self._size >= self._max_bytes:
                self._close()

    def _open(self) -> int:
        if self._fd is None:
            self._begin_file()
            self._path = os.path.join(self.folder, f"{new_id()}-{os.getpid()}{_SUFFIX}")
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
            self._fd = _fs.open_fd(self._path, flags)
        return self._fd

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            _fs.close_fd(fd, self._path)

    def close(self) -> None:
        """Close the writer's file; a later record begins a new one."""
        with self._lock:
            self._close()

    def records(self) -> Iterator[AuditRecord]:
        """Yield the whole records of every file, files by age; damaged lines are left out."""
        for path in self._files():
            for line in _fs.read_bytes(path).splitlines():
                record = _parse(line)
                if record is not None:
                    yield record

    def verify(self) -> list[AuditDamage]:
        """Return every place where a file is not what its writer wrote.

        The last line of a file may be cut short by a crash; that is reported like other damage.
        What this cannot see is the loss of a file's last lines, or of a whole file.
        """
        return [damage for path in self._files() for damage in _damage_of(path)]

    def _files(self) -> list[str]:
        return [entry.path for entry in _fs.list_dir(self.folder) if entry.name.endswith(_SUFFIX)]

    def _after_fork(self) -> None:
        # The descriptor is shared with the parent; the child writes a file of its own.
        self._lock = threading.Lock()
        if self._fd is not None:
            os.close(self._fd)
        self._begin_file()


def _parse(line: bytes) -> AuditRecord | None:
    try:
        return decode(line, _decoder)
    except msgspec.DecodeError:
        return None


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32]


def _damage_of(path: str) -> Iterator[AuditDamage]:
    expected, previous = 1, ""
    for number, line in enumerate(_fs.read_bytes(path).splitlines(keepends=True), 1):
        record = _parse(line)
        if record is None:
            whole = line.endswith(b"\n")
            reason = "the line is no audit record" if whole else "the last line was cut short"
            yield AuditDamage(path, number, reason)
        elif record.sequence != expected:
            yield AuditDamage(path, number, f"record {expected} is missing or out of place")
        elif record.previous != previous:
            yield AuditDamage(path, number, "the record before this one was changed")
        expected = (record.sequence if record is not None else expected) + 1
        previous = _digest(line)


def in_period(record: AuditRecord, since: datetime | None, until: datetime | None) -> bool:
    """Tell whether a record's time is at or after ``since`` and before ``until``."""
    return (since is None or record.timestamp >= since) and (
        until is None or record.timestamp < until
    )
