"""``models/index.parquet`` as bytes: a table with a checksum over the whole file."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tauro._internal._arrow import native_reader
from tauro.errors import CorruptDataError
from tauro.registry._models import Change, ModelMetadata

if TYPE_CHECKING:
    import pyarrow as pa

INDEX: Final = "model_registry/models/index.parquet"
_NEEDED: Final = ("name", "version", "document", "changes")
COLUMNS: Final = {**dict.fromkeys(_NEEDED, "string"), "version": "int64", "change_count": "int64"}
"""What of the table holds the documents; the other columns are for other tools."""

_KEY: Final = b"tauro.checksum"
_BLANK: Final = b"00000000"
_TEXT: Final = b"\x18\x08"
"""How a text of eight bytes begins in the footer of a Parquet file."""
_OTHER_KEYS: Final = frozenset({b"ARROW:schema", b"pandas"})
# What is longer is not worth carrying through every writing of the index.
_LONGEST: Final = 1 << 16
_document_decoder = msgspec.json.Decoder(ModelMetadata)
_changes_decoder = msgspec.json.Decoder(list[Change])


def encode_index(table: pa.Table) -> bytes:
    """Return a table as Parquet with its checksum."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({_KEY: _BLANK}), buffer, compression="zstd")
    data = bytearray(buffer.getvalue())
    place = data.rindex(_KEY + _TEXT + _BLANK) + len(_KEY + _TEXT)
    data[place : place + len(_BLANK)] = b"%08x" % zlib.crc32(data)
    return bytes(data)


def decode_index(data: bytes, columns: Iterable[str] | None = None) -> pa.Table:
    """Return the table of Parquet bytes, or those of some columns that it has.

    Raises:
        CorruptDataError: It is not what was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = None if columns is None else list(columns)
    place = _place(data)
    if place and not _holds(data, place):
        raise _damaged("its checksum does not hold")
    try:
        file = pq.ParquetFile(native_reader(data))
        about = file.metadata.metadata or {}
        strange = about.keys() - _OTHER_KEYS - {_KEY}
        table = file.read(columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(str(error)) from error
    if _KEY in about and not place:
        raise _damaged("its checksum is not where it was written")
    if strange:
        raise _damaged(f"none says {strange.pop()!r} of itself")
    return table


def is_checked(data: bytes) -> bool:
    """Tell whether the index has a checksum; one of an older Tauro has none."""
    return bool(_place(data))


def _place(data: bytes) -> int:
    found = data.rfind(_KEY + _TEXT)
    return found + len(_KEY + _TEXT) if found >= 0 else 0


def _holds(data: bytes, place: int) -> bool:
    end = place + len(_BLANK)
    blank = b"".join([data[:place], _BLANK, data[end:]])
    return data[place:end] == b"%08x" % zlib.crc32(blank)


def _damaged(why: str) -> CorruptDataError:
    return CorruptDataError(
        f"{INDEX!r} is not the index of the registry: {why}.",
        context={"path": INDEX},
        suggestions=["`tauro store repair` makes it anew from the documents."],
    )


@dataclass(slots=True)
class Held:
    """What the index holds of one model.

    Attributes:
        name: The model's name.
        latest: Its last version.
        documents: The versions' documents, by number, those that are not too long.
        changes: All its changes, None where they are too long.
        count: How many changes it has.
    """

    name: str
    latest: int = 0
    documents: dict[int, bytes] = field(default_factory=dict)
    changes: list[Change] | None = None
    count: int = 0

    def document(self, version: int) -> ModelMetadata | None:
        """Return a version's document, None where the index does not hold it."""
        data = self.documents.get(version)
        return None if data is None else _document_decoder.decode(data)


def held_models(table: pa.Table) -> list[Held]:
    """Return what the table holds of each model; that of the oldest Tauros held no documents.

    Raises:
        CorruptDataError: A text in it is no document.
    """
    import pyarrow as pa

    found: dict[str, Held] = {}
    if not set(_NEEDED) <= set(table.schema.names):
        return []
    try:
        kinds = {name: kind for name, kind in COLUMNS.items() if name in table.schema.names}
        table = table.select(list(kinds)).cast(pa.schema(kinds.items()))
        for row in table.to_pylist():
            if row["name"] is not None and row["version"] is not None:
                _add(found.setdefault(row["name"], Held(row["name"])), row)
    except (pa.ArrowException, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise _damaged(str(error)) from error
    return list(found.values())


def _add(held: Held, row: dict[str, Any]) -> None:
    held.latest = max(held.latest, row["version"])
    held.count = max(held.count, row.get("change_count") or 0)
    if row["document"] is not None:
        held.documents[row["version"]] = row["document"].encode()
    if row["changes"] is not None:
        changes = _changes_decoder.decode(row["changes"])
        held.count = max(held.count, len(changes))
        # Of a document that cannot be read any more the row stays as it was.
        if held.changes is None or len(changes) > len(held.changes):
            held.changes = changes


def document_text(document: ModelMetadata) -> str | None:
    """Return a version's document as the index holds it, None where it is too long."""
    return _short(msgspec.json.encode(document))


def changes_text(changes: list[Change]) -> str | None:
    """Return a model's changes as the index holds them, None where they are too long."""
    return _short(msgspec.json.encode(changes))


def _short(data: bytes) -> str | None:
    return data.decode() if len(data) <= _LONGEST else None
