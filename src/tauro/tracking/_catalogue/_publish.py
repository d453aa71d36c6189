"""Views put in place, and journals folded away once the views hold what they say."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import filelock
import pyarrow as pa

from tauro._internal import _fs
from tauro._internal._clock import now_ns
from tauro.errors import LockTimeoutError, MLOpsError
from tauro.tracking._catalogue._build import build_index
from tauro.tracking._catalogue._entry import Entry, decode_entries
from tauro.tracking._catalogue._index import Index
from tauro.tracking._catalogue._layout import Layout
from tauro.tracking._catalogue._loader import REBUILT, Loader
from tauro.tracking._catalogue._reader import Line
from tauro.tracking._catalogue._state import FORMAT, Published, State, write_state
from tauro.tracking._catalogue._table import experiments_table, runs_table
from tauro.tracking._catalogue._view import Change, View
from tauro.tracking._models import decode_run

_log = logging.getLogger(__name__)
PutAhead: TypeAlias = Callable[[str, str, Callable[[], bytes | None]], None]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is in memory at one moment, and how far the journals were read then."""

    epoch: int
    before: State | None
    view: View
    stale: dict[str, list[Change]]
    gone: dict[str, int]
    just_gone: dict[str, int]
    offsets: dict[str, int]
    pending: list[Line]
    ahead: list[Line]
    experiments: pa.Table | None


class Publisher:
    """Write what is in memory for others to read.

    One process publishes at a time; memory stays free for queries while files are written.

    Args:
        layout: Where the files are.
        loader: What is in memory.
        put_ahead: Puts a state that is ahead of its run's document in place, where it still is.
        durable: Whether journals go only once what replaces them would survive the loss of power.
    """

    def __init__(
        self,
        layout: Layout,
        loader: Loader,
        put_ahead: PutAhead | None,
        *,
        durable: bool,
    ) -> None:
        self._durable = durable
        self._put_ahead = put_ahead
        self._layout = layout
        self._loader = loader

    def publish(self, timeout: float, *, documents: bool = True) -> bool:
        """Bring all views up to date; return False where another process is at it.

        Args:
            timeout: Seconds to wait for another process.
            documents: First put in place what is ahead of its document. What is not stays in its
                journal, and journals are kept from there on.

        Raises:
            LockTimeoutError: It was for longer than a timeout that is not 0.
        """
        with _publishing(self._layout, timeout) as mine:
            if not mine:
                return False
            plan = self._plan(self._put_documents() if documents else ())
            serial = max(plan.before.serial + 1 if plan.before else 1, now_ns() // 1_000_000)
            written: dict[str, Index] = {}
            for each, changes in plan.stale.items():
                index = _build(plan.view.indices.get(each), changes, plan.gone, serial)
                written[each] = index
                _fs.replace_file(self._layout.runs_index(each), index.data, durable=self._durable)
            if plan.experiments is not None:
                index = build_index(plan.experiments, serial=serial)
                written[""] = index
                _fs.replace_file(self._layout.experiments_index, index.data, durable=self._durable)
            dead = self._dead_journals(plan)
            if written or dead or plan.before is None:
                self._commit(plan, serial, written, dead)
            return True

    def _put_documents(self) -> list[Entry]:
        """Put every state that may be ahead of its document in place; return those states."""
        if self._put_ahead is None:
            return []
        with self._loader.guard:
            self._loader.refresh()
            entries = [line.entry for line in self._loader.ahead.values()]
        done = []
        for entry in entries:
            try:
                ahead = functools.partial(self._loader.ahead_of, entry.run_id)
                self._put_ahead(entry.experiment_id, entry.run_id, ahead)
            except MLOpsError as error:  # Its journal keeps it.
                _log.warning("The document of run %s stays behind: %s", entry.run_id, error)
            else:
                done.append(entry)
        return done

    def _plan(self, in_place: Collection[Entry]) -> _Plan:
        done = {(entry.run_id, entry.rev) for entry in in_place}
        with self._loader.guard:
            loader = self._loader
            loader.refresh()
            known = self._gone()
            # Of what was known to be gone, all entries have been read after this.
            loader.refresh()
            gone = self._gone()
            changed = loader.experiments.changed() or loader.state is None
            return _Plan(
                epoch=loader.epoch,
                before=loader.state,
                view=loader.view,
                stale=self._stale(loader.view, loader.experiments.gone),
                gone=gone,
                just_gone={key: gone[key] for key in gone.keys() - known.keys()},
                offsets=dict(loader.reader.offsets),
                pending=list(loader.pending),
                ahead=[
                    line
                    for line in loader.ahead.values()
                    if (line.entry.run_id, line.entry.rev) not in done
                ],
                experiments=experiments_table(*loader.experiments.items()) if changed else None,
            )

    def _gone(self) -> dict[str, int]:
        return {**self._loader.view.removed(), **self._loader.experiments.gone}

    def _stale(self, view: View, removed: Collection[str]) -> dict[str, list[Change]]:
        """Return the experiments whose published view is out of date, and what changed."""
        stale: dict[str, list[Change]] = {}
        gone = view.removed()
        for change in view.changes.values():
            if change.run_id not in gone:
                stale.setdefault(change.experiment_id, []).append(change)
        for experiment_id, index in view.indices.items():
            if index.serial == REBUILT:
                stale.setdefault(experiment_id, [])
        for experiment_id in view.losses():
            if experiment_id not in removed:  # Nobody needs the view of one that was removed.
                stale.setdefault(experiment_id, [])
        return stale

    def _dead_journals(self, plan: _Plan) -> dict[str, int]:
        """Return the journals that nobody will write again and that the views hold to their end.

        Each with a descriptor that holds its lock.
        """
        dead: dict[str, int] = {}
        needed = {line.journal for line in plan.ahead}
        for name, offset in plan.offsets.items():
            if name in needed:
                continue
            path = self._layout.journal_file(name)
            try:
                fd = _fs.open_fd(path, os.O_RDWR)
            except OSError:
                continue
            if _is_dead(fd, path, offset) and not self._carried_out_since(name, plan):
                dead[name] = fd
            else:
                _fs.close_fd(fd, path)
        return dead

    def _carried_out_since(self, name: str, plan: _Plan) -> bool:
        """Tell whether a writer put a document in place between the plan and its death."""
        with self._loader.guard:
            mine = [each.entry for each in plan.pending if each.journal == name]
            return any(self._loader.settle(entry) for entry in mine)

    def _published(self, key: str, index: Index) -> Published:
        folder = _fs.stat(self._layout.runs_of(key) if key else self._layout.experiments)
        changed = folder.st_mtime_ns if folder is not None else 0
        return Published(index.serial, index.checksum, changed)

    def _left_over(self, plan: _Plan) -> list[str]:
        """Return journals of the publication before that could not be removed then."""
        folded = plan.before.folded if plan.before else []
        return [name for name in folded if _fs.stat(self._layout.journal_file(name))]

    def _commit(
        self, plan: _Plan, serial: int, written: dict[str, Index], dead: dict[str, int]
    ) -> None:
        watermark = {name: end for name, end in plan.offsets.items() if name not in dead}
        kept = [*plan.pending, *plan.ahead]
        for each in kept:
            if each.journal in watermark:
                watermark[each.journal] = min(watermark[each.journal], each.offset)
        views = dict(plan.before.views) if plan.before else {}
        views.update({key: self._published(key, index) for key, index in written.items()})
        for removed in plan.gone.keys() & views.keys() - written.keys():
            del views[removed]
        state = State(
            format=FORMAT,
            serial=serial,
            views=views,
            watermark=watermark,
            folded=sorted({*dead, *self._left_over(plan)}),
            # After a watermark stand entries of what is gone by an entry in another journal, or
            # may stand, where that was read in the same look as this journal.
            gone=plan.gone if kept else plan.just_gone,
        )
        try:
            write_state(self._layout, state, durable=self._durable)
            for name in state.folded:
                _fs.discard(self._layout.journal_file(name))
        finally:
            for name, fd in dead.items():
                _fs.close_fd(fd, name)
        with self._loader.guard:
            if self._loader.epoch == plan.epoch:
                self._loader.adopt(state, written)


@contextmanager
def _publishing(layout: Layout, timeout: float) -> Iterator[bool]:
    _fs.make_dirs(os.path.dirname(layout.publish_lock))
    lock = filelock.FileLock(layout.publish_lock, timeout=timeout, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        if timeout:
            raise LockTimeoutError(
                f"Another process has been publishing the run index for more than {timeout:g} s.",
                context={"lock": layout.publish_lock},
            ) from error
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _build(
    before: Index | None, changes: list[Change], gone: Collection[str], serial: int
) -> Index:
    """Return an experiment's index with its changes in it."""
    changes = [change for change in changes if change.run_id not in gone]
    return build_index(
        runs_table((decode_run(change.document), change.document) for change in changes),
        serial=serial,
        before=before,
        without={*gone, *(change.run_id for change in changes)},
    )


def _is_dead(fd: int, path: str, offset: int) -> bool:
    try:
        if not _fs.try_lock_fd(fd, path):
            return False
        # The writer is gone. Whole lines that it wrote since the last look wait for the next
        # publication; half a line was never acknowledged.
        return decode_entries(_fs.read_from(path, offset))[1] == 0
    except OSError:
        return False
