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
from tauro._internal._json import checksum_holds, decode_checked, strange_fields, with_checksum
from tauro.events._audit_models import AuditRecord
from tauro.types import StrPath

_SUFFIX: Final = ".jsonl"
_MAX_BYTES: Final = 16 << 20
CUT_SHORT: Final = "the last line was cut short"
_SEEN: Final = 16
"""Of how many other files, the newest, a new one keeps the sizes."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AuditRecord)
_FIELDS: Final = (*AuditRecord.__struct_fields__, "seen")


class _First(msgspec.Struct, frozen=True):
    """What the first line of a file says beside its record: the sizes that other files had."""

    seen: dict[str, int] = {}


_first_decoder = msgspec.json.Decoder(_First)


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
    record carries a checksum of its own and a digest of the writer's one before it, and the first
    one of a file the sizes of the newest others: :meth:`verify` notices a record that was changed
    or taken out, and a file that lost its end or is gone. A file is followed by a new one at
    16 MiB.
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
        self._seen: dict[str, int] = {}

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
            line = self._line(record)
            try:
                _fs.write_all(fd, line, self._path)
            except OSError:
                self._close()
                raise
            self._previous = _digest(line)
            self._size += len(line)
            if self._size >= self._max_bytes:
                self._close()

    def _line(self, record: AuditRecord) -> bytes:
        text = _encoder.encode(record)
        if record.sequence == 1:
            text = b'%b,"seen":%b}' % (text[:-1], _encoder.encode(self._seen))
        return with_checksum(text) + b"\n"

    def _sizes(self) -> dict[str, int]:
        """Return the sizes of the newest files."""
        names = sorted(name for name in _fs.list_names(self.folder) if name.endswith(_SUFFIX))
        found = {name: _fs.stat(os.path.join(self.folder, name)) for name in names[-_SEEN:]}
        return {name: about.st_size for name, about in found.items() if about is not None}

    def _open(self) -> int:
        if self._fd is None:
            self._begin_file()
            self._seen = self._sizes()
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
        What this cannot see is the loss of the last lines of the newest file, or of that file, for
        no later one knows of it; and that of the oldest file, which may be deleted by rule.
        """
        files = {os.path.basename(path): path for path in self._files()}
        found = [damage for path in files.values() for damage in _damage_of(path)]
        folders = [entry.path for entry in self._entries() if entry.is_dir()]
        found += [AuditDamage(path, 1, "a folder is in the place of the file") for path in folders]
        for seen in map(_seen_by, list(files.values())):
            found += self._missing(files, seen)
        return list(dict.fromkeys(found))

    def _missing(self, files: dict[str, str], seen: dict[str, int]) -> Iterator[AuditDamage]:
        """Yield files of those that were seen that are gone or shorter."""
        for name, size in seen.items():
            path = files.get(name)
            if path is None:
                # They are deleted from the oldest on, and nothing else is.
                if any(other < name for other in files):
                    yield AuditDamage(os.path.join(self.folder, name), 1, "the file is missing")
                continue
            data = _fs.read_bytes(path)
            if len(data) < size:
                line = data.count(b"\n") + 1
                yield AuditDamage(path, line, "the records from here on are missing")

    def _files(self) -> list[str]:
        return [entry.path for entry in self._entries() if not entry.is_dir()]

    def _entries(self) -> list[os.DirEntry[str]]:
        return [entry for entry in _fs.list_dir(self.folder) if entry.name.endswith(_SUFFIX)]

    def _after_fork(self) -> None:
        # The descriptor is shared with the parent; the child writes a file of its own.
        self._lock = threading.Lock()
        if self._fd is not None:
            os.close(self._fd)
        self._begin_file()


def _parse(line: bytes, *, strictly: bool = False) -> AuditRecord | None:
    try:
        record = decode_checked(line, _decoder)
        strange = strange_fields(line, _FIELDS) if strictly else []
    except msgspec.DecodeError:
        return None
    return None if strange else record


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32]


def _seen_by(path: str) -> dict[str, int]:
    line = _fs.read_bytes(path).partition(b"\n")[0]
    try:
        return decode_checked(line, _first_decoder).seen
    except msgspec.DecodeError:
        return {}


def _damage_of(path: str) -> Iterator[AuditDamage]:
    expected = 1
    previous: str | None = ""
    for number, line in enumerate(_fs.read_bytes(path).splitlines(keepends=True), 1):
        record = _parse(line, strictly=True)
        if record is None:
            yield AuditDamage(path, number, _what_is_wrong(line))
        elif record.sequence != expected:
            yield AuditDamage(path, number, f"record {expected} is missing or out of place")
        elif previous is not None and record.previous != previous:
            yield AuditDamage(path, number, "the record before this one was changed")
        expected = (record.sequence if record is not None else expected) + 1
        previous = _digest(line) if record is not None else None  # That line is named.


def _what_is_wrong(line: bytes) -> str:
    if line.endswith(b"\n") or not line.startswith(b"{") or b"\0" in line:
        return "the line is no audit record, or was changed"
    return "the end of the line was changed" if checksum_holds(line[:-1]) else CUT_SHORT


def in_period(record: AuditRecord, since: datetime | None, until: datetime | None) -> bool:
    """Tell whether a record's time is at or after ``since`` and before ``until``."""
    return (since is None or record.timestamp >= since) and (
        until is None or record.timestamp < until
    )
