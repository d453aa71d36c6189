"""The journals of all writers, read from where the last look ended."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tauro._internal import _fs
from tauro.tracking._catalogue._entry import Entry, EntryKind, decode_entries
from tauro.tracking._catalogue._layout import JOURNAL_SUFFIX, Layout


@dataclass(frozen=True, slots=True)
class Line:
    """An entry and where it stands."""

    journal: str
    offset: int
    entry: Entry


@dataclass(slots=True)
class Tail:
    """What is new in the journals.

    Attributes:
        certain: Intents that were carried out, in the order of each file.
        ahead: States that their documents may not have yet.
        tentative: The last new intent of each file and slot: it may not have been carried out.
        damaged: A line does not hold its checksum: what it said is not known.
        vanished: A file was removed while it was looked for: look again.
    """

    certain: list[Entry] = field(default_factory=list)
    ahead: list[Line] = field(default_factory=list)
    tentative: list[Line] = field(default_factory=list)
    damaged: bool = False
    vanished: bool = False


class JournalReader:
    """Read every journal of a store, keeping how far each was read."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.offsets: dict[str, int] = {}
        self.lost: set[str] = set()
        """Journals that were read once and are not there any more."""
        self._folded: frozenset[str] = frozenset()

    def tail(self) -> Tail:
        """Return what was written since the last call."""
        found = Tail()
        unseen = set(self.offsets)
        for entry in _fs.list_dir(self._layout.journal):
            if not entry.name.endswith(JOURNAL_SUFFIX) or _fs.is_temporary(entry.name):
                continue
            if entry.is_dir():
                continue  # put there by hand; no journal of ours
            if entry.name not in self._folded:
                self._tail_file(entry, found)
                unseen.discard(entry.name)
        self.lost |= unseen
        return found

    def pass_over(self, watermark: Mapping[str, int]) -> None:
        """Read no more of journals than what stands after where others read to."""
        for name, end in watermark.items():
            self.offsets[name] = max(end, self.offsets.get(name, 0))

    def forget(self, names: Collection[str]) -> None:
        """Drop journals whose entries are known from elsewhere."""
        for name in names:
            self.offsets.pop(name, None)
        self.lost.difference_update(names)

    def skip(self, folded: Collection[str]) -> None:
        """Drop journals that were folded away, and do not read what could not be removed."""
        self._folded = frozenset(folded)
        self.forget(folded)

    def _tail_file(self, entry: os.DirEntry[str], found: Tail) -> None:
        offset = self.offsets.get(entry.name, 0)
        try:
            # A stat is a quarter of the price of opening a file in which there is nothing new.
            if entry.stat(follow_symlinks=False).st_size == offset:
                self.offsets.setdefault(entry.name, offset)
                return
            data = _fs.read_from(entry.path, offset)
        except FileNotFoundError:
            found.vanished = True
            return
        entries, length, damaged = decode_entries(data)
        self.offsets[entry.name] = offset + length
        found.damaged |= damaged
        last = {each.slot: each for _, each in entries if each.kind is not EntryKind.AHEAD}
        for position, each in entries:
            line = Line(entry.name, offset + position, each)
            if each.kind is EntryKind.AHEAD:
                found.ahead.append(line)
            elif last[each.slot] is each:
                found.tentative.append(line)
            else:
                found.certain.append(each)
