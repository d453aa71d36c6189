"""Work that may never end, such as a user's model: given so long, then left alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from tauro.errors import ServingError

T = TypeVar("T")


class HangingError(ServingError):
    """A version does not load, or does not answer its example, in time.

    Attributes:
        thread: In which it still tries.
    """

    thread: threading.Thread | None = None


class _Task(threading.Thread, Generic[T]):
    """Runs a function and keeps what it gave or raised."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(name="tauro-load", daemon=True)
        self._work = work
        self.results: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """Run the function."""
        try:
            self.results.append(self._work())
        # Raised again by whoever waits.
        except BaseException as error:  # noqa: BLE001
            self.error = error


def run_within(seconds: float, work: Callable[[], T], failure: str) -> T:
    """Return what ``work`` returns, or raise what it raises.

    Args:
        seconds: How long it may take.
        work: Runs in a thread of its own, which is left behind if it takes longer.
        failure: Says what did not happen, for the error.

    Raises:
        HangingError: It takes longer.
    """
    task = _Task(work)
    task.start()
    task.join(seconds)
    if task.is_alive():
        error = HangingError(f"{failure} within {seconds:g} s.")
        error.thread = task
        raise error
    if task.error is not None:
        raise task.error
    return task.results[0]
