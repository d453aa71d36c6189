"""What is in memory, brought up to date from views, journals and, where in doubt, documents."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from tauro._internal import _fs
from tauro._internal._fork import tell_after_fork
from tauro.tracking._catalogue._build import build_index
from tauro.tracking._catalogue._documents import DocumentSource
from tauro.tracking._catalogue._entry import Entry, EntryKind
from tauro.tracking._catalogue._experiments import ExperimentRecords
from tauro.tracking._catalogue._index import Index
from tauro.tracking._catalogue._layout import Layout
from tauro.tracking._catalogue._reader import JournalReader, Line, Tail
from tauro.tracking._catalogue._state import Published, State, read_state
from tauro.tracking._catalogue._table import runs_table
from tauro.tracking._catalogue._view import Change, View
from tauro.tracking._models import RunRecord, decode_run

REBUILT: Final = 0
"""The serial of a view that was made from documents and never published."""


class Loader:
    """Keep a view of a store up to date.

    Attributes:
        guard: Held by whoever uses the loader or what it holds.
        state: The publication that the view starts from.
        epoch: Changes when what was in memory was given up.
        reader: The journals.
        pending: Intents whose documents are not in place, or not yet.
        ahead: By run the state that its document may not have yet, where that is the latest.
        view: The runs.
        experiments: All of them.
    """

    def __init__(self, layout: Layout, documents: DocumentSource) -> None:
        self._layout = layout
        self._documents = documents
        self.guard = threading.RLock()
        self.epoch = 0
        self._begin()
        tell_after_fork(self)

    def _begin(self) -> None:
        self._loaded = False
        self.epoch += 1
        self.state: State | None = None
        self.reader = JournalReader(self._layout)
        self.pending: list[Line] = []
        self.ahead: dict[str, Line] = {}
        self.view = View({})
        self.experiments = ExperimentRecords()

    def _after_fork(self) -> None:
        # Another thread of the parent may have been in the middle of a change.
        self.guard = threading.RLock()
        self._begin()

    def refresh(self) -> None:
        """Take in everything that any writer was acknowledged before this call.

        Raises:
            OSError: Something could not be read; the next call begins anew.
        """
        try:
            self._refresh()
        except BaseException:
            # What was read of the journals and not taken in yet would be lost.
            self._begin()
            raise

    def _refresh(self) -> None:
        # The order is what makes it complete: journals are listed and read first, then the state.
        # A journal that was folded away before the listing was so under a state that is seen here.
        first = not self._loaded
        if first:
            self._load(read_state(self._layout))
        damaged = False
        while True:
            tail = self.reader.tail()
            self._apply(tail)
            damaged |= tail.damaged
            state = read_state(self._layout)
            if state != self.state:
                self._load(state)
            elif self.reader.lost or damaged:
                self.rebuild()
                damaged = False
            elif not tail.vanished:
                break
        if first:
            self._find_unknown()
            if self.state is None:
                self._find_removed()

    def ahead_of(self, run_id: str) -> bytes | None:
        """Return a run's latest state where its document may not have it yet, else None."""
        with self.guard:
            self.refresh()
            line = self.ahead.get(run_id)
        return None if line is None else line.entry.document

    def rebuild(self) -> None:
        """Read every document again; nothing else is believed but what is ahead of them."""
        self._forget_ahead(lambda line: line.journal in self.reader.lost)
        self.reader.forget(set(self.reader.lost))
        self.epoch += 1
        experiment_ids = self._documents.experiment_ids()
        self.view = View(_present({each: self._from_documents(each) for each in experiment_ids}))
        for line in self.ahead.values():
            self.view.put(_change(line.entry))
        self.experiments = ExperimentRecords()
        self._read_experiments(experiment_ids)

    def adopt(self, state: State, indices: Mapping[str, Index]) -> None:
        """Start from a publication that was made of what is in memory."""
        before, self.state = self.view, state
        self._forget_ahead(lambda line: _is_covered(line, state))
        self.reader.skip(state.folded)
        runs = {key: index for key, index in indices.items() if key}
        self.view = View({**before.indices, **runs})
        self.view.take_over(before)
        if "" in indices:
            self.experiments.load(indices[""])

    # Views

    def _load(self, state: State | None) -> None:
        first, before = not self._loaded, self.view
        self._loaded, self.state = True, state
        self.epoch += 1
        if state is None:
            self.rebuild()
            return
        self._forget_ahead(
            lambda line: line.journal in self.reader.lost or _is_covered(line, state)
        )
        if not first:
            # Under a new state what was there and is gone was folded into the views.
            self.reader.forget(set(self.reader.lost))
        self.reader.pass_over(state.watermark)
        self.reader.skip(state.folded)
        experiment_ids = self._documents.experiment_ids()
        indices = {each: self._index_of(each, state, before) for each in experiment_ids}
        self.view = View(_present(indices))
        self.view.take_over(before)
        for gone, rev in state.gone.items():
            self.view.remove(gone, rev)
            self.experiments.remove(gone, rev)
        wanted = state.views.get("")
        if wanted is not None:
            index = self._read_index(self._layout.experiments_index, wanted)
            if index is not None:
                self.experiments.load(index)
            else:
                self._read_experiments(experiment_ids)
        if not first:
            self._drop_removed()

    def _drop_removed(self) -> None:
        """Forget what was known before, is in no view now, and has no document: it was removed.

        The journal that said so may have been folded away before it was read here.
        """
        for change in self.view.unpublished():
            if change.run_id in self.ahead:
                continue
            if self._documents.run(change.experiment_id, change.run_id) is None:
                self.view.remove(change.run_id, change.rev)
        for record in self.experiments.unpublished():
            if self._documents.experiment(record.experiment_id) is None:
                self.experiments.remove(record.experiment_id, record.rev)

    def _index_of(self, experiment_id: str, state: State, before: View) -> Index | None:
        wanted = state.views.get(experiment_id)
        known = before.indices.get(experiment_id)
        if known is not None and wanted is not None and known.checksum == wanted.checksum:
            return known
        if known is not None and known.serial == REBUILT:
            # There was a reason to doubt what is published, and nobody has published since.
            return self._from_documents(experiment_id)
        if wanted is None:
            return None  # Journals have it all.
        index = self._read_index(self._layout.runs_index(experiment_id), wanted, experiment_id)
        return index if index is not None else self._from_documents(experiment_id)

    @staticmethod
    def _read_index(path: str, wanted: Published, experiment_id: str = "") -> Index | None:
        """Return the view at a path, or None where there is none that can be trusted.

        A missing, damaged, outdated or foreign file is all one: the view comes from documents.
        """
        try:
            index = Index(_fs.read_bytes(path))
            if index.serial < wanted.serial:
                return None
            if index.checksum != wanted.checksum:
                if index.serial == wanted.serial:
                    return None  # Not what was published: pages vouch for their values only.
                index.verify()  # Published, and not yet under a state that vouches for it.
                if experiment_id and not index.is_of(experiment_id):
                    return None  # Copied here by hand.
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
            return None
        return index

    def _find_unknown(self) -> None:
        """Compare the names of documents with what is known, where a folder changed since its view.

        The journals know of every change. This is for a store whose journals were removed by hand,
        or copied at another moment than its documents.
        """
        known: dict[str, set[str]] = {}
        for experiment_id in self._documents.experiment_ids():
            if self.experiments.get(experiment_id) is None:
                self._read_experiment(experiment_id)
            folder = _fs.stat(self._layout.runs_of(experiment_id))
            view = self.state.views.get(experiment_id) if self.state is not None else None
            if folder is None or (view is not None and folder.st_mtime_ns == view.folder):
                continue
            known = known or self.view.runs_by_experiment()
            present = set(self._documents.run_ids(experiment_id))
            mine = known.get(experiment_id, set())
            for run_id in present - mine:
                self._read_run(experiment_id, run_id)
            for run_id in mine - present - self.ahead.keys():
                # A listing may miss what others rename meanwhile.
                if not self._read_run(experiment_id, run_id):
                    self.view.remove(run_id, self.view.rev_of(run_id))

    def _find_removed(self) -> None:
        """Forget what was removed, where what said so was folded under a state that is lost."""
        for run_id, line in list(self.ahead.items()):
            owner = decode_run(line.entry.document).owner
            if (
                owner is not None
                and _fs.stat(self._layout.told(owner.writer_id, run_id))
                and self._documents.run(line.entry.experiment_id, run_id) is None
            ):
                intents = [each.entry for each in self.pending if each.entry.run_id == run_id]
                self.view.remove(run_id, max(each.rev for each in [line.entry, *intents]))
                del self.ahead[run_id]

    def _from_documents(self, experiment_id: str) -> Index | None:
        table = runs_table(self._documents_of(experiment_id))
        return build_index(table, serial=REBUILT) if len(table) else None

    def _documents_of(self, experiment_id: str) -> Iterator[tuple[RunRecord, bytes]]:
        """Yield the documents that can be read; `tauro store verify` names the others."""
        for run_id in self._documents.run_ids(experiment_id):
            document = self._documents.run(experiment_id, run_id)
            if document is None:
                continue
            try:
                record = decode_run(document)
            except msgspec.DecodeError:
                continue
            yield record, msgspec.json.format(document, indent=-1)

    # Journals

    def _apply(self, tail: Tail) -> None:
        for entry in tail.certain:
            self._take(entry)
        for line in tail.ahead:
            self._take_ahead(line)
        waiting, self.pending = self.pending + tail.tentative, []
        for each in waiting:
            if not self.settle(each.entry):
                self.pending.append(each)

    def _take(self, entry: Entry) -> None:
        """Take in an entry that was carried out."""
        if self._was_removed_since(entry):
            return
        match entry.kind:
            case EntryKind.RUN | EntryKind.AHEAD:
                self._put(_change(entry))
            case EntryKind.EXPERIMENT:
                self.experiments.put(entry.document)
            case EntryKind.GONE if entry.run_id:
                self.view.remove(entry.run_id, entry.rev)
                self._overtake(entry.run_id, entry.rev)
            case EntryKind.GONE:
                self.experiments.remove(entry.experiment_id, entry.rev)

    def _take_ahead(self, line: Line) -> None:
        """Take in a state that its document may not have yet, unless a later one is known."""
        entry = line.entry
        self.view.put(_change(entry))
        is_latest = entry.rev >= self.view.rev_of(entry.run_id)
        if is_latest and self.view.row_of(entry.run_id) is not None:
            self.ahead[entry.run_id] = line

    def _forget_ahead(self, is_past: Callable[[Line], bool]) -> None:
        self.ahead = {key: line for key, line in self.ahead.items() if not is_past(line)}

    def _put(self, change: Change) -> None:
        """Take a run's state that its document has."""
        self.view.put(change)
        self._overtake(change.run_id, change.rev - 1)

    def _overtake(self, run_id: str, rev: int) -> None:
        """Forget what was ahead of a run's document up to a revision."""
        line = self.ahead.get(run_id)
        if line is not None and line.entry.rev <= rev:
            del self.ahead[run_id]

    def _was_removed_since(self, entry: Entry) -> bool:
        """Tell whether an entry speaks of what was removed after it.

        Where the removal is known from a missing document, its revision is not: look again.
        """
        if entry.kind is EntryKind.RUN and 0 < self.view.gone.get(entry.run_id, 0) < entry.rev:
            if self._documents.run(entry.experiment_id, entry.run_id) is None:
                self.view.remove(entry.run_id, entry.rev)
                return True
        elif (
            entry.kind is EntryKind.EXPERIMENT
            and 0 < self.experiments.gone.get(entry.experiment_id, 0) < entry.rev
        ) and self._documents.experiment(entry.experiment_id) is None:
            self.experiments.remove(entry.experiment_id, entry.rev)
            return True
        return False

    def settle(self, entry: Entry) -> bool:
        """Look at the document of an entry; tell whether the entry was carried out."""
        match entry.kind:
            case EntryKind.RUN | EntryKind.AHEAD:
                if self.view.rev_of(entry.run_id) >= entry.rev:
                    return True
                return self._read_run(entry.experiment_id, entry.run_id) >= entry.rev
            case EntryKind.EXPERIMENT:
                known = self.experiments.get(entry.experiment_id)
                if known is not None and known.rev >= entry.rev:
                    return True
                return self._read_experiment(entry.experiment_id) >= entry.rev
            case EntryKind.GONE:
                document = (
                    self._documents.run(entry.experiment_id, entry.run_id)
                    if entry.run_id
                    else self._documents.experiment(entry.experiment_id)
                )
                if document is None:
                    self._take(entry)
                return document is None

    def _read_run(self, experiment_id: str, run_id: str) -> int:
        document = self._documents.run(experiment_id, run_id)
        if document is None:
            return 0
        try:
            rev = decode_run(document).rev
        except msgspec.DecodeError:
            return 0
        compact = msgspec.json.format(document, indent=-1)
        self._put(Change(experiment_id, run_id, rev, compact))
        return rev

    def _read_experiments(self, experiment_ids: list[str]) -> None:
        for experiment_id in experiment_ids:
            self._read_experiment(experiment_id)

    def _read_experiment(self, experiment_id: str) -> int:
        document = self._documents.experiment(experiment_id)
        if document is None:
            return 0
        try:
            self.experiments.put(msgspec.json.format(document, indent=-1))
        except msgspec.DecodeError:
            return 0
        known = self.experiments.get(experiment_id)
        return known.rev if known is not None else 0


def _change(entry: Entry) -> Change:
    return Change(entry.experiment_id, entry.run_id, entry.rev, entry.document)


def _is_covered(line: Line, state: State) -> bool:
    """Tell whether a publication holds a line, and with it a document."""
    return line.journal in state.folded or line.offset < state.watermark.get(line.journal, 0)


def _present(indices: Mapping[str, Index | None]) -> dict[str, Index]:
    return {key: index for key, index in indices.items() if index is not None}
