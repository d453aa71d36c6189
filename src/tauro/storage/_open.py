"""From a location to a backend, and the store that a process uses when none is named."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from tauro._internal._close import did_you_mean
from tauro._internal._optional import load
from tauro.errors import StorageError, ValidationError
from tauro.storage._local import LocalStorageBackend
from tauro.storage._protocol import StorageBackend
from tauro.storage._wrappers import PrefixedStorage, ReadOnlyStorage
from tauro.types import StrPath

DEFAULT_STORE: Final = "./mlops_data"
STORE_VARIABLE: Final = "TAURO_MLOPS_PATH"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}\Z")
_BACKENDS: Final = {
    "file": ("tauro.storage._local:LocalStorageBackend", None),
    "memory": ("tauro.storage._memory:MemoryStorageBackend", None),
}


def open_storage(
    location: StrPath | None = None, *, tenant_id: str | None = None, read_only: bool = False
) -> StorageBackend:
    """Return the backend for a folder or URL; nothing is created before the first write.

    Args:
        location: A path, ``file:///…`` or ``memory://``; None is the default store, which is
            ``TAURO_MLOPS_PATH`` where it is set and ``./mlops_data`` otherwise.
        tenant_id: See only this tenant's part, ``tenants/{tenant_id}/``.
        read_only: Refuse every write.

    Raises:
        StorageError: The location is empty or names a host, its scheme is not known, or the root is
            not a folder.
        ValidationError: The tenant's name is not acceptable.
    """
    backend = _backend(location if location is not None else default_location())
    if tenant_id is not None:
        backend = PrefixedStorage(backend, f"tenants/{check_tenant(tenant_id)}")
    return ReadOnlyStorage(backend) if read_only else backend


def default_location() -> str:
    """Return where the default store is: the environment's word, else ``./mlops_data``."""
    return os.environ.get(STORE_VARIABLE) or DEFAULT_STORE


def check_tenant(tenant_id: object) -> str:
    """Return a tenant's name.

    Raises:
        ValidationError: It is not 1 to 128 letters, digits, ``_``, ``-``, ``.`` or ``@``.
    """
    if not isinstance(tenant_id, str) or not _TENANT.match(tenant_id) or ".." in tenant_id:
        raise ValidationError(
            f"{tenant_id!r} is not a tenant's name; expected 1 to 128 letters, digits, '_', '-', "
            "'.' or '@', starting with a letter or digit.",
            context={"tenant_id": str(tenant_id)},
        )
    return tenant_id


def _backend(location: StrPath) -> StorageBackend:
    if isinstance(location, os.PathLike):
        return LocalStorageBackend(location)
    if not isinstance(location, str):
        raise StorageError(
            f"The store's location is {location!r}, of type {type(location).__name__}; expected a "
            "folder or a URL as text, or a path.",
            context={"type": type(location).__name__},
        )
    if not location.strip():
        raise StorageError(
            "The store's location is empty; expected a folder or a URL.",
            suggestions=[f"Leave it out for the default store, {DEFAULT_STORE}."],
        )
    scheme = _SCHEME.match(location)
    if scheme is None:
        return LocalStorageBackend(location)
    name = scheme.group(1).lower()
    if name not in _BACKENDS:
        raise StorageError(
            f"The store {location!r} has the scheme {name!r}, which no backend serves; "
            f"expected a folder or one of {', '.join(sorted(_BACKENDS))}.",
            context={"location": location},
            suggestions=did_you_mean(name, _BACKENDS),
        )
    target, extra = _BACKENDS[name]
    backend: Callable[..., StorageBackend] = load(target, extra=extra)
    return backend(_folder_of(location)) if name == "file" else backend()


def _folder_of(location: str) -> str:
    """Return the folder of a ``file:`` URL; ``?`` and ``#`` are parts of names, not of the URL.

    Raises:
        StorageError: It names a host, or no folder.
    """
    rest = location.partition(":")[2]
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in ("", "localhost"):
            raise StorageError(
                f"The store {location!r} names the host {host!r}, not a folder of this one.",
                context={"location": location},
                suggestions=[
                    f"Write {host + slash + path!r} for a folder below the working directory.",
                    f"Write {'file:///' + host + slash + path!r} for an absolute path.",
                ],
            )
        rest = slash + path
    if not rest:
        raise StorageError(
            f"The store {location!r} names no folder.",
            context={"location": location},
            suggestions=["Write file:///absolute/path, or a plain path."],
        )
    return unquote(rest)


_provider: Callable[[], StorageBackend] | None = None


def set_storage_provider(provider: Callable[[], StorageBackend] | None) -> None:
    """Say which store components without a context use; None restores the default store."""
    global _provider  # noqa: PLW0603 - the one slot that mlops fills
    _provider = provider


def get_active_storage(*, tenant_id: str | None = None) -> StorageBackend:
    """Return the store of the active context, else the default store."""
    provider = _provider
    backend = provider() if provider is not None else open_storage()
    if tenant_id is not None:
        return PrefixedStorage(backend, f"tenants/{check_tenant(tenant_id)}")
    return backend
