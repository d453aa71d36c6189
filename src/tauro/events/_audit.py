"""The audit log: who did what, when, with what outcome."""

from __future__ import annotations

import fnmatch
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec

from tauro._internal._clock import now
from tauro.errors import ValidationError
from tauro.events._audit_models import (
    AuditRecord,
    Outcome,
    current_actor,
    host_name,
    plain,
    printable,
    subject_of,
    thread_name,
)
from tauro.events._audit_sinks import AuditSink, MemoryAuditSink, in_period
from tauro.events._operations import Operation

_log = logging.getLogger("tauro.events")


class AuditLogger:
    """Writes audit records to a sink and answers questions about them.

    A sink that fails does not undo the operation, which is done by then: the record is written to
    the log ``tauro.events`` as an error, and :attr:`failures` rises.

    Args:
        sink: Where records go; by default the last 10,000 stay in memory.
    """

    def __init__(self, sink: AuditSink | None = None) -> None:
        self.sink = sink if sink is not None else MemoryAuditSink()
        self.failures = 0

    def log(
        self,
        action: Operation | str,
        *,
        subject: str = "",
        outcome: Outcome = "success",
        details: Mapping[str, Any] | None = None,
        error: BaseException | None = None,
    ) -> AuditRecord:
        """Write a record of an action, by whoever acts now, and return it.

        Args:
            action: An operation, or an own text such as ``report.exported``.
            subject: What it was done to.
            outcome: How it ended.
            details: What it is about. Objects are kept by their type; secrets are masked.
            error: The exception that ended it.
        """
        record = AuditRecord(
            timestamp=now(),
            action=action.value if isinstance(action, Operation) else printable(action),
            outcome=outcome,
            subject=printable(subject),
            actor=printable(current_actor()),
            host=host_name(),
            pid=os.getpid(),
            thread=printable(thread_name()),
            details=plain(details) if details else {},
            error=plain(f"{type(error).__name__}: {error}") if error is not None else "",
        )
        try:
            self.sink.append(record)
        except Exception as error_:  # noqa: BLE001 - the sink may be anybody's, and all is done
            self.failures += 1
            _log.error(
                "An audit record could not be kept (%s): %s",
                error_,
                msgspec.json.encode(record).decode(),
                # Where a disk or its permissions refuse, what it says is all there is to know.
                exc_info=not isinstance(error_, OSError),
            )
        return record

    def log_operation(
        self,
        operation: Operation,
        data: Mapping[str, Any],
        *,
        outcome: Outcome = "success",
        error: BaseException | None = None,
    ) -> None:
        """Write the record of an operation with its payload."""
        subject = subject_of(data, operation.component)
        self.log(operation, subject=subject, outcome=outcome, details=data, error=error)

    def query(
        self,
        *,
        action: Operation | str | None = None,
        subject: str | None = None,
        actor: str | None = None,
        outcome: Outcome | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[AuditRecord]:
        """Return the records that fit, oldest first; with ``limit`` only the last ones.

        Args:
            action: An operation or a pattern such as ``model.*``.
            subject: A subject or a pattern such as ``credit_risk/*``.
            actor: Who did it.
            outcome: How it ended.
            since: At this time or later; without a zone it is UTC.
            until: Before this time.
            limit: The most records to return.

        Raises:
            ValidationError: ``limit`` is negative, or there is no such outcome.
        """
        if outcome is not None and outcome not in get_args(Outcome):
            raise ValidationError(
                f"There is no outcome {outcome!r}.",
                suggestions=[f"Outcomes are {', '.join(get_args(Outcome))}."],
            )
        if limit is not None and limit < 0:
            raise ValidationError(
                f"limit is {limit}; it must be 0 or more.", suggestions=["Leave it out for all."]
            )
        wanted = action.value if isinstance(action, Operation) else action
        since, until = _aware(since), _aware(until)
        found = [
            record
            for record in self.sink.records()
            if (wanted is None or fnmatch.fnmatchcase(record.action, wanted))
            and (subject is None or fnmatch.fnmatchcase(record.subject, subject))
            and (actor is None or record.actor == actor)
            and (outcome is None or record.outcome == outcome)
            and in_period(record, since, until)
        ]
        found.sort(key=lambda record: record.timestamp)
        return found if limit is None else found[max(0, len(found) - limit) :]


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
