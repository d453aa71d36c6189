"""Not calling what is known to fail."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import pytest

from tauro.errors import CircuitOpenError, ValidationError
from tauro.resilience import CircuitBreaker, CircuitState
from tauro.testing import FakeClock, fake_clock

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN


@pytest.fixture(autouse=True)
def clock() -> Iterator[FakeClock]:
    with fake_clock() as clock:
        yield clock


@pytest.fixture
def breaker() -> CircuitBreaker:
    return CircuitBreaker("warehouse", failure_threshold=3, recovery_timeout=10)


def _fail() -> NoReturn:
    raise ConnectionError("refused")


def _fail_times(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ConnectionError):
            breaker.call(_fail)


def test_it_opens_after_failures_in_a_row(breaker: CircuitBreaker) -> None:
    _fail_times(breaker, 2)
    assert breaker.state is CLOSED
    _fail_times(breaker, 1)
    assert breaker.state is OPEN


def test_a_success_between_starts_the_count_anew(breaker: CircuitBreaker) -> None:
    _fail_times(breaker, 2)
    assert breaker.call(lambda: 3) == 3
    _fail_times(breaker, 2)
    assert breaker.state is CLOSED


def test_open_it_refuses_without_calling_and_says_when_it_tries_again(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    _fail_times(breaker, 3)
    clock.advance(4)
    called: list[int] = []
    with pytest.raises(CircuitOpenError, match=r"'warehouse'.*in 6 s") as caught:
        breaker.call(called.append, 1)
    assert called == []
    assert caught.value.context.details["seconds"] == 6
    assert caught.value.suggestions


def test_after_a_while_one_call_goes_through_and_closes_it(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    _fail_times(breaker, 3)
    clock.advance(10)
    assert breaker.state is HALF_OPEN
    assert breaker.call(lambda: 3) == 3
    assert breaker.state is CLOSED
    _fail_times(breaker, 2)
    assert breaker.state is CLOSED


def test_a_failure_when_half_open_opens_it_for_as_long_again(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    _fail_times(breaker, 3)
    clock.advance(10)
    _fail_times(breaker, 1)
    assert breaker.state is OPEN
    clock.advance(9.9)
    assert breaker.state is OPEN
    clock.advance(0.1)
    assert breaker.state is HALF_OPEN


def test_half_open_it_lets_only_so_many_through_at_a_time(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    _fail_times(breaker, 3)
    clock.advance(10)

    def probe() -> str:
        with pytest.raises(CircuitOpenError, match="trying a call right now"):
            breaker.call(lambda: 1)
        return "answered"

    assert breaker.call(probe) == "answered"
    assert breaker.state is CLOSED


def test_several_successes_may_be_asked_for(clock: FakeClock) -> None:
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=1, success_threshold=2)
    _fail_times(breaker, 1)
    clock.advance(1)
    breaker.call(lambda: 1)
    assert breaker.state is HALF_OPEN
    breaker.call(lambda: 1)
    assert breaker.state is CLOSED


def test_other_errors_pass_and_count_as_answers(clock: FakeClock) -> None:
    breaker = CircuitBreaker(failure_threshold=1, failures=(ConnectionError,), recovery_timeout=1)
    with pytest.raises(ValueError, match="wrong"):
        breaker.call(int, "wrong")
    assert breaker.state is CLOSED
    _fail_times(breaker, 1)
    clock.advance(1)
    with pytest.raises(ValueError, match="wrong"):
        breaker.call(int, "wrong")
    assert breaker.state is CLOSED


def test_stopping_the_program_says_nothing_about_the_other_side(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    def interrupted() -> NoReturn:
        raise KeyboardInterrupt

    _fail_times(breaker, 3)
    clock.advance(10)
    with pytest.raises(KeyboardInterrupt):
        breaker.call(interrupted)
    assert breaker.state is HALF_OPEN
    assert breaker.call(lambda: 3) == 3


def test_a_slow_call_of_before_no_longer_counts(clock: FakeClock) -> None:
    """A call that began when closed fails after the breaker has opened and closed again."""
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=1)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> NoReturn:
        begun.set()
        go_on.wait(240)
        raise ConnectionError

    def work() -> None:
        with pytest.raises(ConnectionError):
            breaker.call(slow)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(240)
    _fail_times(breaker, 1)
    clock.advance(1)
    breaker.call(lambda: 1)
    go_on.set()
    thread.join(240)
    assert breaker.state is CLOSED


def test_it_decorates(breaker: CircuitBreaker) -> None:
    @breaker
    def divide(a: int, *, by: int) -> float:
        """Divide."""
        return a / by

    assert divide(6, by=2) == 3
    assert divide.__name__ == "divide"
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            divide(1, by=0)
    with pytest.raises(CircuitOpenError):
        divide(6, by=2)


def test_reset_closes_it(breaker: CircuitBreaker) -> None:
    _fail_times(breaker, 3)
    breaker.reset()
    assert breaker.call(lambda: 3) == 3


def test_changes_are_announced(clock: FakeClock) -> None:
    told: list[tuple[CircuitState, CircuitState]] = []
    breaker = CircuitBreaker(
        failure_threshold=1,
        recovery_timeout=1,
        on_change=lambda old, new: told.append((old, new)),
    )
    _fail_times(breaker, 1)
    clock.advance(1)
    breaker.call(lambda: 1)
    breaker.reset()
    assert told == [(CLOSED, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, CLOSED)]


def test_threads_open_it_once() -> None:
    told: list[CircuitState] = []
    breaker = CircuitBreaker(
        failure_threshold=40, recovery_timeout=60, on_change=lambda old, new: told.append(new)
    )
    refused: list[int] = []

    def work() -> None:
        for _ in range(50):
            try:
                breaker.call(_fail)
            except CircuitOpenError:
                refused.append(1)
            except ConnectionError:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [OPEN]
    # Calls that were under way when it opened still fail by themselves.
    assert 400 - 40 - 8 <= len(refused) <= 400 - 40


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("failure_threshold", 0),
        ("recovery_timeout", -1),
        ("success_threshold", 0),
        ("half_open_calls", 0),
    ],
)
def test_absurd_settings_are_refused(option: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"{option} is {value}"):
        CircuitBreaker(**{option: value})


@pytest.mark.parametrize("permitted", [1, 3])
def test_of_many_threads_only_so_many_probe_at_a_time(permitted: int, clock: FakeClock) -> None:
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=1, half_open_calls=permitted)
    _fail_times(breaker, 1)
    clock.advance(1)
    inside, refused = threading.Semaphore(0), threading.Semaphore(0)
    go_on = threading.Event()

    def probe() -> int:
        inside.release()
        assert go_on.wait(240)
        return 3

    def work() -> None:
        try:
            breaker.call(probe)
        except CircuitOpenError:
            refused.release()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for _ in range(12 - permitted):
        assert refused.acquire(timeout=240)
    for _ in range(permitted):
        assert inside.acquire(timeout=240)
    assert breaker.state is HALF_OPEN
    assert not inside.acquire(blocking=False)
    go_on.set()
    for thread in threads:
        thread.join(240)
    assert breaker.state is CLOSED


def test_what_on_change_raises_is_logged_and_costs_no_call(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Raised while it becomes half open, it would leave the one probe counted for ever."""

    def broken(old: CircuitState, new: CircuitState) -> None:
        raise RuntimeError("no pager")

    breaker = CircuitBreaker(
        "pager", failure_threshold=1, recovery_timeout=1, success_threshold=2, on_change=broken
    )
    with caplog.at_level(logging.ERROR, "tauro.resilience"):
        _fail_times(breaker, 1)
        clock.advance(1)
        assert [breaker.call(lambda: 3) for _ in range(3)] == [3, 3, 3]
    assert breaker.state is CLOSED
    assert caplog.text.count("on_change of the circuit breaker") == 3


def test_what_works_later_than_it_is_called_is_not_guarded(breaker: CircuitBreaker) -> None:
    async def later() -> None: ...

    def bit_by_bit() -> Iterator[int]:
        yield 1

    for function in (later, bit_by_bit):
        with pytest.raises(ValidationError, match="the call that is guarded"):
            breaker(function)


def _in_child(breaker: CircuitBreaker, answer: Connection) -> None:
    answer.send((str(breaker.state), breaker.call(lambda: 3), str(breaker.state)))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_child_may_probe_although_a_thread_of_its_parent_does(clock: FakeClock) -> None:
    """That thread is not in the child, and its call would count as running there for ever."""
    breaker = CircuitBreaker(failure_threshold=1, recovery_timeout=1)
    _fail_times(breaker, 1)
    clock.advance(1)
    inside, go_on = threading.Event(), threading.Event()

    def probe() -> None:
        inside.set()
        go_on.wait(240)

    thread = threading.Thread(target=breaker.call, args=(probe,))
    thread.start()
    assert inside.wait(240)
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_in_child, args=(breaker, theirs))
    with breaker._lock:  # as if another thread were in the middle of a change
        child.start()
    assert ours.poll(240)
    assert ours.recv() == ("half_open", 3, "closed")
    child.join(240)
    assert breaker.state is HALF_OPEN
    go_on.set()
    thread.join(240)
    assert breaker.state is CLOSED
