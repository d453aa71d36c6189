"""A fork at the worst moment: while another thread of the parent holds a lock."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

NEEDS_FORK = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def succeeds_in_child(lock: AbstractContextManager[Any], work: Callable[[], object]) -> bool:
    """Tell whether work that must be true is so in a child that is forked while a lock is held."""
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            let_go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(240)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(120)  # a child that waits for ever must not outlive the test
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        let_go.set()
        holder.join()
