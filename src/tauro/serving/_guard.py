"""Who may ask a server: host names on loopback, keys elsewhere, and how often a key may."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from tauro.errors import ServingError
from tauro.serving._errors import ForeignHostError, RateLimitedError, RefusedError
from tauro.serving._exchange import Exchange
from tauro.serving._keys import ApiKey, KeyStore, hash_secret

_OPEN_PATHS: Final = frozenset({"/health", "/ready", "/v2/health/live", "/v2/health/ready"})
"""What a probe of a container asks, which has no key."""


class Guard(Protocol):
    """Decides about a request."""

    def check(self, exchange: Exchange) -> None:
        """Let a request pass, or raise what answers it."""


class LoopbackGuard:
    """Take requests that name this machine.

    A page in a browser can make its own host name resolve to 127.0.0.1 and then ask the server in
    the user's name (DNS rebinding); the Host header still shows the page's name.
    """

    def check(self, exchange: Exchange) -> None:
        """Look at the Host header.

        Raises:
            ForeignHostError: It names another machine.
        """
        host = exchange.headers.get(b"host", b"").decode("latin-1")
        if host and not is_loopback(host_name(host)):
            raise ForeignHostError(
                f"The request is for the host {host[:100]!r}; this server answers on loopback.",
                suggestions=["Ask it as 127.0.0.1 or localhost."],
            )


class KeySource(Protocol):
    """Where the keys are."""

    def by_hash(self) -> Mapping[str, ApiKey]:
        """Return the keys that are valid now, by the hash of their secret."""


@dataclass(slots=True)
class _Bucket:
    """What a key may still ask now."""

    tokens: float
    at: float
    lock: threading.Lock = field(default_factory=threading.Lock)


class KeyGuard:
    """Take requests with a valid key, as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``.

    A key with a rate may ask so often a second, and twice that at once after a pause.

    Args:
        keys: The keys.
    """

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys
        self._buckets: dict[str, _Bucket] = {}

    def check(self, exchange: Exchange) -> None:
        """Look for the key.

        Raises:
            RefusedError: There is none, or it is not valid.
            RateLimitedError: It asked too often.
        """
        if exchange.path in _OPEN_PATHS:
            return
        secret = _secret_of(exchange.headers)
        # Only hashes are compared: how long that takes says nothing of a secret.
        key = self._keys.by_hash().get(hash_secret(secret)) if secret else None
        if key is None:
            raise RefusedError(
                "The request has no key."
                if not secret
                else "The key is not valid, or was revoked.",
                suggestions=[
                    "Send `Authorization: Bearer KEY`; `tauro keys create NAME` makes a key."
                ],
            )
        exchange.key = key.name
        if key.rate is not None:
            self._take(key.id, key.rate)

    def _take(self, key_id: str, rate: float) -> None:
        most = max(1.0, 2 * rate)
        bucket = self._buckets.setdefault(key_id, _Bucket(most, time.monotonic()))
        with bucket.lock:
            now = time.monotonic()
            bucket.tokens = min(most, bucket.tokens + (now - bucket.at) * rate)
            bucket.at = now
            if bucket.tokens < 1:
                wait = math.ceil((1 - bucket.tokens) / rate)
                raise RateLimitedError(
                    f"The key may ask {rate:g} times a second.", context={"retry_after": wait}
                )
            bucket.tokens -= 1


def _secret_of(headers: Mapping[bytes, bytes]) -> str:
    scheme, _, value = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    return headers.get(b"x-api-key", b"").decode("latin-1").strip()


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def is_loopback(host: str) -> bool:
    """Tell whether a host is reached from this machine only."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def choose_guard(host: str, keys: KeyStore | None) -> Guard:
    """Return who is let in at a host.

    Raises:
        ServingError: Others reach the host, and there is no valid key.
    """
    if keys is not None and keys.by_hash():
        return KeyGuard(keys)
    if is_loopback(host):
        return LoopbackGuard()
    raise ServingError(
        f"Serving on {host!r} without authentication would let anybody in: there is no API key.",
        context={"host": host},
        suggestions=["Make a key: tauro keys create NAME", "Or serve on 127.0.0.1."],
    )
