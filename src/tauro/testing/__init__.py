"""Contract suites, fakes and strategies for those who extend Tauro."""

from tauro.testing._registry import ModelRegistrySuite
from tauro.testing._storage import StorageBackendSuite

__all__ = ["ModelRegistrySuite", "StorageBackendSuite"]
