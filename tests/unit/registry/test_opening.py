"""A registry by itself: of a store, or of the folder that holds one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tauro.errors import StorageError, StoreFormatError
from tauro.mlops import MLOpsContext
from tauro.registry import ModelRegistry
from tauro.storage import FORMAT_VERSION, LocalStorageBackend, open_storage, read_format
from tauro.testing._threads import at_once


@pytest.mark.parametrize("kind", [str, Path, open_storage, LocalStorageBackend])
def test_what_holds_the_store_may_be_given_in_any_form(tmp_path: Path, kind: type) -> None:
    source = tmp_path / "weights.bin"
    source.write_bytes(b"1234")
    made = ModelRegistry(kind(tmp_path / "store")).register_model(
        name="m", artifact_path=source, artifact_type="files"
    )
    again = ModelRegistry(str(tmp_path / "store")).get_model_version("m", made.version)
    assert (again.name, again.version) == ("m", 1)


def test_a_file_is_no_store(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(StorageError, match="is a file, not a folder"):
        ModelRegistry(str(file))


def test_the_first_registration_makes_the_place_a_store(tmp_path: Path) -> None:
    """Without its mark it could be neither exported nor told from a damaged store."""
    registry = ModelRegistry(tmp_path / "store")
    assert not (tmp_path / "store").exists()
    registry.register_model(name="m", artifact_path=_weights(tmp_path), artifact_type="files")
    assert read_format(registry.storage) is not None


def test_registrations_that_race_for_the_first_make_one_store(tmp_path: Path) -> None:
    weights = _weights(tmp_path)

    def register() -> None:
        ModelRegistry(tmp_path / "store").register_model(name="m", artifact_path=weights)

    at_once([register] * 6)
    assert len(ModelRegistry(tmp_path / "store").list_model_versions("m")) == 6
    assert read_format(LocalStorageBackend(tmp_path / "store")) is not None


def test_the_store_of_a_newer_tauro_is_neither_read_nor_written(tmp_path: Path) -> None:
    store = tmp_path / "store"
    registry = ModelRegistry(store)
    registry.register_model(name="m", artifact_path=_weights(tmp_path))
    mark = registry.storage.read_json("_tauro/format.json")
    mark.pop("checksum", None)
    registry.storage.write_json({**mark, "version": FORMAT_VERSION + 1}, "_tauro/format.json")
    with pytest.raises(StoreFormatError, match="reads up to"):
        ModelRegistry(store)
    with pytest.raises(StoreFormatError, match="reads up to"):
        _ = MLOpsContext(storage_path=store).model_registry


def test_another_programs_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "meta.yaml").write_text("experiment_id: 0")
    with pytest.raises(StoreFormatError, match="MLflow"):
        ModelRegistry(tmp_path / "mlruns")


def _weights(folder: Path) -> Path:
    source = folder / "weights.bin"
    source.write_bytes(b"1234")
    return source
