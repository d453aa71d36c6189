"""The contract of :class:`~tauro.storage.StorageBackend`, as tests."""

from __future__ import annotations

from tauro.testing._storage_artifacts import ArtifactsPart
from tauro.testing._storage_bytes import BytesPart
from tauro.testing._storage_keys import KeysPart
from tauro.testing._storage_values import ValuesPart


class StorageBackendSuite(BytesPart, ValuesPart, ArtifactsPart, KeysPart):
    """Subclass, define :meth:`make_backend`, and collect with pytest.

    >>> class TestMyBackend(StorageBackendSuite):
    ...     def make_backend(self, folder):
    ...         return MyBackend(folder)
    """
