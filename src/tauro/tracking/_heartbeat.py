"""Which processes are alive: a file each under ``_tauro/writers``, touched while it lives.

A run names its owner. A reader tells that the owner is gone by its process where both are on one
host, else by a heartbeat older than a minute. Nothing is written to say so: abandonment is derived.
A process that lives is told under ``_tauro/told`` that others took over or removed a run of its.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import psutil

from tauro._internal._fork import tell_after_fork
from tauro._internal._ids import new_id
from tauro._internal._json import decode_checked, strange_fields, with_checksum
from tauro._internal._process import start_of
from tauro.errors import StorageError, StorageNotFoundError
from tauro.storage import StorageBackend
from tauro.tracking._models import Owner

BEAT_SECONDS: Final = 10.0
CHORE_SECONDS: Final = 1.0
STALE_SECONDS: Final = 60.0
_LONGEST_CHORE_SECONDS: Final = 30.0
_SAME_START_SECONDS: Final = 2.0
_TOLD: Final = "_tauro/told"


class _Beat(msgspec.Struct, kw_only=True):
    host: str
    pid: int
    started: float
    seen: float


_decoder = msgspec.json.Decoder(_Beat)


def writer_key(writer_id: str) -> str:
    """Return the key of a writer's heartbeat."""
    return f"_tauro/writers/{writer_id}.json"


def told_key(writer_id: str, run_id: str) -> str:
    """Return the key of what tells a living process that others took over or removed a run."""
    return f"{_TOLD}/{writer_id}/{run_id}"


class Heartbeat:
    """This process's sign of life in one store; it starts with :meth:`start`.

    Args:
        storage: Where the sign is kept.
        chores: Called every second, in the beat's own thread; they do not raise.
    """

    def __init__(self, storage: StorageBackend, chores: Callable[[], None]) -> None:
        self._storage = storage
        self._chores = chores
        self._guard = threading.Lock()
        self.writer_id = new_id()
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._guard = threading.Lock()
        self.writer_id = new_id()
        self._stop = None
        self._thread = None

    @property
    def started(self) -> bool:
        """Whether this process has given a sign of life."""
        return self._stop is not None

    def owner(self) -> Owner:
        """Return what a run keeps of this process."""
        return Owner(writer_id=self.writer_id, host=socket.gethostname(), pid=os.getpid())

    def start(self) -> None:
        """Give the first sign of life and keep giving it, if that was not begun yet."""
        with self._guard:
            if self.started:
                return
            self._beat()
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stop,), name="tauro-heartbeat", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stop, and take the sign away.

        The thread is waited for: an interpreter that ends while a thread is inside Arrow aborts.
        """
        with self._guard:
            if self._stop is None:
                return
            self._stop.set()
            thread, self._stop, self._thread = self._thread, None, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LONGEST_CHORE_SECONDS)
        self._storage.delete(writer_key(self.writer_id))

    def _run(self, stop: threading.Event) -> None:
        next_beat = time.monotonic() + BEAT_SECONDS
        while not stop.wait(CHORE_SECONDS):
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + BEAT_SECONDS
                try:
                    self._beat()
                except StorageError:
                    # A full or absent disk: the next beat may find it back.
                    continue
            self._chores()

    def _beat(self) -> None:
        beat = _Beat(
            host=socket.gethostname(),
            pid=os.getpid(),
            started=start_of(os.getpid()) or 0.0,
            seen=time.time(),
        )
        self._storage.write_bytes(
            writer_key(self.writer_id), with_checksum(msgspec.json.encode(beat))
        )


def remove_dead_writers(storage: StorageBackend) -> None:
    """Remove the signs of life of processes that are gone, and what they were to be told."""
    for key in storage.list_paths("_tauro/writers"):
        if not _lives(storage, key):
            storage.delete(key)
    for writer_id in {key.split("/")[2] for key in storage.list_paths(_TOLD)}:
        if not storage.exists(writer_key(writer_id)):
            storage.delete(f"{_TOLD}/{writer_id}")


def is_alive(storage: StorageBackend, owner: Owner) -> bool:
    """Tell whether the process that owns a run still lives."""
    lives = _lives(storage, writer_key(owner.writer_id))
    if lives is None:
        # Its sign is damaged until the next beat; here the system can be asked.
        return owner.host == socket.gethostname() and psutil.pid_exists(owner.pid)
    return lives


def damaged_writers(storage: StorageBackend) -> Iterator[tuple[str, str]]:
    """Yield the signs of life that nobody gave, with what is wrong."""
    for key in storage.list_paths("_tauro/writers"):
        try:
            data = storage.read_bytes(key)
            decode_checked(data, _decoder)
            strange = strange_fields(data, _Beat.__struct_fields__)
        except StorageNotFoundError:
            continue
        except msgspec.DecodeError as error:
            yield key, f"is no sign of life: {error}"
        else:
            if strange:
                yield key, f"is no sign of life: none has a field {strange[0]!r}"


def _lives(storage: StorageBackend, key: str) -> bool | None:
    """Tell whether a process lives, None where its sign of life is damaged."""
    try:
        beat = decode_checked(storage.read_bytes(key), _decoder)
    except StorageNotFoundError:
        return False
    except msgspec.DecodeError:
        return None
    if beat.host == socket.gethostname():
        with contextlib.suppress(psutil.AccessDenied):
            started = start_of(beat.pid)
            # The kernel's boot time moves with the clock, and with it what is told of a start.
            return started is not None and abs(started - beat.started) < _SAME_START_SECONDS
    return time.time() - beat.seen < STALE_SECONDS
