"""A registry by itself: of a store, or of the folder that holds one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tauro.errors import StorageError
from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend, open_storage


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
