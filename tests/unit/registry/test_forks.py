"""A registry in a forked child: no lock of the parent's is waited for, none of its work done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.forks import NEEDS_FORK, succeeds_in_child

from tauro.registry import ModelRegistry

pytestmark = NEEDS_FORK


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
    assert succeeds_in_child(locks[which], lambda: is_whole(registry))


def test_a_child_leaves_the_index_to_its_parent(registry: ModelRegistry) -> None:
    """What the parent has not published yet the parent publishes, be it doing so just now."""
    registry._index._dirty.add("m")

    def ends() -> bool:
        registry._index.flush_at_exit()
        return True

    assert succeeds_in_child(registry._index._guard, ends)
    assert registry._index._dirty == {"m"}
