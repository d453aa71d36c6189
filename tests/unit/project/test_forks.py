"""A project in a forked child: what a thread of the parent was making is waited for by nobody."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tauro.catalog import Catalog
from tauro.config import Context
from tauro.project._services import MLOpsHolder

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
    pytest.mark.timeout(120),
]


def catalog_of(folder: Path) -> tuple[Any, Callable[[], object]]:
    catalog = Catalog({"x": {"format": "memory"}}, root=folder)
    return catalog, lambda: catalog.get_dataset("x")


def holder_of(folder: Path) -> tuple[Any, Callable[[], object]]:
    holder = MLOpsHolder(Context(root=folder), store=str(folder / "store"))
    return holder, holder.get


@pytest.mark.parametrize("make", [catalog_of, holder_of])
def test_a_child_makes_what_it_needs(
    tmp_path: Path, make: Callable[[Path], tuple[Any, Callable[[], object]]]
) -> None:
    made, use = make(tmp_path)
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with made._lock:
            held.set()
            let_go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(60)  # a child that waits for ever must not outlive the test
        code = 1
        try:
            use()
            code = 0
        finally:
            os._exit(code)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        let_go.set()
        holder.join()
