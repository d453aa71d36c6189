"""Publish and subscribe."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import subprocess
import sys
import threading
from typing import Any

import pytest

from tauro._internal import _clock
from tauro.errors import ValidationError
from tauro.events import Event, EventEmitter, EventType
from tauro.events._mailbox import Mailbox


@pytest.fixture
def emitter() -> EventEmitter:
    return EventEmitter()


@pytest.fixture
def got() -> list[Event]:
    return []


def test_a_listener_gets_the_event_with_its_data(emitter: EventEmitter, got: list[Event]) -> None:
    emitter.subscribe(EventType.MODEL_REGISTERED, got.append)
    emitter.emit(EventType.MODEL_REGISTERED, {"name": "m", "version": 1}, source="registry")
    assert [(one.event_type, one.data, one.source) for one in got] == [
        (EventType.MODEL_REGISTERED, {"name": "m", "version": 1}, "registry")
    ]


@pytest.mark.parametrize(
    "spelling", [EventType.MODEL_REGISTERED, "model.registered", "MODEL_REGISTERED", "*"]
)
@pytest.mark.parametrize("verb", ["subscribe", "on", "on_event"])
def test_every_spelling_of_type_and_verb_subscribes(
    emitter: EventEmitter, got: list[Event], spelling: str, verb: str
) -> None:
    getattr(emitter, verb)(event_type=spelling, callback=got.append)
    emitter.emit("model.registered")
    assert len(got) == 1


def test_subscribe_decorates(emitter: EventEmitter) -> None:
    seen = []

    @emitter.on("*")
    def listener(event: Event) -> None:
        seen.append(event.sequence)

    emitter.emit(EventType.RUN_STARTED)
    assert seen == [1]
    assert listener.__name__ == "listener"


def test_other_types_do_not_reach_a_listener(emitter: EventEmitter, got: list[Event]) -> None:
    emitter.on(EventType.RUN_STARTED, got.append)
    emitter.emit(EventType.RUN_FAILED)
    assert got == []


@pytest.mark.parametrize("verb", ["unsubscribe", "off"])
def test_after_unsubscribing_nothing_comes(
    emitter: EventEmitter, got: list[Event], verb: str
) -> None:
    emitter.on(EventType.RUN_STARTED, got.append)
    assert getattr(emitter, verb)("run.started", got.append)
    emitter.emit(EventType.RUN_STARTED)
    assert got == []
    assert not emitter.off("run.started", got.append)


def test_unsubscribing_ends_one_of_two_subscriptions(
    emitter: EventEmitter, got: list[Event]
) -> None:
    emitter.on("*", got.append)
    emitter.on("*", got.append)
    emitter.off("*", got.append)
    emitter.emit(EventType.RUN_STARTED)
    assert len(got) == 1


def test_a_failing_listener_is_logged_and_disturbs_nobody(
    emitter: EventEmitter, got: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError("no network")

    emitter.on("*", broken)
    emitter.on("*", got.append)
    with caplog.at_level(logging.ERROR, "tauro.events"):
        emitter.emit(EventType.RUN_STARTED)
    assert len(got) == 1
    assert "broken" in caplog.text
    assert "no network" in caplog.text


def test_the_end_of_the_program_is_not_swallowed(emitter: EventEmitter) -> None:
    def leave(event: Event) -> None:
        raise SystemExit(3)

    emitter.on("*", leave)
    with pytest.raises(SystemExit):
        emitter.emit(EventType.RUN_STARTED)


def test_points_go_only_to_who_names_them(emitter: EventEmitter, got: list[Event]) -> None:
    emitter.on("*", got.append)
    emitter.emit(EventType.METRIC_LOGGED, {"value": 1.0})
    assert got == []
    assert emitter.get_history() == []
    assert not emitter.has_listeners(EventType.METRIC_LOGGED)
    emitter.on("METRIC_LOGGED", got.append)
    emitter.emit(EventType.METRIC_LOGGED, {"value": 1.0})
    assert len(got) == 1
    assert emitter.has_listeners(EventType.METRIC_LOGGED)


def test_the_history_is_bounded_and_filtered() -> None:
    emitter = EventEmitter(history_size=3)
    for number in range(4):
        emitter.emit(EventType.RUN_STARTED, {"n": number})
    emitter.emit(EventType.RUN_FAILED)
    assert [event.data.get("n") for event in emitter.get_history()] == [2, 3, None]
    assert [event.data["n"] for event in emitter.get_history("run.started", limit=1)] == [3]
    assert len(emitter.get_history("*")) == 3
    assert emitter.get_history(limit=0) == []
    emitter.clear_history()
    assert emitter.get_history() == []


def test_a_negative_history_is_refused() -> None:
    with pytest.raises(ValidationError, match="history_size is -1"):
        EventEmitter(history_size=-1)


def test_an_event_is_dated_by_the_clock(emitter: EventEmitter) -> None:
    _clock.set_source(lambda: 1_700_000_000_123_456_789)
    try:
        event = emitter.emit("shop.sold", {"price": 2})
    finally:
        _clock.set_source(None)
    assert event.to_dict() == {
        "event_type": "shop.sold",
        "data": {"price": 2},
        "timestamp": "2023-11-14T22:13:20.123456+00:00",
        "sequence": 1,
        "source": "",
    }
    assert event.timestamp.isoformat() == "2023-11-14T22:13:20.123456+00:00"


def test_the_emitters_mapping_is_its_own(emitter: EventEmitter) -> None:
    data = {"name": "m"}
    event = emitter.emit("shop.sold", data)
    data["name"] = "changed"
    assert event.data == {"name": "m"}


def test_what_cannot_listen_is_refused(emitter: EventEmitter) -> None:
    async def later(event: Event) -> None: ...

    wrong: Any = "print"
    with pytest.raises(ValidationError, match="callable"):
        emitter.on("*", wrong)
    with pytest.raises(ValidationError, match="asynchronous=True"):
        emitter.on("*", later)


def test_an_asynchronous_listener_does_not_hold_up_the_emitter(emitter: EventEmitter) -> None:
    gate = threading.Event()
    names: list[str] = []
    order: list[int] = []

    def slow(event: Event) -> None:
        gate.wait(240)
        names.append(threading.current_thread().name)
        order.append(event.sequence)

    emitter.on("*", slow, asynchronous=True)
    for _ in range(50):
        emitter.emit(EventType.RUN_STARTED)
    assert order == []
    gate.set()
    assert emitter.drain(240)
    assert order == list(range(1, 51))
    assert set(names) == {"tauro-events"}


def test_a_coroutine_function_may_listen_asynchronously(emitter: EventEmitter) -> None:
    seen = []

    async def listener(event: Event) -> None:
        await asyncio.sleep(0)
        seen.append(event.sequence)

    emitter.on("*", listener, asynchronous=True)
    emitter.emit(EventType.RUN_STARTED)
    assert emitter.drain(240)
    assert seen == [1]


def test_draining_gives_up_in_time_and_says_so(emitter: EventEmitter) -> None:
    gate = threading.Event()
    emitter.on("*", lambda event: gate.wait(240), asynchronous=True)
    emitter.emit(EventType.RUN_STARTED)
    assert not emitter.drain(0.01)
    gate.set()
    assert emitter.drain(240)


def test_what_was_queued_when_a_listener_left_is_still_delivered(emitter: EventEmitter) -> None:
    seen: list[int] = []
    gate, done = threading.Event(), threading.Event()

    def listener(event: Event) -> None:
        gate.wait(240)
        seen.append(event.sequence)
        if event.sequence == 2:
            done.set()

    emitter.on("*", listener, asynchronous=True)
    emitter.emit(EventType.RUN_STARTED)
    emitter.emit(EventType.RUN_STARTED)
    emitter.off("*", listener)
    emitter.emit(EventType.RUN_STARTED)
    gate.set()
    assert done.wait(240)
    assert seen == [1, 2]


def test_threads_subscribe_and_emit_at_once(emitter: EventEmitter) -> None:
    counts = [0] * 8
    start = threading.Barrier(8)

    def work(index: int) -> None:
        def listener(event: Event) -> None:
            if event.data["by"] == index:
                counts[index] += 1

        start.wait()
        emitter.on("*", listener)
        for _ in range(100):
            emitter.emit("shop.sold", {"by": index})
        emitter.off("*", listener)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [100] * 8
    sequences = [event.sequence for event in emitter.get_history()]
    assert sorted(sequences) == list(range(1, 801))
    assert not emitter.has_listeners("shop.sold")


def _emit_in_child(emitter: EventEmitter, answer: Any) -> None:
    seen = []
    emitter.on("run.failed", lambda event: seen.append(event.data["n"]), asynchronous=True)
    emitter.emit("run.failed", {"n": 7})
    answer.send((emitter.drain(240), seen))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_subscribes_and_gets_its_own_events(emitter: EventEmitter) -> None:
    """Also when the parent's locks were held at the moment of the fork."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    emitter.on("*", lambda event: None, asynchronous=True)
    emitter.emit("run.started")
    with emitter._lock:
        child = context.Process(target=_emit_in_child, args=(emitter, send))
        child.start()
    assert receive.poll(240)
    assert receive.recv() == (True, [7])
    child.join(240)
    assert child.exitcode == 0


def test_an_asynchronous_listener_that_leaves_its_thread_gets_the_next_event(
    emitter: EventEmitter, got: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """What ends a program in its main thread would only end the listener's, and silently."""

    def leave(event: Event) -> None:
        got.append(event)
        raise SystemExit(3)

    async def cancelled(event: Event) -> None:
        got.append(event)
        raise asyncio.CancelledError

    for listener in (leave, cancelled):
        emitter.on(EventType.RUN_STARTED, listener, asynchronous=True)
    with caplog.at_level(logging.ERROR, "tauro.events"):
        for _ in range(3):
            emitter.emit(EventType.RUN_STARTED)
        assert emitter.drain(240)
    assert len(got) == 6
    assert "SystemExit" in caplog.text
    assert "CancelledError" in caplog.text


def test_a_listener_may_emit_subscribe_and_leave_while_it_is_called(
    emitter: EventEmitter, got: list[Event]
) -> None:
    def once(event: Event) -> None:
        emitter.off(EventType.RUN_STARTED, once)
        emitter.on(EventType.RUN_STARTED, got.append)
        emitter.emit(EventType.RUN_COMPLETED)

    emitter.on(EventType.RUN_STARTED, once)
    emitter.on(EventType.RUN_COMPLETED, got.append)
    emitter.emit(EventType.RUN_STARTED)
    assert [event.event_type for event in got] == [EventType.RUN_COMPLETED]
    emitter.emit(EventType.RUN_STARTED)
    assert [event.event_type for event in got[1:]] == [EventType.RUN_STARTED]


def test_a_listener_that_emits_what_it_hears_ends_and_breaks_nothing(
    emitter: EventEmitter, got: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    def echo(event: Event) -> None:
        emitter.emit(EventType.RUN_STARTED)

    emitter.on(EventType.RUN_STARTED, echo)
    with caplog.at_level(logging.CRITICAL):
        emitter.emit(EventType.RUN_STARTED)
    emitter.off(EventType.RUN_STARTED, echo)
    emitter.on(EventType.RUN_STARTED, got.append)
    emitter.emit(EventType.RUN_STARTED)
    assert len(got) == 1


def test_the_history_is_read_while_others_emit(emitter: EventEmitter) -> None:
    """A bounded history loses its oldest while it is copied."""
    small = EventEmitter(history_size=50)
    stop = threading.Event()

    def emit() -> None:
        while not stop.is_set():
            small.emit(EventType.RUN_STARTED)

    threads = [threading.Thread(target=emit) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            history = small.get_history()
            assert len(history) <= 50
            assert len({event.sequence for event in history}) == len(history)
    finally:
        stop.set()
    for thread in threads:
        thread.join(240)


def test_a_negative_limit_is_refused(emitter: EventEmitter) -> None:
    with pytest.raises(ValidationError, match="limit is -1"):
        emitter.get_history(limit=-1)


def test_a_listener_that_falls_behind_loses_the_newest_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inside, go_on = threading.Event(), threading.Event()
    got: list[int] = []

    def slow(event: Event) -> None:
        inside.set()
        assert go_on.wait(240)
        got.append(event.sequence)

    box = Mailbox(slow, capacity=3)
    with caplog.at_level(logging.WARNING, "tauro.events"):
        for number in range(8):
            box.put(Event(EventType.RUN_STARTED, {}, 0, number))
            assert inside.wait(240)
    assert box.dropped == 5
    assert caplog.text.count("events behind") == 1
    go_on.set()
    assert box.drain(240)
    assert got == [0, 1, 2]
    box.put(Event(EventType.RUN_STARTED, {}, 0, 9))
    assert box.drain(240)
    assert got == [0, 1, 2, 9]
    box.close()


def test_what_was_emitted_last_is_delivered_before_the_program_ends() -> None:
    code = (
        "import threading\n"
        "from tauro.events import EventEmitter\n"
        "emitter = EventEmitter()\n"
        "def listen(event):\n"
        "    threading.Event().wait(0.05)\n"
        "    print(event.data['n'], flush=True)\n"
        "emitter.on('run.started', listen, asynchronous=True)\n"
        "for n in range(3): emitter.emit('run.started', {'n': n})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240
    )
    assert done.stdout.split() == ["0", "1", "2"]
