r"""The lines of a journal.

A line is the checksum of the rest in eight hexadecimal digits, a space, the kind of the entry, its
slot, the document's ``rev``, the experiment's and the run's id, and the document itself as one line
of JSON, with tabs between them. JSON escapes tabs and newlines, so both are free to divide. What
stands after the last newline is a line that is being written, or that a crash cut short.
"""

from __future__ import annotations

import enum
import zlib
from dataclasses import dataclass
from typing import Final

_FORBIDDEN: Final = ("\t", "\n")


class EntryKind(enum.Enum):
    """What an entry says."""

    RUN = b"run"
    AHEAD = b"ahead"
    """The run's state, which is so with this entry; its document follows within seconds."""
    EXPERIMENT = b"experiment"
    GONE = b"gone"
    """The run's document, or without a run the experiment's, was removed for good."""


_KINDS: Final = {kind.value: kind for kind in EntryKind}


@dataclass(frozen=True, slots=True)
class Entry:
    """An intent to put a document in place, or a state ahead of its document.

    Attributes:
        kind: What it says.
        slot: Intents of one file and slot follow each other: all but the last were carried out.
            States ahead of their document need none.
        rev: The document's revision.
        experiment_id: Whose it is.
        run_id: Of the run, empty for an experiment.
        document: The whole JSON document.
    """

    kind: EntryKind
    slot: int
    rev: int
    experiment_id: str
    run_id: str
    document: bytes


def encode_entry(entry: Entry) -> bytes:
    """Return an entry as a line.

    Raises:
        ValueError: An id or the document holds a character that divides lines.
    """
    ids = entry.experiment_id + entry.run_id
    if any(character in ids for character in _FORBIDDEN) or b"\n" in entry.document:
        raise ValueError(f"A journal cannot hold {entry.run_id or entry.experiment_id!r}.")
    body = b"\t".join(
        (
            entry.kind.value,
            str(entry.slot).encode(),
            str(entry.rev).encode(),
            entry.experiment_id.encode(),
            entry.run_id.encode(),
            entry.document,
        )
    )
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode_entry(line: bytes) -> Entry | None:
    """Return the entry of a line without its newline, or None when the line is damaged."""
    if line[:9] != b"%08x " % zlib.crc32(memoryview(line)[9:]):
        return None
    kind, slot, rev, experiment_id, run_id, document = line[9:].split(b"\t", 5)
    return Entry(
        _KINDS[kind], int(slot), int(rev), experiment_id.decode(), run_id.decode(), document
    )


def decode_entries(data: bytes) -> tuple[list[tuple[int, Entry]], int, bool]:
    """Return the whole entries of a piece of journal and where each begins.

    Also the length of the whole lines, and whether any of them is damaged.
    """
    end = data.rfind(b"\n") + 1
    if end == 0:
        return [], 0, False
    found: list[tuple[int, Entry]] = []
    position, damaged = 0, False
    for line in data[: end - 1].split(b"\n"):
        entry = decode_entry(line)
        if entry is None:
            damaged = True
        else:
            found.append((position, entry))
        position += len(line) + 1
    return found, end, damaged
