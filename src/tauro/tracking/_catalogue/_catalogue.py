"""The run catalogue: what lets searches see every run without opening a file each."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tauro.errors import MLOpsError, TrackingValidationError
from tauro.tracking._catalogue._documents import DocumentSource, LocalDocuments
from tauro.tracking._catalogue._entry import EntryKind
from tauro.tracking._catalogue._fields import experiment_fields
from tauro.tracking._catalogue._layout import Layout
from tauro.tracking._catalogue._loader import Loader
from tauro.tracking._catalogue._page import RunPage
from tauro.tracking._catalogue._publish import Publisher, PutAhead
from tauro.tracking._catalogue._select import Rows, Sorter, passing
from tauro.tracking._catalogue._state import read_state
from tauro.tracking._catalogue._token import decode_token, encode_token, query_digest
from tauro.tracking._catalogue._view import View
from tauro.tracking._catalogue._writer import JournalWriter, Recording
from tauro.tracking._models import ExperimentRecord, RunRecord
from tauro.tracking._query import (
    EXPERIMENTS,
    Field,
    Kind,
    OrderKey,
    listed,
    matches,
    parse_field,
    parse_filter,
    parse_order,
    sort_records,
)

if TYPE_CHECKING:
    from tauro.tracking._query._ast import Expression
    from tauro.types import Durability, StrPath

_log = logging.getLogger(__name__)
PUBLISH_SECONDS: Final = 30.0
"""How long an active writer lets ``index.parquet`` stay behind."""
_CLOSE_TIMEOUT: Final = 10.0
_IS_RUNNING = parse_filter("status = 'RUNNING'")
_NEWEST_FIRST = (OrderKey(Field("attributes", "start_time", Kind.TIME), descending=True),)


class RunCatalogue:
    """Record changes of runs and experiments, and answer queries over them.

    **Truth.** The documents are the truth; everything here can be deleted and comes back. A change
    is recorded *before* its document is put in place, in a journal that only this process writes;
    views for other programs (``index.parquet``) are published now and then.

    **Freshness.** A query first reads the journals of all processes from where it left off, so it
    sees every change whose ``with`` block has ended, in any process of this host, and never a
    change whose document did not make it into place.

    **Threads and processes.** All methods may be called from any thread; any number of processes
    may use one store. A forked child goes on by itself.

    **Errors.** Failures of the file system are ``OSError``.

    Args:
        root: The folder of the store, or of a tenant in it.
        documents: Where documents are read; the store's own folders by default.
        durability: What a change survives once it is recorded: the death of the process, or also
            the loss of power.
        put_ahead: Puts what is ahead of a run's document (:meth:`record_ahead`) in place, given
            the ids of the experiment and the run, and what returns the state (:meth:`ahead`) and
            is to be asked under the run's lock; called while publishing. By default it stays in
            its journal.
    """

    def __init__(
        self,
        root: StrPath,
        *,
        documents: DocumentSource | None = None,
        durability: Durability = "process",
        put_ahead: PutAhead | None = None,
    ) -> None:
        self._layout = layout = Layout(str(root))
        self._begun = False
        self._writer = JournalWriter(layout, durable=durability == "disk")
        self._loader = Loader(layout, documents or LocalDocuments(layout.root))
        self._publisher = Publisher(layout, self._loader, put_ahead, durable=durability == "disk")
        self._recorded = False
        self._published_at = time.monotonic()

    # Changes

    def record(self, record: RunRecord, document: bytes) -> Recording:
        """Journal a run's new state; put the document in place inside the ``with`` block.

        Args:
            record: The run.
            document: The same run, encoded as JSON in one line.

        Raises:
            OSError: Nothing was journalled; the document must not be written.
        """
        return self._append(
            EntryKind.RUN, record.rev, record.experiment_id, record.run_id, document
        )

    def record_ahead(self, record: RunRecord, document: bytes) -> None:
        """Journal a run's new state whose document is put in place later; it is so from now on.

        Until then :meth:`ahead` has it. Whoever publishes puts it in place where this process
        did not.

        Args:
            record: The run.
            document: The same run, encoded as JSON in one line.

        Raises:
            OSError: The state was not journalled, or that is not known.
        """
        self._begin()
        self._writer.append_ahead(record.rev, record.experiment_id, record.run_id, document)
        self._recorded = True

    def ahead(self, run_id: str) -> bytes | None:
        """Return a run's latest state where its document may not have it yet, else None."""
        return self._loader.ahead_of(run_id)

    def all_ahead(self) -> list[tuple[str, str]]:
        """Return of which experiments' runs the documents may not have the latest state yet."""
        with self._loader.guard:
            self._fresh()
            entries = [line.entry for line in self._loader.ahead.values()]
        return [(entry.experiment_id, entry.run_id) for entry in entries]

    def record_experiment(self, record: ExperimentRecord, document: bytes) -> Recording:
        """Journal an experiment's new state, as :meth:`record` does a run's."""
        return self._append(EntryKind.EXPERIMENT, record.rev, record.experiment_id, "", document)

    def forget(self, record: RunRecord | ExperimentRecord) -> Recording:
        """Journal that a run or experiment is removed for good.

        Remove its document inside the ``with`` block.
        """
        run_id = record.run_id if isinstance(record, RunRecord) else ""
        return self._append(EntryKind.GONE, record.rev, record.experiment_id, run_id, b"")

    def _append(
        self, kind: EntryKind, rev: int, experiment_id: str, run_id: str, document: bytes
    ) -> Recording:
        self._begin()
        recording = self._writer.append(kind, rev, experiment_id, run_id, document)
        self._recorded = True
        return recording

    def _begin(self) -> None:
        """Publish once in a store where nobody has, so that later searches can trust journals.

        Without a state a journal may be missing, and what it said is looked for in the documents.
        """
        if self._begun:
            return
        self._begun = True
        if read_state(self._layout) is None:
            try:
                # The caller may hold the lock of a document.
                self._publisher.publish(0.0, documents=False)
            except (OSError, MLOpsError) as error:
                _log.warning("The run index was not published: %s", error)

    # Queries

    def query(
        self,
        *,
        experiment_ids: Sequence[str] | None = None,
        filter: str = "",  # noqa: A002 - the name that users write
        order_by: Sequence[str] | str | None = None,
        limit: int | None = 100,
        page_token: str | None = None,
        fields: Sequence[str] | str | None = None,
        include_deleted: bool = False,
    ) -> RunPage:
        """Return a page of runs.

        Args:
            experiment_ids: Only runs of these experiments.
            filter: Text of the filter language.
            order_by: Fields, each with an optional ASC or DESC; ties are by run id. By default the
                newest first. Runs without a value come last, whichever the direction.
            limit: The most runs of the page; None is all.
            page_token: Of the page before. The limit may differ, nothing else.
            fields: Only these fields in the page's rows and frame, named as in a filter.
            include_deleted: Soft-deleted runs too, and those of soft-deleted experiments.

        Raises:
            FilterSyntaxError: The filter, the order or a field is wrong.
            TrackingValidationError: The token belongs to another query, or the limit is negative.
        """
        ids = None if experiment_ids is None else tuple(dict.fromkeys(experiment_ids))
        sorting = listed(order_by or ())
        expression, order = parse_filter(filter), parse_order(sorting)
        columns = None if fields is None else [parse_field(each) for each in listed(fields)]
        digest = query_digest(filter, sorting, ids, include_deleted)
        order = order or _NEWEST_FIRST
        cursor = decode_token(page_token, digest, order) if page_token else None
        _check_limit(limit)
        with self._loader.guard:
            view = self._fresh()
            rows = self._passing(expression, ids, include_deleted=include_deleted)
            total = len(rows)
            sorter = Sorter(view, order)
            if cursor is not None:
                rows = sorter.after(rows, cursor.values, cursor.run_id)
            chosen = sorter.first(rows, len(rows) if limit is None else limit)
            token = None
            if chosen and len(rows) > len(chosen):
                last = chosen[-1]
                token = encode_token(digest, sorter.position(last), view.ids[last])
            captured = view.capture(chosen)
        return RunPage(captured, next_page_token=token, total=total, fields=columns)

    def count(
        self,
        *,
        experiment_ids: Sequence[str] | None = None,
        filter: str = "",  # noqa: A002 - the name that users write
        include_deleted: bool = False,
    ) -> int:
        """Return how many runs pass.

        Raises:
            FilterSyntaxError: The filter is wrong.
        """
        expression = parse_filter(filter)
        with self._loader.guard:
            self._fresh()
            return len(self._passing(expression, experiment_ids, include_deleted=include_deleted))

    def running(self) -> list[RunRecord]:
        """Return the runs that are recorded as running, as their latest documents say."""
        with self._loader.guard:
            view = self._fresh()
            rows = passing(view, _IS_RUNNING, None, include_deleted=False)
            return view.capture(rows.tolist()).records() if len(rows) else []

    def show_metrics(self, run_id: str, values: Mapping[str, float | str]) -> None:
        """Let queries see values of a run's metrics that its document does not have yet.

        Args:
            run_id: A run that was recorded as running; nothing is shown if it has ended meanwhile.
            values: Its last values, as documents hold them.
        """
        with self._loader.guard:
            self._loader.view.show_metrics(run_id, values)

    def has_experiment(self, experiment_id: str) -> bool:
        """Tell whether an experiment, a deleted one too, was there when last looked."""
        with self._loader.guard:
            return self._loader.experiments.get(experiment_id) is not None

    def is_deleted(self, experiment_id: str) -> bool:
        """Tell whether an experiment is deleted."""
        with self._loader.guard:
            self._fresh()
            return experiment_id in self._loader.experiments.deleted

    def find(self, run_id: str) -> str | None:
        """Return the experiment of a run, soft-deleted ones included, or None."""
        with self._loader.guard:
            view = self._fresh()
            row = view.row_of(run_id)
            return None if row is None else view.experiment_of(row)

    def experiments(
        self,
        *,
        filter: str = "",  # noqa: A002 - the name that users write
        order_by: Iterable[str] = (),
        include_deleted: bool = False,
    ) -> list[ExperimentRecord]:
        """Return the experiments that pass, in order, ties by id.

        Raises:
            FilterSyntaxError: The filter or the order is wrong.
        """
        expression = parse_filter(filter, EXPERIMENTS)
        order = parse_order(order_by, EXPERIMENTS)
        with self._loader.guard:
            self._fresh()
            found = [
                record
                for record in self._loader.experiments
                if (include_deleted or record.lifecycle == "active")
                and matches(expression, experiment_fields(record))
            ]
        return sort_records(found, order, experiment_fields, lambda each: each.experiment_id)

    # Views

    def publish(self, *, timeout: float = 0.0) -> bool:
        """Bring ``index.parquet`` of every experiment up to date; fold journals of ended writers.

        Returns:
            False where another process is publishing and ``timeout`` is 0.

        Raises:
            LockTimeoutError: Another process published for longer than the timeout.
        """
        recorded, self._recorded = self._recorded, False
        self._published_at = time.monotonic()
        done = False
        try:
            done = self._publisher.publish(timeout)
        finally:
            self._recorded |= recorded and not done
        return done

    def publish_if_due(self) -> None:
        """Publish if this process recorded something and last published a while ago.

        To be called now and then from a thread that nobody waits for. A failure is logged; the next
        call tries again.
        """
        if not self._recorded or time.monotonic() - self._published_at < PUBLISH_SECONDS:
            return
        try:
            self.publish()
        except (OSError, MLOpsError) as error:
            self._recorded = True
            _log.warning("The run index was not published: %s", error)

    def close(self) -> None:
        """Let the journal go and publish what this process recorded; more may be recorded later."""
        if self._writer.close():
            try:
                self.publish(timeout=_CLOSE_TIMEOUT)
            except (OSError, MLOpsError) as error:
                # A view is late, nothing is lost: whoever publishes next does it.
                _log.warning("The run index was not published: %s", error)

    def _passing(
        self,
        expression: Expression | None,
        experiment_ids: Sequence[str] | None,
        *,
        include_deleted: bool,
    ) -> Rows:
        """Return the rows of what is in memory that pass, in no order."""
        return passing(
            self._loader.view,
            expression,
            experiment_ids,
            include_deleted=include_deleted,
            hidden=self._loader.experiments.deleted,
        )

    def _fresh(self) -> View:
        self._loader.refresh()
        return self._loader.view


def _check_limit(limit: Any) -> None:
    if limit is not None and (
        isinstance(limit, bool) or not hasattr(limit, "__index__") or limit < 0
    ):
        raise TrackingValidationError(
            f"limit is {limit!r}; expected a whole number of 0 or more, or None for all."
        )
