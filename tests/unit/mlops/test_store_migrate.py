"""From one format to the next: each step once, again after a kill, and never past the newest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tauro.errors import StoreFormatError
from tauro.mlops import MLOpsContext
from tauro.mlops._migrate import migrate_store
from tauro.storage import LocalStorageBackend, StorageBackend, read_format


def old_store(root: Path, version: int) -> LocalStorageBackend:
    """Make a store whose mark says that it is of an older format."""
    with MLOpsContext(storage_path=str(root)) as context:
        context.experiment_tracker.start_run(name="r").end()
    mark = root / "_tauro" / "format.json"
    document = json.loads(mark.read_text())
    del document["checksum"]  # as the first Tauros wrote it
    mark.write_text(json.dumps({**document, "version": version}))
    return LocalStorageBackend(root)


def test_steps_are_done_in_order_and_the_mark_rises(tmp_path: Path) -> None:
    """The store keeps its id, and what a step did is there."""
    storage = old_store(tmp_path / "store", -1)
    before = read_format(storage)
    seen: list[int | None] = []

    def step(backend: StorageBackend) -> None:
        mark = read_format(backend)
        seen.append(None if mark is None else mark.version)
        backend.write_bytes(f"step{len(seen)}", b"done")

    facts = migrate_store(storage, steps={-1: step, 0: step})
    assert (facts["from"], facts["format"], facts["steps"]) == (-1, 1, [-1, 0])
    assert seen == [-1, 0]
    after = read_format(storage)
    assert before is not None
    assert after is not None
    assert (after.version, after.store_id) == (1, before.store_id)
    assert migrate_store(storage)["steps"] == []


def test_a_step_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    """The mark tells only of steps that ended."""
    storage = old_store(tmp_path / "store", -1)
    done: list[str] = []

    def fails(backend: StorageBackend) -> None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk is gone"):
        migrate_store(storage, steps={-1: lambda _: done.append("first"), 0: fails})
    migrate_store(storage, steps={0: lambda _: done.append("second")})
    assert done == ["first", "second"]


def test_a_version_from_which_nothing_leads_on_is_refused(tmp_path: Path) -> None:
    """Before any step is done."""
    storage = old_store(tmp_path / "store", -1)
    with pytest.raises(StoreFormatError, match="nothing leads on from 0"):
        migrate_store(storage, steps={-1: lambda backend: pytest.fail("a step was done")})
    mark = read_format(storage)
    assert mark is not None
    assert mark.version == -1
