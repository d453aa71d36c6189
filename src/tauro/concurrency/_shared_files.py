"""Shared and exclusive holding between processes, out of exclusive lock files.

Lock files that can be shared exist on some systems only. A reader takes any one of 16 slots and a
writer all of them; whoever comes passes a gate first, which a waiting writer keeps closed.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Final

from tauro.concurrency._file_lock import FileLock
from tauro.errors import LockTimeoutError

SLOTS: Final = 16
_POLL_SECONDS: Final = 0.005


class SharedFiles:
    """The lock files of one read-write lock, in a folder of their own."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def shared(self, deadline: float) -> Iterator[None]:
        """Hold together with up to 15 others.

        Raises:
            LockTimeoutError: The deadline (of ``time.monotonic``) passed.
        """
        with self._gate(deadline):
            slot = self._take_any(deadline)
        try:
            yield
        finally:
            slot.release()

    @contextlib.contextmanager
    def exclusive(self, deadline: float) -> Iterator[None]:
        """Hold alone.

        Raises:
            LockTimeoutError: The deadline passed.
        """
        with contextlib.ExitStack() as held:
            held.enter_context(self._gate(deadline))
            for number in range(SLOTS):
                held.enter_context(self._lock(f"{number:02d}", _left(deadline)))
            yield

    def _gate(self, deadline: float) -> FileLock:
        return self._lock("gate", _left(deadline))

    def _lock(self, name: str, timeout: float = 0.0) -> FileLock:
        return FileLock(os.path.join(self._folder, f"{name}.lock"), timeout=timeout)

    def _take_any(self, deadline: float) -> FileLock:
        slots = [self._lock(f"{(os.getpid() + offset) % SLOTS:02d}") for offset in range(SLOTS)]
        while True:
            for slot in slots:
                with contextlib.suppress(LockTimeoutError):
                    slot.acquire()
                    return slot
            if not _left(deadline):
                raise LockTimeoutError(
                    f"All {SLOTS} places for readers in {self._folder} were taken.",
                    context={"lock": self._folder},
                    suggestions=["Try again, or wait longer: timeout=…."],
                )
            time.sleep(_POLL_SECONDS)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
