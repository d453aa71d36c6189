"""What an artifact may try: nothing of it runs, leaves the store, or goes unnoticed."""

from __future__ import annotations

import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest

from tauro.errors import (
    CorruptDataError,
    FlavorError,
    PathNotAllowedError,
    StorageError,
    UntrustedModelError,
    ValidationError,
)
from tauro.events import Observers
from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend


class Bomb:
    """Leaves a folder behind when it is unpickled."""

    def __init__(self, crater: Path) -> None:
        self.crater = str(crater)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.crater,)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[ModelRegistry]:
    registry = ModelRegistry(
        LocalStorageBackend(tmp_path / "store"), observers=Observers(), durability="process"
    )
    yield registry
    registry.close()


@pytest.fixture
def crater(tmp_path: Path) -> Path:
    return tmp_path / "crater"


@pytest.mark.parametrize("name", ["model.pkl", "model.pickle", "model.joblib"])
@pytest.mark.parametrize("framework", ["scikit-learn", "xgboost", "pytorch", "", "anything"])
def test_a_bomb_goes_through_everything_but_a_permitted_load(
    registry: ModelRegistry, crater: Path, tmp_path: Path, name: str, framework: str
) -> None:
    with (tmp_path / name).open("wb") as file:
        (joblib if name.endswith("joblib") else pickle).dump(Bomb(crater), file)
    version = registry.register_model(
        "bomb", tmp_path / name, "sklearn", framework, input_schema={"age": "integer"}
    )
    registry.list_models()
    registry.list_model_versions("bomb")
    registry.search_models("b*")
    registry.validate(version, {"age": 3})
    registry.lineage("bomb")
    registry.diff("bomb", 1, 1)
    registry.download_artifact("bomb", 1, tmp_path / "out")
    registry.promote_model("bomb", 1, "Production")
    registry.verify()
    with pytest.raises(UntrustedModelError, match="allow_pickle=True"):
        version.load()
    assert not crater.exists()
    with pytest.raises(FlavorError):
        version.load(allow_pickle=True).predict([1])  # what comes out of it cannot predict
    assert crater.exists()


def test_a_changed_byte_is_refused_before_it_is_opened(
    registry: ModelRegistry, crater: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(len))
    registry.register_model("fraud", tmp_path / "model.pkl")
    stored = tmp_path / "store/model_registry/artifacts/fraud/v1/model.pkl"
    stored.write_bytes(pickle.dumps(Bomb(crater)))
    with pytest.raises(CorruptDataError, match=r"'model\.pkl'.*was changed"):
        registry.load_model("fraud", allow_pickle=True)
    with pytest.raises(CorruptDataError, match=r"'model\.pkl' was changed"):
        registry.download_artifact("fraud", 1, tmp_path / "out")
    assert not crater.exists()


@pytest.mark.parametrize("name", ["model.json", "extra.py", "sub/extra.bin"])
def test_a_file_that_was_planted_is_refused(
    registry: ModelRegistry, tmp_path: Path, name: str
) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(len))
    registry.register_model("fraud", tmp_path / "model.pkl")
    planted = tmp_path / "store/model_registry/artifacts/fraud/v1" / name
    planted.parent.mkdir(exist_ok=True)
    planted.write_text("{}")
    with pytest.raises(CorruptDataError, match="was added"):
        registry.load_model("fraud", allow_pickle=True)


def test_a_link_planted_in_the_store_does_not_lead_out(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"secret")
    registry.register_model("fraud", tmp_path / "model.bin")
    stored = tmp_path / "store/model_registry/artifacts/fraud/v1/model.bin"
    stored.unlink()
    stored.symlink_to(tmp_path / "secret")
    with pytest.raises((PathNotAllowedError, CorruptDataError)):
        registry.download_artifact("fraud", 1, tmp_path / "out")
    with pytest.raises(CorruptDataError):
        registry.load_model("fraud")
    assert not (tmp_path / "out" / "model.bin").exists()


@pytest.mark.parametrize("path", ["../model.bin", "a/../../model.bin", "./a/../../../etc/passwd"])
def test_a_source_with_dots_is_refused(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / "here" / "a").mkdir(parents=True)
    (tmp_path / "model.bin").write_bytes(b"x")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(PathNotAllowedError, match=r"'\.\.'"):
        registry.register_model("fraud", path)


@pytest.mark.parametrize("kind", ["file", "folder", "dangling", "loop"])
def test_a_link_that_leads_out_of_a_folder_is_refused_and_leaves_nothing(
    registry: ModelRegistry, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"a")
    targets = {
        "file": tmp_path / "outside" / "secret",
        "folder": tmp_path / "outside",
        "dangling": tmp_path / "nowhere",
        "loop": folder / "link",
    }
    (folder / "link").symlink_to(targets[kind])
    with pytest.raises((PathNotAllowedError, StorageError)):
        registry.register_model("fraud", folder)
    assert registry.list_models() == []
    assert not list((tmp_path / "store/model_registry/staging").glob("*/*"))


def test_a_link_within_the_folder_is_followed(registry: ModelRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"a")
    (folder / "link").symlink_to("a.bin")
    version = registry.register_model("fraud", folder)
    assert [file.path for file in version.files] == ["a.bin", "link"]
    stored = tmp_path / "store/model_registry/artifacts/fraud/v1/link"
    assert not stored.is_symlink()
    assert stored.read_bytes() == b"a"


def test_what_never_ends_is_not_read(registry: ModelRegistry, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    folder = tmp_path / "model"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    for path in (tmp_path / "pipe", folder, Path("/dev/zero")):
        with pytest.raises(PathNotAllowedError):
            registry.register_model("fraud", path)


def test_a_store_is_not_copied_into_itself(registry: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    registry.register_model("fraud", tmp_path / "model.bin")
    for source in (tmp_path, tmp_path / "store", tmp_path / "store" / "model_registry"):
        with pytest.raises(PathNotAllowedError, match="contains the place"):
            registry.register_model("self", source)
    inside = tmp_path / "store/model_registry/artifacts/fraud/v1"
    assert registry.register_model("copy", inside).files[0].path == "model.bin"


@pytest.mark.parametrize("destination", ["model.bin", "store/model_registry/metadata", "store"])
def test_a_download_goes_to_a_folder_outside_of_the_store(
    registry: ModelRegistry, tmp_path: Path, destination: str
) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    registry.register_model("fraud", tmp_path / "model.bin")
    with pytest.raises(PathNotAllowedError, match=r"is a file|is inside the store"):
        registry.download_artifact("fraud", 1, tmp_path / destination)
    assert registry.verify() == []


def test_a_description_too_deep_to_read_is_an_error_of_the_model(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text("[" * 100_000)
    version = registry.register_model("deep", folder)
    assert registry.list_models()[0]["name"] == "deep"
    with pytest.raises(FlavorError, match="does not describe a model"):
        version.load()


@pytest.mark.parametrize("field", ["description", "framework", "tag", "reason", "remark"])
def test_a_text_that_utf8_cannot_hold_is_refused_and_leaves_nothing(
    registry: ModelRegistry, tmp_path: Path, field: str
) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")
    registry.register_model("fraud", tmp_path / "model.bin")
    broken = "half \ud83d"
    verbs: dict[str, Callable[[], object]] = {
        "description": lambda: registry.register_model(
            "fraud", tmp_path / "model.bin", description=broken
        ),
        "framework": lambda: registry.register_model("new", tmp_path / "model.bin", None, broken),
        "tag": lambda: registry.set_tags("fraud", {"a": broken}, 1),
        "reason": lambda: registry.promote_model("fraud", 1, "Staging", reason=broken),
        "remark": lambda: registry.annotate("fraud", 1, broken),
    }
    with pytest.raises(ValidationError, match=r"UTF-8 cannot (hold|encode)"):
        verbs[field]()
    assert [str(version) for version in registry.search_models()] == ["fraud v1"]
    assert len(registry.history("fraud")) == 1
    assert not list((tmp_path / "store/model_registry/staging").iterdir())


def test_archives_are_kept_closed(registry: ModelRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    (tmp_path / "payload").write_bytes(b"x")
    with zipfile.ZipFile(folder / "slip.zip", "w") as archive:
        archive.writestr("../../slipped", "x")
    with tarfile.open(folder / "slip.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "payload", arcname="../../slipped")
    version = registry.register_model("fraud", folder)
    assert [file.path for file in version.files] == ["slip.tar.gz", "slip.zip"]
    assert not list(tmp_path.rglob("slipped"))


def sparse(registry: ModelRegistry, tmp_path: Path, size: int) -> None:
    path = tmp_path / "huge.bin"
    with path.open("wb") as file:
        file.write(b"head")
        file.truncate(size)
    done: list[int] = []
    version = registry.register_model("huge", path, progress=done.append)
    assert sum(done) == version.size == size
    stored = tmp_path / "store/model_registry/artifacts/huge/v1/huge.bin"
    assert stored.stat().st_blocks * 512 < 4 << 20
    assert registry.verify() == []


def test_holes_of_a_large_file_stay_holes(registry: ModelRegistry, tmp_path: Path) -> None:
    sparse(registry, tmp_path, 200 << 20)


@pytest.mark.torture
def test_a_file_of_ten_gigabytes(registry: ModelRegistry, tmp_path: Path) -> None:
    sparse(registry, tmp_path, 10 << 30)


def test_a_link_to_the_source_is_made_only_where_it_was_allowed(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_bytes(b"x" * 1000)
    source = (tmp_path / "model.bin").stat()
    registry.register_model("copied", tmp_path / "model.bin")
    version = registry.register_model("shared", tmp_path / "model.bin", link=True)
    folder = tmp_path / "store/model_registry/artifacts"
    assert (folder / "copied/v1/model.bin").stat().st_ino != source.st_ino
    shared = (folder / "shared/v1/model.bin").stat()
    # A reflink has an inode of its own, a second name has the source's; either shares the blocks.
    assert shared.st_size == 1000
    assert shared.st_ino == source.st_ino or shared.st_dev == source.st_dev
    assert registry.verify() == []
    if shared.st_ino == source.st_ino:
        (tmp_path / "model.bin").write_bytes(b"y" * 1000)
        assert [problem.path for problem in registry.verify()] == [
            "model_registry/artifacts/shared/v1/model.bin"
        ]
        with pytest.raises(CorruptDataError):
            version.load()
