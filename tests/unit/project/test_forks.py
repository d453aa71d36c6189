"""A project in a forked child: what a thread of the parent was making is waited for by nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.forks import NEEDS_FORK, succeeds_in_child

from tauro.catalog import Catalog
from tauro.config import Context
from tauro.project._services import MLOpsHolder

pytestmark = [*NEEDS_FORK, pytest.mark.timeout(120)]


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
    assert succeeds_in_child(made._lock, lambda: use() is not None)
