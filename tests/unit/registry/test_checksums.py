"""The registry's documents say what was written: edited, flipped, old, lost, brought back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tauro._internal._json import checksum_holds, with_checksum
from tauro.errors import CorruptDataError, ModelNotFoundError
from tauro.events import Observers
from tauro.registry import ModelRegistry
from tauro.registry._index_file import INDEX
from tauro.storage import LocalStorageBackend

MODEL = "model_registry/metadata/fraud"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "model.bin").write_bytes(b"weights")
    registry = opened(tmp_path / "store")
    for number in (1, 2):
        registry.register_model(
            "fraud", tmp_path / "model.bin", metrics={"auc": 0.9 + number / 100}
        )
    registry.promote_model("fraud", 1, "Production")
    registry.promote_model("fraud", 2, "Production", reason="better")
    registry.close()
    return tmp_path / "store"


def opened(store: Path) -> ModelRegistry:
    return ModelRegistry(LocalStorageBackend(store), observers=Observers())


def problems(store: Path) -> dict[str, bool]:
    return {each.path: each.repairable for each in opened(store).verify()}


def edit(file: Path, **fields: Any) -> None:
    """Change fields by hand, as an editor does; None takes one out."""
    document = {**json.loads(file.read_text()), **fields}
    kept = {key: value for key, value in document.items() if value is not None}
    file.write_text(json.dumps(kept, indent=2))


def without_checksums(store: Path) -> None:
    """Make of the documents what an earlier Tauro wrote."""
    for file in (store / "model_registry" / "metadata").rglob("*.json"):
        edit(file, checksum=None)


def test_documents_open_by_hand(store: Path) -> None:
    """The checksum is one field more, the last."""
    document = json.loads((store / MODEL / "v1.json").read_text())
    assert list(document)[-1] == "checksum"
    assert document["metrics"] == {"auc": 0.91}
    assert checksum_holds((store / MODEL / "v1.json").read_bytes())


@pytest.mark.parametrize("document", [b'{"a":1}', b'{\n  "a": 1\n}', b'{"a":"\xc3\xa9 \\" }"}'])
def test_a_checksum_is_the_last_field_in_the_layout_of_the_document(document: bytes) -> None:
    checked = with_checksum(document)
    assert checksum_holds(checked) is True
    assert checksum_holds(document) is None
    assert {**json.loads(document), "checksum": json.loads(checked)["checksum"]} == json.loads(
        checked
    )
    assert (b"\n" in checked) == (b"\n" in document)
    assert checksum_holds(checked.replace(b'"a"', b'"b"')) is False
    assert checksum_holds(checked + b"\n"), "an editor ends the last line"


def test_an_edited_version_is_named_and_refused_and_the_others_are_whole(store: Path) -> None:
    edit(store / MODEL / "v1.json", metrics={"auc": 0.99})
    registry = opened(store)
    with pytest.raises(CorruptDataError, match="checksum does not hold") as caught:
        registry.get_model_version("fraud", 1)
    assert any("edited on purpose" in each for each in caught.value.suggestions)
    assert registry.get_model_version("fraud", 2).stage == "Production"
    [problem] = opened(store).verify()
    assert (problem.path, problem.repairable) == (f"{MODEL}/v1.json", True)
    assert "tauro store compact" in problem.problem


def test_an_edit_on_purpose_is_taken_as_the_message_says(store: Path) -> None:
    """Without its checksum it is named for what the index holds, until that is made anew."""
    edit(store / MODEL / "v1.json", description="by hand", checksum=None)
    assert opened(store).get_model_version("fraud", 1).description == "by hand"
    assert problems(store) == {f"{MODEL}/v1.json": False}
    opened(store).compact()
    assert problems(store) == {}
    assert opened(store).get_model_version("fraud", 1).description == "by hand"


def test_a_field_that_none_has_is_named_and_hurts_nobody(store: Path) -> None:
    edit(store / MODEL / "v1.json", checksum=None, checksun="00000000")
    assert opened(store).get_model_version("fraud", 1).metrics == {"auc": 0.91}
    assert list(problems(store)) == [f"{MODEL}/v1.json"]


def test_documents_of_an_earlier_tauro_are_whole(store: Path) -> None:
    without_checksums(store)
    assert problems(store) == {}
    registry = opened(store)
    assert registry.promote_model("fraud", 1, "Staging").stage == "Staging"
    assert problems(store) == {}


def test_a_change_of_an_earlier_document_shows_against_the_index(store: Path) -> None:
    without_checksums(store)
    edit(store / MODEL / "transitions" / "2.json", why="worse")
    assert problems(store) == {f"{MODEL}/transitions/2.json": False}


@pytest.mark.parametrize("name", ["v1.json", "v2.json", "transitions/1.json", "transitions/2.json"])
@pytest.mark.parametrize("lost", [True, False])
def test_what_the_index_holds_is_brought_back(store: Path, name: str, lost: bool) -> None:
    """Byte for byte; a damaged document is put aside."""
    file = store / MODEL / name
    before, history = file.read_bytes(), opened(store).history("fraud")
    if lost:
        file.unlink()
    else:
        file.write_bytes(before[:40])
    assert problems(store) == {f"{MODEL}/{name}": True}
    done = opened(store).repair()
    assert (done.restored, done.completed) == (1, 0)
    assert file.read_bytes() == before
    assert opened(store).history("fraud") == history
    assert [(store / kept).read_bytes() for kept in done.put_aside] == (
        [] if lost else [before[:40]]
    )
    assert problems(store) == {}
    assert opened(store).repair().restored == 0


def test_a_missing_change_before_others_is_no_earlier_state(store: Path) -> None:
    """Reading on without it would give Production to whom it does not belong."""
    (store / MODEL / "transitions" / "1.json").unlink()
    with pytest.raises(CorruptDataError, match=r"1\.json' is missing"):
        opened(store).get_model_by_stage("fraud", "Production")


def test_a_model_whose_only_document_is_lost_is_named(store: Path, tmp_path: Path) -> None:
    registry = opened(store)
    registry.register_model("small", tmp_path / "model.bin")
    registry.close()
    (store / INDEX).unlink()
    (store / "model_registry/metadata/small/v1.json").unlink()
    assert problems(store) == {"model_registry/metadata/small/v1.json": False}


def test_an_index_that_is_behind_is_no_damage(store: Path, tmp_path: Path) -> None:
    """As after a kill; the next who publishes brings it up."""
    before = (store / INDEX).read_bytes()
    registry = opened(store)
    registry.register_model("fraud", tmp_path / "model.bin")
    registry.promote_model("fraud", 3, "Production")
    registry.register_model("churn", tmp_path / "model.bin")
    registry.close()
    (store / INDEX).write_bytes(before)
    assert problems(store) == {}


def test_the_copy_of_a_document_that_is_damaged_stays_in_the_index(
    store: Path, tmp_path: Path
) -> None:
    """Whoever publishes next cannot read it, and does not drop what only the index holds."""
    file = store / MODEL / "v1.json"
    before = file.read_bytes()
    file.write_bytes(b"{")
    registry = opened(store)
    registry.register_model("fraud", tmp_path / "model.bin")
    registry.set_alias("fraud", "champion", 2)
    registry.close()
    registry.compact()
    assert pd.read_parquet(store / INDEX)["version"].tolist() == [1, 2, 3]
    assert opened(store).repair().restored == 1
    assert file.read_bytes() == before
    assert problems(store) == {}


def test_nothing_is_brought_back_from_an_index_that_is_damaged(store: Path) -> None:
    """It is made anew from the documents; those that are lost stay lost, and named."""
    table = pd.read_parquet(store / INDEX)
    table["document"] = table["document"].str.replace("0.91", "0.19")
    table.to_parquet(store / INDEX)  # with no checksum
    (store / MODEL / "v1.json").write_bytes(b"{")
    assert opened(store).repair().restored == 0
    assert list(problems(store)) == [f"{MODEL}/v1.json"]
    with pytest.raises(CorruptDataError):
        opened(store).get_model_version("fraud", 1)


def test_a_lost_index_comes_back_with_every_model(store: Path, tmp_path: Path) -> None:
    registry = opened(store)
    registry.register_model("churn", tmp_path / "model.bin")
    registry.close()
    (store / INDEX).write_bytes(b"no table")
    again = opened(store)
    again.register_model("other", tmp_path / "model.bin")
    again.close()
    assert pd.read_parquet(store / INDEX)["name"].tolist() == ["churn", "fraud", "fraud", "other"]


def test_changes_too_many_for_the_index_are_counted(store: Path, tmp_path: Path) -> None:
    """The last one is missed all the same."""
    registry = opened(store)
    for number in range(4):
        registry.update_description("fraud", f"{number} " + "x" * 30_000)
    registry.close()
    (store / MODEL / "transitions" / "6.json").unlink()
    assert problems(store) == {f"{MODEL}/transitions/6.json": False}


def test_files_that_wait_in_staging_are_whole_where_they_are(store: Path) -> None:
    """As a kill leaves them: looked at by their hashes, and no damage."""
    document = json.loads((store / MODEL / "v2.json").read_text())
    staged = store / document["staging"]
    staged.parent.mkdir(exist_ok=True)
    (store / "model_registry/artifacts/fraud/v2").rename(staged)
    assert problems(store) == {}
    (staged / "model.bin").write_bytes(b"other")
    assert problems(store) == {f"{document['staging']}/model.bin": False}
    (staged / "model.bin").write_bytes(b"weights")
    assert opened(store).repair().completed == 1
    assert problems(store) == {}


def test_one_damaged_version_does_not_keep_the_others_from_a_repair(store: Path) -> None:
    """Nor does a collection remove files that may be of the damaged one."""
    (store / INDEX).unlink()
    (store / MODEL / "v1.json").write_bytes(b"{")
    registry = opened(store)
    registry.repair()
    registry.gc()
    assert list(problems(store)) == [f"{MODEL}/v1.json"]
    assert registry.get_model_version("fraud", 2).version == 2
    with pytest.raises(ModelNotFoundError):
        registry.get_model_version("fraud", 3)


def test_files_of_a_version_whose_document_was_lost_are_in_nobodys_way(
    store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its number is given again; the new version has its own files, the old ones are kept."""
    (store / INDEX).unlink()
    (store / MODEL / "v2.json").unlink()
    (tmp_path / "other.bin").write_bytes(b"other weights")
    registry = opened(store)
    assert registry.register_model("fraud", tmp_path / "other.bin").version == 2
    registry.download_artifact("fraud", 2, tmp_path / "out")
    assert (tmp_path / "out" / "other.bin").read_bytes() == b"other weights"
    [aside] = (store / "model_registry" / "damaged").rglob("model.bin")
    assert aside.read_bytes() == b"weights"
    assert "was lost; its files are now in" in caplog.text
    assert problems(store) == {}
