"""What every lock between threads keeps to."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tauro.errors import LockTimeoutError

_LONG = 240.0


class LockSuite(ABC):
    """Subclass it, say how a handle to the lock is made, and let pytest collect it."""

    @abstractmethod
    def hold(self, folder: Path, timeout: float) -> AbstractContextManager[object]:
        """Return a new handle to one and the same lock, whose ``with`` waits so many seconds.

        Args:
            folder: A folder of the test's own; the same for all handles to the lock.
            timeout: Seconds to wait.
        """

    def test_one_enters_at_a_time(self, tmp_path: Path) -> None:
        inside: list[int] = []
        most: list[int] = []

        def work() -> None:
            for _ in range(25):
                with self.hold(tmp_path, _LONG):
                    inside.append(1)
                    time.sleep(0)  # lets another thread in, were the lock to do so too
                    most.append(len(inside))
                    inside.pop()

        _together([work] * 4)
        assert len(most) == 100
        assert max(most) == 1

    def test_waiting_in_vain_is_an_error_and_the_body_is_not_entered(self, tmp_path: Path) -> None:
        entered: list[bool] = []

        def work() -> None:
            with pytest.raises(LockTimeoutError), self.hold(tmp_path, 0.02):
                entered.append(True)

        with self.hold(tmp_path, _LONG):
            _together([work])
        assert not entered

    def test_a_body_that_raises_gives_the_lock_back(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="body"), self.hold(tmp_path, _LONG):
            raise RuntimeError("body")
        _together([lambda: _enter(self.hold(tmp_path, 0.0))])

    def test_a_lock_that_was_given_back_is_free(self, tmp_path: Path) -> None:
        for _ in range(3):
            _together([lambda: _enter(self.hold(tmp_path, 0.0))])

    def test_who_waits_long_enough_enters(self, tmp_path: Path) -> None:
        waiting, order = threading.Event(), []

        def work() -> None:
            waiting.set()
            with self.hold(tmp_path, _LONG):
                order.append("waiter")

        thread = threading.Thread(target=work)
        with self.hold(tmp_path, _LONG):
            thread.start()
            waiting.wait(_LONG)
            order.append("holder")
        thread.join(_LONG)
        assert order == ["holder", "waiter"]


def _enter(lock: AbstractContextManager[object]) -> None:
    with lock:
        pass


def _together(works: list[Callable[[], None]]) -> None:
    """Run functions on threads and raise here what one of them raised there."""
    failed: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - carried to the test's thread
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_LONG)
    if failed:
        raise failed[0]
