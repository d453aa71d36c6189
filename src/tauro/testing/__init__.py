"""Contract suites and fakes for those who extend Tauro."""

from tauro.testing._cache import CacheSuite
from tauro.testing._dataset import DatasetSuite
from tauro.testing._emitter import EventEmitterSuite
from tauro.testing._events import AuditSinkSuite, PersistentAuditSinkSuite, fresh_observers
from tauro.testing._locks import LockSuite
from tauro.testing._registry import ModelRegistrySuite
from tauro.testing._registry_protocol import ModelRegistryProtocolSuite
from tauro.testing._resilience import FakeClock, fake_clock
from tauro.testing._storage import StorageBackendSuite
from tauro.testing._tracker import ExperimentTrackerSuite

__all__ = [
    "AuditSinkSuite",
    "CacheSuite",
    "DatasetSuite",
    "EventEmitterSuite",
    "ExperimentTrackerSuite",
    "FakeClock",
    "LockSuite",
    "ModelRegistryProtocolSuite",
    "ModelRegistrySuite",
    "PersistentAuditSinkSuite",
    "StorageBackendSuite",
    "fake_clock",
    "fresh_observers",
]
