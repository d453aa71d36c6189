"""A cache in a store, which processes share and which outlives them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from tauro._internal._clock import now_ns
from tauro._internal._fork import tell_after_fork
from tauro._internal._json import decode
from tauro.cache._epochs import Epochs
from tauro.cache._protocol import Fill, Found, check_size, check_ttl
from tauro.errors import StorageNotFoundError

_SECOND: Final = 1_000_000_000
_TRIM_PART: Final = 10
"""After a tenth of ``max_size`` values were set, those unused for longest go."""


class _Described(Protocol):
    @property
    def modified(self) -> datetime: ...


class ByteStore(Protocol):
    """The part of a storage backend that this needs; every one of Tauro's has it."""

    def read_bytes(self, path: str) -> bytes:
        """Return the bytes at a key, or raise StorageNotFoundError."""

    def write_bytes(self, path: str, data: bytes) -> Any:
        """Replace the bytes at a key in one step."""

    def delete(self, path: str) -> bool:
        """Remove a key; tell whether it was there."""

    def list_paths(self, prefix: str = "") -> list[str]:
        """Return the keys below a folder."""

    def stat(self, path: str) -> _Described:
        """Return when a key was last written, or raise StorageNotFoundError."""


class _Header(msgspec.Struct, frozen=True, omit_defaults=True):
    key: str
    expires_ns: int | None
    sha256: str
    raw: bool = False


class StorageCache:
    """Keeps values in a store, each under the hash of its key.

    Bytes are kept as they are and other values as JSON; what is returned belongs to the caller.
    What JSON cannot hold needs ``encode`` and ``decode``. Nothing is ever unpickled. Any thread
    and process may call. A value that cannot be read is not found. Times are of the wall clock,
    which processes share.

    Args:
        store: Any storage backend.
        prefix: The folder in it.
        max_size: About how many values to keep; the oldest go first.
        default_ttl: Seconds a value is kept where ``set`` gives no other; None without limit.
        encode: Makes bytes of a value.
        decode: Makes the value of the bytes.
    """

    def __init__(
        self,
        store: ByteStore,
        *,
        prefix: str = "cache",
        max_size: int = 10_000,
        default_ttl: float | None = None,
        encode: Callable[[Any], bytes] = msgspec.json.encode,
        decode: Callable[[bytes], Any] = msgspec.json.decode,
    ) -> None:
        self.max_size = check_size(max_size)
        self.default_ttl = check_ttl(default_ttl, "default_ttl")
        self._store = store
        self._prefix = prefix
        self._encode = encode
        self._decode = decode
        self._lock = threading.RLock()
        self._epochs = Epochs()
        self._set_since_trim = 0
        tell_after_fork(self)

    def __contains__(self, key: str) -> bool:
        return self.lookup(key) is not None

    def lookup(self, key: str) -> Found | None:
        """Return the value of a key and how long it may still be used; None if there is none."""
        try:
            data = self._store.read_bytes(self._path(key))
        except StorageNotFoundError:
            return None
        header, payload = _split(data)
        if header is None or header.key != key:
            return None
        if hashlib.sha256(payload).hexdigest() != header.sha256:
            return None
        left = None if header.expires_ns is None else (header.expires_ns - now_ns()) / _SECOND
        if left is not None and left <= 0:
            return None
        return Found(payload if header.raw else self._decode(payload), left)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        found = self.lookup(key)
        return default if found is None else found.value

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Keep a value for ``ttl`` seconds, or for the cache's own time.

        Raises:
            TypeError: The value cannot be encoded; nothing was kept.
            ValidationError: ``ttl`` is not positive.
        """
        seconds = self.default_ttl if ttl is None else check_ttl(ttl)
        data = self._entry(key, value, seconds)
        with self._lock:
            self._epochs.change(key)
            self._write(key, data)
        self._trim_sometimes()

    def delete(self, key: str) -> bool:
        """Forget a key; tell whether it was there."""
        with self._lock:
            self._epochs.change(key)
            there = key in self
            self._store.delete(self._path(key))
            return there

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._epochs.change_all()
            for path in self._store.list_paths(self._prefix):
                self._store.delete(path)

    def filling(self, key: str) -> Fill:
        """Announce that a value for this key is being looked up elsewhere.

        Changes by other processes are not noticed; give values a time.
        """
        epoch = self._epochs.of(key)

        def store(value: Any, ttl: float | None = None) -> bool:
            limits = [one for one in (ttl, self.default_ttl) if one is not None]
            data = self._entry(key, value, min(limits, default=None))
            with self._lock:
                if self._epochs.of(key) != epoch or (limits and min(limits) <= 0):
                    return False
                self._write(key, data)
            self._trim_sometimes()
            return True

        return Fill(store)

    def trim(self) -> int:
        """Remove what is too old or too much; return how many values went."""
        dated = []
        for path in self._store.list_paths(self._prefix):
            try:
                header, _ = _split(self._store.read_bytes(path))
                dated.append((self._is_over(header), self._store.stat(path).modified, path))
            except StorageNotFoundError:  # another process removed it
                continue
        dated.sort(key=lambda one: (not one[0], one[1]))
        over = sum(1 for is_over, _, _ in dated if is_over)
        gone = dated[: max(over, len(dated) - self.max_size)]
        for _, _, path in gone:
            self._store.delete(path)
        return len(gone)

    def _trim_sometimes(self) -> None:
        with self._lock:
            self._set_since_trim += 1
            due = self._set_since_trim >= max(1, self.max_size // _TRIM_PART)
            if due:
                self._set_since_trim = 0
        if due:
            self.trim()

    def _is_over(self, header: _Header | None) -> bool:
        return header is None or (header.expires_ns is not None and header.expires_ns <= now_ns())

    def _entry(self, key: str, value: Any, ttl: float | None) -> bytes:
        raw = type(value) is bytes
        payload = value if raw else self._encode(value)
        expires = None if ttl is None else now_ns() + int(ttl * _SECOND)
        header = _Header(key, expires, hashlib.sha256(payload).hexdigest(), raw)
        return msgspec.json.encode(header) + b"\n" + payload

    def _write(self, key: str, data: bytes) -> None:
        self._store.write_bytes(self._path(key), data)

    def _path(self, key: str) -> str:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return f"{self._prefix}/{digest[:2]}/{digest}"

    def _after_fork(self) -> None:
        self._lock = threading.RLock()


_decoder = msgspec.json.Decoder(_Header)


def _split(data: bytes) -> tuple[_Header | None, bytes]:
    head, _, payload = data.partition(b"\n")
    try:
        return decode(head, _decoder), payload
    except msgspec.DecodeError:
        return None, payload
