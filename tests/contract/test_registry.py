"""The model registry over every backend and wrapper."""

from __future__ import annotations

from pathlib import Path

from tauro.storage import (
    LocalStorageBackend,
    MemoryStorageBackend,
    PrefixedStorage,
    StorageBackend,
)
from tauro.testing import ModelRegistrySuite


class TestLocal(ModelRegistrySuite):
    def make_storage(self, folder: Path) -> StorageBackend:
        return LocalStorageBackend(folder)


class TestMemory(ModelRegistrySuite):
    def make_storage(self, folder: Path) -> StorageBackend:
        return MemoryStorageBackend()


class TestTenant(ModelRegistrySuite):
    def make_storage(self, folder: Path) -> StorageBackend:
        return PrefixedStorage(LocalStorageBackend(folder), "tenants/acme")
