"""Every bit of a document, and every byte of the index: noticed, or it changes no value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tauro.errors import CorruptDataError
from tauro.events import Observers
from tauro.registry import ModelRegistry
from tauro.registry._index_file import COLUMNS, INDEX, decode_index, encode_index, held_models
from tauro.registry._models import decode_change, decode_metadata
from tauro.storage import LocalStorageBackend

MODEL = "model_registry/metadata/fraud"
Decoder = Callable[..., object]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (folder / "model.bin").write_bytes(b"weights")
    registry = ModelRegistry(LocalStorageBackend(folder / "store"), observers=Observers())
    registry.register_model(
        "fraud",
        folder / "model.bin",
        metrics={"auc": 0.9},
        hyperparameters={"checksum": "deadbeef", "deep": {"é": [1, None, 'a "quoted" text }']}},
    )
    registry.promote_model("fraud", 1, "Production", reason="first")
    registry.close()
    return folder / "store"


def bits(data: bytes) -> Iterator[bytes]:
    """Yield the bytes with one bit flipped, for each bit."""
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            yield bytes(changed)


@pytest.mark.parametrize(
    ("name", "decode"), [("v1.json", decode_metadata), ("transitions/1.json", decode_change)]
)
def test_a_flipped_bit_of_a_document(store: Path, name: str, decode: Decoder) -> None:
    """Verify notices each; who reads is refused, or gets what was written."""
    data = (store / MODEL / name).read_bytes()
    whole = decode(data, name, strictly=True)
    harmless = 0
    for changed in bits(data):
        with pytest.raises(CorruptDataError):
            decode(changed, name, strictly=True)
        try:
            assert decode(changed, name) == whole, changed
            harmless += 1
        except CorruptDataError:
            continue
    assert harmless < 16 * 8, "only bits of the field of the checksum change no value"


@pytest.mark.parametrize(
    ("name", "decode"), [("v1.json", decode_metadata), ("transitions/1.json", decode_change)]
)
def test_a_document_that_was_cut_short(store: Path, name: str, decode: Decoder) -> None:
    data = (store / MODEL / name).read_bytes()
    for length in range(len(data)):
        with pytest.raises(CorruptDataError):
            decode(data[:length], name)


def test_a_flipped_byte_of_the_index(store: Path) -> None:
    data = (store / INDEX).read_bytes()
    assert [held.latest for held in held_models(decode_index(data, COLUMNS))] == [1]
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        with pytest.raises(CorruptDataError):
            decode_index(bytes(changed), COLUMNS)


def test_an_index_that_was_cut_short(store: Path) -> None:
    data = (store / INDEX).read_bytes()
    for length in (*range(0, len(data), 97), len(data) - 1):
        with pytest.raises(CorruptDataError):
            decode_index(data[:length])


def test_an_index_written_again_has_a_checksum_of_its_own(store: Path) -> None:
    """Whatever the table that was read said of itself."""
    table = decode_index((store / INDEX).read_bytes())
    fewer = encode_index(table.drop_columns(["framework"]))
    assert decode_index(fewer).column_names == [n for n in table.column_names if n != "framework"]
