"""Lists and searches: from the index where it is not behind, else from the documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet  # noqa: F401 - its import is what makes a short index worth reading
import pytest

from tauro._internal import _fs
from tauro.errors import ModelNotFoundError
from tauro.events import Observers
from tauro.registry import ModelRegistry
from tauro.registry._index_file import INDEX
from tauro.registry._rename import claim_name
from tauro.storage import LocalStorageBackend

METADATA = "model_registry/metadata"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Four models, one of them in Production, one renamed, one deleted; the index is published."""
    registry = fresh(tmp_path / "store")
    (tmp_path / "model.bin").write_bytes(b"x")
    for name in ("churn", "fraud", "old", "risk"):
        for auc in (0.5, 0.9):
            registry.register_model(
                name, tmp_path / "model.bin", metrics={"auc": auc}, tags={"team": "ds"}
            )
    registry.promote_model("fraud", 1, "Production", reason="first")
    registry.annotate("fraud", 2, "looks odd")
    registry.rename_model("old", "new")
    registry.delete_model("risk")
    registry.close()
    return tmp_path / "store"


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The names of the registry's documents that are read."""
    names: list[str] = []

    def hook(operation: str, path: str) -> None:
        if operation == "read" and f"/{METADATA}/" in path:
            names.append(path.rpartition(f"/{METADATA}/")[2])

    _fs.set_fault_hook(hook)
    yield names
    _fs.set_fault_hook(None)


def fresh(store: Path) -> ModelRegistry:
    return ModelRegistry(LocalStorageBackend(store), observers=Observers(), durability="process")


def listed(store: Path) -> list[Any]:
    registry = fresh(store)
    return [registry.list_models(), [version.to_dict() for version in registry.search_models()]]


def from_documents(store: Path) -> list[Any]:
    """Return what is listed where there is no index."""
    (store / INDEX).unlink()
    return listed(store)


def test_a_list_opens_no_document_of_a_model_that_the_index_holds(
    store: Path, opened: list[str]
) -> None:
    rows, versions = listed(store)
    assert [row["name"] for row in rows] == ["churn", "fraud", "new"]
    assert len(versions) == 6
    # The old name of the renamed model has no row.
    assert {name.partition("/")[0] for name in opened} == {"old"}
    assert [rows, versions] == from_documents(store)


def test_what_was_opened_once_is_not_looked_at_again(store: Path, opened: list[str]) -> None:
    registry = fresh(store)
    first = registry.list_models()
    opened.clear()
    assert registry.list_models() == first
    assert opened == []


@pytest.mark.parametrize(
    "change",
    [
        lambda r, source: r.register_model("fraud", source),
        lambda r, source: r.register_model("another", source),
        lambda r, source: r.promote_model("fraud", 2, "Production"),
        lambda r, source: r.set_alias("fraud", "champion", 2),
        lambda r, source: r.set_tags("churn", {"team": "risk"}, 2),
        lambda r, source: r.update_description("fraud", "all of them"),
        lambda r, source: r.delete_model_version("churn", 2),
        lambda r, source: r.delete_model("churn"),
        lambda r, source: r.restore_model("risk"),
        lambda r, source: r.rename_model("churn", "churn-eu"),
    ],
)
def test_a_change_that_the_index_has_not_is_seen(store: Path, change: Any) -> None:
    behind = (store / INDEX).read_bytes()
    waiting = fresh(store)
    waiting.list_models()
    other = fresh(store)
    change(other, store.parent / "model.bin")
    other.close()
    (store / INDEX).write_bytes(behind)
    rows, versions = listed(store)
    assert rows == waiting.list_models()
    assert [rows, versions] == from_documents(store)


def test_a_model_whose_renaming_was_begun_has_one_name(store: Path) -> None:
    storage = LocalStorageBackend(store)
    core = fresh(store)._core
    claim_name(storage, core.ledger("churn"), core.own_ledger("churn-eu"), "churn-eu")
    rows, versions = listed(store)
    assert [row["name"] for row in rows] == ["churn-eu", "fraud", "new"]
    assert [rows, versions] == from_documents(store)


@pytest.mark.parametrize(
    "index",
    [
        b"no table",
        pd.DataFrame({"name": ["fraud"], "version": [2]}),
        pd.DataFrame({"name": ["fraud"], "version": [2], "document": ["{"], "changes": ["{"]}),
        pd.DataFrame({"name": [None], "version": [2], "document": ["{}"], "changes": ["[]"]}),
        pd.DataFrame({"name": [1], "version": ["x"], "document": [2.0], "changes": [True]}),
        pd.DataFrame({"name": ["fraud"], "version": [9], "document": [None], "changes": ["[]"]}),
    ],
    ids=["no table", "old", "no JSON", "no name", "other types", "numbers that are not there"],
)
def test_an_index_that_is_no_use_is_not_used(store: Path, index: Any) -> None:
    expected = listed(store)
    if isinstance(index, bytes):
        (store / INDEX).write_bytes(index)
    else:
        index.to_parquet(store / INDEX)
    assert listed(store) == expected


def test_nothing_is_decided_on_the_index(store: Path, tmp_path: Path) -> None:
    """Whoever loads or changes a model opens its documents, also after a list."""
    table = pd.read_parquet(store / INDEX)
    table["document"] = table["document"].str.replace('"sha256":"', '"sha256":"bad')
    table["document"] = table["document"].str.replace('"auc":0.9', '"auc":9.9')
    table.to_parquet(store / INDEX)
    registry = fresh(store)
    assert registry.list_models()[0]["metrics"] == {"auc": 9.9}
    assert registry.get_model_version("churn").metrics == {"auc": 0.9}
    registry.download_artifact("churn", 2, tmp_path / "out")
    assert (tmp_path / "out" / "model.bin").read_bytes() == b"x"
    assert {(each.path, each.repairable) for each in registry.verify()} == {(INDEX, True)}
    registry.compact()
    assert registry.verify() == []
    assert registry.list_models()[0]["metrics"] == {"auc": 0.9}


def test_a_document_that_is_too_long_for_the_index_is_opened(
    tmp_path: Path, opened: list[str]
) -> None:
    registry = fresh(tmp_path / "store")
    (tmp_path / "model.bin").write_bytes(b"x")
    registry.register_model("fraud", tmp_path / "model.bin", description="x" * 100_000)
    registry.register_model("churn", tmp_path / "model.bin")
    registry.close()
    opened.clear()
    rows = fresh(tmp_path / "store").list_models()
    assert [len(row["description"]) for row in rows] == [0, 100_000]
    assert opened == ["fraud/v1.json"]
    assert (tmp_path / "store" / INDEX).stat().st_size < 50_000


def test_close_matches_come_from_the_index_too(store: Path, opened: list[str]) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        fresh(store).get_model_version("fruad")
    assert caught.value.suggestions == ("Did you mean 'fraud'?",)
    assert not [name for name in opened if name.startswith(("churn", "fraud"))]
