"""Places that hold a store, and the wrappers around them."""

from tauro.storage._cached import CachedStorage
from tauro.storage._folders import check_outside, folder_digest, folder_files
from tauro.storage._format import (
    FORMAT_VERSION,
    StoreFormat,
    ensure_format,
    read_format,
)
from tauro.storage._local import LocalStorageBackend
from tauro.storage._memory import MemoryStorageBackend
from tauro.storage._open import (
    DEFAULT_STORE,
    check_tenant,
    default_location,
    get_active_storage,
    open_storage,
    set_storage_provider,
)
from tauro.storage._protocol import (
    Progress,
    StorageBackend,
    StorageMetadata,
    SupportsLocalPath,
    SupportsLocks,
    SupportsSpool,
    WriteMode,
    in_the_way,
)
from tauro.storage._retrying import RetryingStorage
from tauro.storage._wrappers import PrefixedStorage, ReadOnlyStorage, StorageWrapper

__all__ = [
    "DEFAULT_STORE",
    "FORMAT_VERSION",
    "CachedStorage",
    "LocalStorageBackend",
    "MemoryStorageBackend",
    "PrefixedStorage",
    "Progress",
    "ReadOnlyStorage",
    "RetryingStorage",
    "StorageBackend",
    "StorageMetadata",
    "StorageWrapper",
    "StoreFormat",
    "SupportsLocalPath",
    "SupportsLocks",
    "SupportsSpool",
    "WriteMode",
    "check_outside",
    "check_tenant",
    "default_location",
    "ensure_format",
    "folder_digest",
    "folder_files",
    "get_active_storage",
    "in_the_way",
    "open_storage",
    "read_format",
    "set_storage_provider",
]
