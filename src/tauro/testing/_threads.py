"""Several threads at once, for the suites."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence


def at_once(calls: Sequence[Callable[..., object]]) -> None:
    """Call functions in threads that start together; raise what any of them raised."""
    together = threading.Barrier(len(calls))
    errors: list[BaseException] = []

    def run(call: Callable[..., object]) -> None:
        together.wait()
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
