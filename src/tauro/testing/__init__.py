"""Contract suites, fakes and strategies for those who extend Tauro."""

from tauro.testing._dataset import DatasetSuite
from tauro.testing._registry import ModelRegistrySuite
from tauro.testing._storage import StorageBackendSuite

__all__ = ["DatasetSuite", "ModelRegistrySuite", "StorageBackendSuite"]
