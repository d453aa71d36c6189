"""Every audit sink keeps to the contract."""

from __future__ import annotations

from pathlib import Path

from tauro.events import AuditSink, FileAuditSink, MemoryAuditSink
from tauro.testing._events import AuditSinkContract, PersistentAuditSinkContract


class TestFileAuditSink(PersistentAuditSinkContract):
    def make_sink(self, folder: Path) -> AuditSink:
        return FileAuditSink(folder)


class TestSmallFiles(PersistentAuditSinkContract):
    """Every record begins a new file."""

    def make_sink(self, folder: Path) -> AuditSink:
        return FileAuditSink(folder, max_bytes=1)


class TestMemoryAuditSink(AuditSinkContract):
    def make_sink(self, folder: Path) -> AuditSink:
        return MemoryAuditSink()
