"""Who holds a lock, for the message of somebody who waits in vain."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from datetime import datetime
from typing import Final

import msgspec

from tauro._internal import _fs
from tauro._internal._clock import now
from tauro._internal._json import decode
from tauro._internal._process import lives_since

_SIZE: Final = 256
"""Bytes of the record, padded: overwriting in place costs 5 us, truncating first 100."""


class Holder(msgspec.Struct, frozen=True):
    """Who took a lock last, and when."""

    host: str
    pid: int
    thread: str
    since: datetime

    def describe(self) -> str:
        """Return who this is, for people, and whether it is still there."""
        where = f"process {self.pid} on {self.host}, thread {self.thread[:40]!r}"
        since = f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        if self.host != platform.node():
            return f"{where}, since {since}"
        if self.pid == os.getpid():
            return f"this very process, thread {self.thread[:40]!r}, since {since}"
        state = "still running" if lives_since(self.pid, self.since) else "no longer running"
        return f"{where} ({state}), since {since}"


_decoder = msgspec.json.Decoder(Holder)


def write_holder(path: str) -> None:
    """Note beside a lock that the calling thread took it. A failure only costs the hint."""
    holder = Holder(platform.node(), os.getpid(), threading.current_thread().name[:80], now())
    with contextlib.suppress(OSError):
        fd = _fs.open_fd(path, os.O_WRONLY | os.O_CREAT)
        try:
            _fs.write_all(fd, msgspec.json.encode(holder).ljust(_SIZE), path)
        finally:
            _fs.close_fd(fd, path)


def read_holder(path: str) -> Holder | None:
    """Return who took a lock last; None where nothing readable says so."""
    try:
        return decode(_fs.read_bytes(path)[:_SIZE], _decoder)
    except (OSError, msgspec.DecodeError):
        return None
