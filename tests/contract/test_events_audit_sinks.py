"""Every audit sink keeps to the contract."""

from __future__ import annotations

from pathlib import Path

from tauro.events import AuditSink, FileAuditSink, MemoryAuditSink
from tauro.testing import AuditSinkSuite, PersistentAuditSinkSuite


class TestFileAuditSink(PersistentAuditSinkSuite):
    def make_sink(self, folder: Path) -> AuditSink:
        return FileAuditSink(folder)


class TestSmallFiles(PersistentAuditSinkSuite):
    """Every record begins a new file."""

    def make_sink(self, folder: Path) -> AuditSink:
        return FileAuditSink(folder, max_bytes=1)


class TestMemoryAuditSink(AuditSinkSuite):
    def make_sink(self, folder: Path) -> AuditSink:
        return MemoryAuditSink()
