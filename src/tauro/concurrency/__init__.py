"""Locks between threads and processes, and changing several files as one."""

from tauro.concurrency._file_lock import FileLock, LockProtocol
from tauro.concurrency._optimistic import OptimisticLock, VersionedFile, VersionedSource
from tauro.concurrency._read_write import ReadWriteLock
from tauro.concurrency._transaction import SafeTransaction, Transaction

__all__ = [
    "FileLock",
    "LockProtocol",
    "OptimisticLock",
    "ReadWriteLock",
    "SafeTransaction",
    "Transaction",
    "VersionedFile",
    "VersionedSource",
]
