"""The journal of one writer: every change of a document, before the document changes."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Final, Self

from tauro._internal import _fs
from tauro._internal._fork import tell_after_fork
from tauro._internal._ids import new_id
from tauro.tracking._catalogue._entry import Entry, EntryKind, encode_entry
from tauro.tracking._catalogue._layout import JOURNAL_SUFFIX, Layout

_MAX_BYTES: Final = 64 << 20


class _File:
    """One file of a journal. A lock on it, held while it may grow, tells that its writer lives."""

    def __init__(self, layout: Layout, *, durable: bool) -> None:
        self.path = layout.journal_file(new_id() + JOURNAL_SUFFIX)
        # Nobody may see the file before it is locked, so it gets its name last.
        temporary = _fs.temporary_name(layout.journal)
        self.fd = _fs.open_fd(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)
        try:
            # Where there are no locks nobody can take one either, and no file is ever folded away.
            _fs.try_lock_fd(self.fd, temporary)
            _fs.rename(temporary, self.path)
            if durable:
                _fs.sync_dir(layout.journal)
        except OSError:
            _fs.close_fd(self.fd, temporary)
            _fs.discard(temporary)
            raise
        self.size = 0
        self.slots = 0
        self.free: list[int] = []
        self.outstanding = 0
        self.retired = False

    def close_if_done(self) -> None:
        if self.retired and self.outstanding == 0 and self.fd >= 0:
            fd, self.fd = self.fd, -1
            _fs.close_fd(fd, self.path)


class Recording:
    """An entry whose document is being put in place; leave the ``with`` block once it is.

    Left by an exception, or never entered, the entry stays an intent: readers look at that one
    document to learn whether it was carried out.
    """

    __slots__ = ("_file", "_journal", "_slot")

    def __init__(self, journal: JournalWriter, file: _File, slot: int) -> None:
        self._journal = journal
        self._file = file
        self._slot = slot

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._journal.finished(self._file, self._slot, carried_out=error_type is None)


class JournalWriter:
    """Append entries to a file that only this process writes.

    Threads share it under a short lock. After a fork the child opens a file of its own. A file that
    an error may have left torn is never written again.

    Args:
        layout: Where the files are.
        durable: Whether an entry also survives the loss of power.
    """

    def __init__(self, layout: Layout, *, durable: bool = False) -> None:
        self._layout = layout
        self._durable = durable
        self._file: _File | None = None
        self._lock = threading.Lock()
        tell_after_fork(self)

    def append(
        self, kind: EntryKind, rev: int, experiment_id: str, run_id: str, document: bytes
    ) -> Recording:
        """Write an entry; when this returns it survives the process.

        Raises:
            OSError: The entry could not be written; nothing may be put in place.
        """
        with self._lock:
            while True:
                file = self._open()
                slot = file.free.pop() if file.free else file.slots
                if self._write(file, Entry(kind, slot, rev, experiment_id, run_id, document)):
                    file.slots = max(file.slots, slot + 1)
                    file.outstanding += 1
                    self._retire_if_full(file)
                    return Recording(self, file, slot)

    def append_ahead(self, rev: int, experiment_id: str, run_id: str, document: bytes) -> None:
        """Write a run's new state; when this returns it is so, and survives the process.

        Raises:
            OSError: It could not be written, or that is not known.
        """
        with self._lock:
            while True:
                file = self._open()
                entry = Entry(EntryKind.AHEAD, 0, rev, experiment_id, run_id, document)
                if self._write(file, entry):
                    self._retire_if_full(file)
                    return

    def _write(self, file: _File, entry: Entry) -> bool:
        """Write a line; tell whether it stands, or somebody removed the file under our feet."""
        line = encode_entry(entry)
        try:
            _fs.write_all(file.fd, line, file.path)
            if self._durable:
                _fs.sync_fd(file.fd, file.path)
            stands = _fs.link_count(file.fd, file.path) > 0
        except BaseException:
            self._retire()
            raise
        file.size += len(line)
        if not stands:
            self._retire()
        return stands

    def finished(self, file: _File, slot: int, *, carried_out: bool) -> None:
        """Take note that an entry was carried out, or failed."""
        with self._lock:
            file.outstanding -= 1
            if carried_out:
                file.free.append(slot)
            elif file is self._file:
                self._retire()
            file.close_if_done()

    def close(self) -> bool:
        """Let the file go, and tell whether there was one; a later entry opens another."""
        with self._lock:
            open_file = self._file is not None
            self._retire()
        return open_file

    def _open(self) -> _File:
        if self._file is None:
            self._file = _File(self._layout, durable=self._durable)
        return self._file

    def _retire_if_full(self, file: _File) -> None:
        if file.size >= _MAX_BYTES:
            self._retire()

    def _retire(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.retired = True
            file.close_if_done()

    def _after_fork(self) -> None:
        """Leave the parent its file."""
        self._lock = threading.Lock()
        file, self._file = self._file, None
        if file is not None and file.fd >= 0:
            os.close(file.fd)
            file.fd = -1
