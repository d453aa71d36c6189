"""API keys: made once, shown once, kept as hashes in the store."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from tauro._internal import _clock
from tauro._internal._close import did_you_mean
from tauro._internal._json import decode
from tauro.errors import CorruptDataError, ServingError, StorageError, ValidationError
from tauro.storage import StorageBackend

_log = logging.getLogger(__name__)
_FOLDER: Final = "serving/keys"
_PREFIX: Final = "tauro_"
_FRESH_SECONDS: Final = 2.0
"""How long a revoked key may still be taken."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key as it is kept; the secret is not part of it.

    Attributes:
        id: Names the key in the store.
        name: Who uses it; appears in the access log.
        hash: SHA-256 of the secret. The secret has 256 random bits, so that no slow hash is needed.
        created_at: When, UTC.
        rate: Requests a second that it may ask, None for any number.
        revoked_at: Since when it is not valid, None while it is.
    """

    id: str
    name: str
    hash: str
    created_at: datetime
    rate: float | None = None
    revoked_at: datetime | None = None


_decoder: Final = msgspec.json.Decoder(ApiKey)


class KeyNotFoundError(ServingError):
    """There is no key of this id or name."""

    http_status = 404


def hash_secret(secret: str) -> str:
    """Return the hash under which a secret is known."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class KeyStore:
    """Keys of one store. Several processes may change them at the same time."""

    def __init__(self, storage: StorageBackend, *, clock: Callable[[], float] = time.monotonic):
        self._storage = storage
        self._clock = clock
        self._lock = threading.Lock()
        self._valid: dict[str, ApiKey] | None = None
        self._read_at = 0.0

    def create(self, name: str, *, rate: float | None = None) -> tuple[ApiKey, str]:
        """Make a key; return it and its secret, which cannot be shown again.

        Args:
            name: Who uses it.
            rate: Requests a second that it may ask.

        Raises:
            ValidationError: The name is empty or long, or the rate is not positive.
        """
        if not name.strip() or len(name) > 100 or not name.isprintable():
            raise ValidationError(f"The key's name {name[:120]!r} must have 1 to 100 characters.")
        if rate is not None and not 0 < rate < float("inf"):
            raise ValidationError(f"The rate {rate!r} is not a positive number of requests.")
        secret = _PREFIX + secrets.token_urlsafe(32)
        key = ApiKey(
            id=secrets.token_hex(6),
            name=name,
            hash=hash_secret(secret),
            created_at=_clock.now(),
            rate=rate,
        )
        self._storage.create_bytes(_path(key.id), _encode(key))
        return key, secret

    def list_keys(self) -> list[ApiKey]:
        """Return all keys, revoked ones too, oldest first.

        A damaged file is no key: the log names it, and no other is kept from being used or revoked.
        """
        found = []
        for path in self._storage.list_paths(_FOLDER):
            if path.endswith(".json"):
                try:
                    found.append(_decode(self._storage.read_bytes(path), path))
                except CorruptDataError as error:
                    _log.warning("%s", error)
        return sorted(found, key=lambda key: key.created_at)

    def revoke(self, id_or_name: str) -> list[ApiKey]:
        """Revoke the key of an id, or all of a name; return those that were valid.

        Raises:
            KeyNotFoundError: There is none.
        """
        keys = self.list_keys()
        meant = [key for key in keys if id_or_name in (key.id, key.name)]
        if not meant:
            raise KeyNotFoundError(
                f"There is no key {id_or_name!r}.",
                suggestions=did_you_mean(id_or_name, [key.name for key in keys]),
            )
        done = []
        for key in meant:
            if key.revoked_at is None:
                changed = msgspec.structs.replace(key, revoked_at=_clock.now())
                self._storage.write_bytes(_path(key.id), _encode(changed))
                done.append(changed)
        self._valid = None
        return done

    def by_hash(self) -> Mapping[str, ApiKey]:
        """Return the keys that are valid, as read from the store at most two seconds ago.

        While the store cannot be read, the keys that were read last go on being valid.
        """
        now = self._clock()
        valid = self._valid
        if valid is not None and now - self._read_at < _FRESH_SECONDS:
            return valid
        with self._lock:
            try:
                keys = self.list_keys()
                self._valid = {key.hash: key for key in keys if key.revoked_at is None}
            except (StorageError, OSError):
                self._valid = valid or {}
            self._read_at = now
            return self._valid


def _path(key_id: str) -> str:
    return f"{_FOLDER}/{key_id}.json"


def _encode(key: ApiKey) -> bytes:
    return msgspec.json.format(msgspec.json.encode(key), indent=2)


def _decode(data: bytes, path: str) -> ApiKey:
    try:
        return decode(data, _decoder)
    except msgspec.DecodeError as error:
        raise CorruptDataError(f"{path!r} is not an API key: {error}.") from error
