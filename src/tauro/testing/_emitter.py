"""What every event emitter keeps to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import pytest

from tauro.testing._threads import at_once

if TYPE_CHECKING:
    from tauro.mlops import EventEmitterProtocol

_TYPE, _OTHER = "suite.happened", "suite.other"


class EventEmitterSuite(ABC):
    """Subclass, define :meth:`make_emitter`, and collect with pytest.

    An event has its payload in ``data``. Listeners are called, each once, before ``emit`` returns.
    """

    @abstractmethod
    def make_emitter(self) -> EventEmitterProtocol:
        """Return a new emitter to which nobody listens."""

    @pytest.fixture
    def emitter(self) -> EventEmitterProtocol:
        """An emitter."""
        return self.make_emitter()

    def test_listeners_of_the_type_are_told_once_and_in_order(
        self, emitter: EventEmitterProtocol
    ) -> None:
        heard: list[tuple[str, Any]] = []
        emitter.subscribe(_TYPE, lambda event: heard.append(("first", event.data)))
        emitter.subscribe(_TYPE, lambda event: heard.append(("second", event.data)))
        emitter.subscribe(_OTHER, lambda event: heard.append(("other", event.data)))
        emitter.emit(_TYPE, {"name": "m"})
        assert heard == [("first", {"name": "m"}), ("second", {"name": "m"})]

    def test_an_event_without_data_has_none(self, emitter: EventEmitterProtocol) -> None:
        heard: list[Any] = []
        emitter.subscribe(_TYPE, lambda event: heard.append(event.data))
        emitter.emit(_TYPE)
        assert heard == [{}]

    def test_nobody_has_to_listen(self, emitter: EventEmitterProtocol) -> None:
        emitter.emit(_TYPE, {"name": "m"})

    def test_who_unsubscribed_is_told_nothing_more(self, emitter: EventEmitterProtocol) -> None:
        heard: list[Any] = []
        emitter.subscribe(_TYPE, heard.append)
        emitter.unsubscribe(_TYPE, heard.append)
        emitter.emit(_TYPE)
        assert heard == []

    def test_a_listener_that_raises_disturbs_nobody(self, emitter: EventEmitterProtocol) -> None:
        def broken(event: Any) -> None:
            raise ValueError("broken")

        heard: list[Any] = []
        emitter.subscribe(_TYPE, broken)
        emitter.subscribe(_TYPE, heard.append)
        emitter.emit(_TYPE)
        assert len(heard) == 1

    def test_a_listener_may_subscribe_and_unsubscribe_while_it_is_told(
        self, emitter: EventEmitterProtocol
    ) -> None:
        heard: list[str] = []

        def later(event: Any) -> None:
            heard.append("later")

        def once(event: Any) -> None:
            heard.append("once")
            emitter.unsubscribe(_TYPE, once)
            emitter.subscribe(_TYPE, later)

        emitter.subscribe(_TYPE, once)
        emitter.emit(_TYPE)
        emitter.emit(_TYPE)
        assert heard == ["once", "later"]

    def test_threads_may_emit_and_subscribe_at_once(self, emitter: EventEmitterProtocol) -> None:
        heard: list[Any] = []
        emitter.subscribe(_TYPE, heard.append)

        def work() -> None:
            for _ in range(50):
                emitter.emit(_TYPE)
                emitter.subscribe(_OTHER, print)

        at_once([work] * 4)
        assert len(heard) == 200
