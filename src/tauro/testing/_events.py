"""Observers of a test's own, and what every audit sink keeps to."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from tauro.events import AuditRecord, AuditSink, Observers, set_observers
from tauro.testing._threads import at_once

_START = datetime(2024, 1, 15, tzinfo=UTC)


@contextlib.contextmanager
def fresh_observers(observers: Observers | None = None) -> Iterator[Observers]:
    """Give the process another bundle of observers for the time of a ``with`` block.

    What is made inside and asks for the process-wide ones gets these.
    """
    fresh = observers if observers is not None else Observers()
    before = set_observers(fresh)
    try:
        yield fresh
    finally:
        set_observers(before)


def audit_record(number: int = 0, *, action: str = "model.register") -> AuditRecord:
    """Return a record that differs from those of other numbers in subject and time."""
    return AuditRecord(
        timestamp=_START + timedelta(seconds=number),
        action=action,
        outcome="success",
        subject=f"m/{number}",
        actor="ada",
        details={"name": "m", "version": number},
    )


class AuditSinkSuite(ABC):
    """Subclass it, say how a sink is made, and let pytest collect it."""

    @abstractmethod
    def make_sink(self, folder: Path) -> AuditSink:
        """Return a new sink on a place in ``folder``; the same place for the same folder."""

    @pytest.fixture
    def sink(self, tmp_path: Path) -> AuditSink:
        """A sink."""
        return self.make_sink(tmp_path)

    def test_what_was_appended_is_there(self, sink: AuditSink) -> None:
        sink.append(audit_record(1))
        sink.append(audit_record(2))
        assert _facts(sink) == {("m/1", "ada"), ("m/2", "ada")}
        [first] = [record for record in sink.records() if record.subject == "m/1"]
        assert first.timestamp == audit_record(1).timestamp
        assert first.details == {"name": "m", "version": 1}

    def test_an_empty_sink_has_no_records(self, sink: AuditSink) -> None:
        assert list(sink.records()) == []

    def test_reading_changes_nothing(self, sink: AuditSink) -> None:
        sink.append(audit_record(1))
        assert len(list(sink.records())) == len(list(sink.records())) == 1

    def test_threads_lose_nothing(self, sink: AuditSink) -> None:
        def work(start: int) -> None:
            for number in range(start, start + 50):
                sink.append(audit_record(number))

        at_once([partial(work, 50 * part) for part in range(4)])
        assert _facts(sink) == {(f"m/{number}", "ada") for number in range(200)}


class PersistentAuditSinkSuite(AuditSinkSuite):
    """For sinks whose records other sinks on the same place see."""

    def test_a_second_sink_on_the_place_sees_and_adds(self, tmp_path: Path) -> None:
        first, second = self.make_sink(tmp_path), self.make_sink(tmp_path)
        first.append(audit_record(1))
        second.append(audit_record(2))
        first.append(audit_record(3))
        for sink in (first, second, self.make_sink(tmp_path)):
            assert {subject for subject, _ in _facts(sink)} == {"m/1", "m/2", "m/3"}


def _facts(sink: AuditSink) -> set[tuple[str, str]]:
    return {(record.subject, record.actor) for record in sink.records()}
