"""A registry in a forked child: no lock of the parent's is waited for, none of its work done."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tauro.registry import ModelRegistry

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@contextmanager
def held(lock: AbstractContextManager[Any]) -> Iterator[None]:
    """Have another thread hold a lock."""
    taken, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            let_go.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert taken.wait(240)
        yield
    finally:
        let_go.set()
        holder.join()


def in_child(check: Callable[[], object]) -> int:
    """Return the exit code of a child: 0 if it did not return false there."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(1 if check() is False else 0)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    made = ModelRegistry(tmp_path / "store", durability="process")
    (tmp_path / "m.bin").write_bytes(b"weights")
    made.register_model("m", tmp_path / "m.bin")
    return made


def is_whole(registry: ModelRegistry) -> bool:
    found = [each.name for each in registry.search_models()]
    return found == ["m"] and registry.get_model_version("m").version == 1


@pytest.mark.parametrize("which", ["models", "one model", "listing"])
def test_a_child_waits_for_no_thread_of_its_parent(registry: ModelRegistry, which: str) -> None:
    """Locks that a thread of the parent held are held by nobody there."""
    core = registry._core
    locks: dict[str, Any] = {
        "models": core._guard,
        "one model": core.own_ledger("m").frozen(),
        "listing": core.listing._guard,
    }
    with held(locks[which]):
        assert in_child(lambda: is_whole(registry)) == 0


def test_a_child_leaves_the_index_to_its_parent(registry: ModelRegistry) -> None:
    """What the parent has not published yet the parent publishes, be it doing so just now."""
    registry._index._dirty.add("m")
    with held(registry._index._guard):
        assert in_child(registry._index.flush_at_exit) == 0
    assert registry._index._dirty == {"m"}
