"""Trying again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tauro.errors import CircuitOpenError, LockTimeoutError, ValidationError
from tauro.resilience import RetryConfig, with_retry
from tauro.testing import FakeClock, fake_clock
from tauro.testing._threads import at_once


@pytest.fixture(autouse=True)
def clock() -> Iterator[FakeClock]:
    with fake_clock() as clock:
        yield clock


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, failures: int, error: BaseException | None = None) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error or ConnectionError("reset by peer")

    def __call__(self, value: int = 3, *, factor: int = 1) -> int:
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error
        return value * factor


def test_a_function_is_called_until_it_answers(clock: FakeClock) -> None:
    flaky = Flaky(2)
    config = RetryConfig(max_attempts=5, initial_delay=1, jitter=False)
    assert with_retry(config)(flaky)(4, factor=2) == 8
    assert flaky.calls == 3
    assert clock.slept == [1, 2]


def test_it_decorates_with_and_without_parentheses() -> None:
    @with_retry
    def plain() -> str:
        """Say so."""
        return "plain"

    @with_retry()
    def called() -> str:
        return "called"

    @with_retry(RetryConfig(max_attempts=1))
    def configured() -> str:
        return "configured"

    assert [plain(), called(), configured()] == ["plain", "called", "configured"]
    assert plain.__name__ == "plain"
    assert plain.__doc__ == "Say so."


def test_the_last_error_reaches_the_caller_with_a_note(clock: FakeClock) -> None:
    error = ConnectionError("reset by peer")
    flaky = Flaky(99, error)
    config = RetryConfig(max_attempts=3, initial_delay=1, jitter=False)
    with pytest.raises(ConnectionError) as caught:
        with_retry(config)(flaky)()
    assert caught.value is error
    assert flaky.calls == 3
    assert caught.value.__notes__ == ["Gave up after attempt 3 and 3 s: that is all."]


@pytest.mark.parametrize(
    "error", [ValueError("wrong"), CircuitOpenError("open"), FileNotFoundError("gone")]
)
def test_errors_that_will_not_go_away_are_not_retried(error: Exception, clock: FakeClock) -> None:
    flaky = Flaky(1, error)
    with pytest.raises(type(error)) as caught:
        with_retry(flaky)()
    assert flaky.calls == 1
    assert clock.slept == []
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize(
    "error", [ConnectionResetError(), TimeoutError(), LockTimeoutError("held"), InterruptedError()]
)
def test_errors_of_the_moment_are_retried(error: Exception) -> None:
    flaky = Flaky(1, error)
    assert with_retry(flaky)() == 3


def test_the_errors_may_be_chosen_by_class_or_by_function() -> None:
    by_class = RetryConfig(retry_on=(ValueError,))
    assert with_retry(by_class)(Flaky(1, ValueError()))() == 3
    by_function = RetryConfig(retry_on=lambda error: "busy" in str(error))
    assert with_retry(by_function)(Flaky(1, RuntimeError("busy")))() == 3
    with pytest.raises(RuntimeError, match="broken"):
        with_retry(by_function)(Flaky(1, RuntimeError("broken")))()


def test_stopping_the_program_is_not_retried() -> None:
    flaky = Flaky(1, KeyboardInterrupt())
    everything = RetryConfig(retry_on=lambda error: True)
    with pytest.raises(KeyboardInterrupt):
        with_retry(everything)(flaky)()
    assert flaky.calls == 1


def test_pauses_grow_up_to_the_longest(clock: FakeClock) -> None:
    config = RetryConfig(max_attempts=6, initial_delay=1, multiplier=3, max_delay=10, jitter=False)
    assert list(config.delays()) == [1, 3, 9, 10, 10]
    assert list(RetryConfig(max_attempts=1).delays()) == []


def test_jitter_draws_between_nothing_and_the_pause() -> None:
    config = RetryConfig(max_attempts=2, initial_delay=10)
    drawn = [delay for _ in range(200) for delay in config.delays()]
    assert all(0 <= delay <= 10 for delay in drawn)
    assert min(drawn) < 3
    assert max(drawn) > 7


def test_no_pause_reaches_over_the_deadline(clock: FakeClock) -> None:
    flaky = Flaky(99)
    config = RetryConfig(max_attempts=99, initial_delay=2, multiplier=1, jitter=False, deadline=7)
    with pytest.raises(ConnectionError) as caught:
        with_retry(config)(flaky)()
    assert clock.slept == [2, 2, 2]
    assert "deadline is reached" in caught.value.__notes__[0]


def test_time_spent_in_the_function_counts_towards_the_deadline(clock: FakeClock) -> None:
    calls = []

    def slow() -> None:
        calls.append(1)
        clock.advance(10)
        raise TimeoutError

    config = RetryConfig(max_attempts=99, initial_delay=0, jitter=False, deadline=15)
    with pytest.raises(TimeoutError):
        with_retry(config)(slow)()
    assert len(calls) == 2


def test_each_pause_is_announced() -> None:
    told: list[tuple[int, str, float]] = []
    config = RetryConfig(max_attempts=3, initial_delay=1, jitter=False)
    with_retry(
        config, on_retry=lambda attempt, error, delay: told.append((attempt, str(error), delay))
    )(Flaky(2))()
    assert told == [(1, "reset by peer", 1), (2, "reset by peer", 2)]


def test_every_call_starts_anew() -> None:
    config = RetryConfig(max_attempts=2, initial_delay=0)
    function = with_retry(config)(Flaky(1))
    assert function() == 3
    twice = Flaky(3)
    retried = with_retry(config)(twice)
    with pytest.raises(ConnectionError):
        retried()
    assert retried() == 3


def test_what_works_later_than_it_is_called_is_refused() -> None:
    async def later() -> None: ...

    def bit_by_bit() -> Iterator[int]:
        yield 1

    async def bit_by_bit_later() -> AsyncIterator[int]:
        yield 1

    class Later:
        async def __call__(self) -> None: ...

    for function in (later, bit_by_bit, bit_by_bit_later, Later(), partial(later)):
        with pytest.raises(ValidationError, match="plain function"):
            with_retry(RetryConfig())(function)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_attempts", 0),
        ("max_attempts", 2.5),
        ("initial_delay", float("inf")),
        ("max_delay", float("inf")),
        ("retry_on", "ConnectionError"),
        ("retry_on", (ConnectionError, "TimeoutError")),
        ("retry_on", int),
        ("initial_delay", -1),
        ("max_delay", -0.1),
        ("deadline", -1),
        ("deadline", float("nan")),
        ("multiplier", 0.5),
    ],
)
def test_absurd_settings_are_refused(option: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"{option} is"):
        RetryConfig(**{option: value})


def test_a_class_alone_names_the_errors_and_is_not_called_to_tell() -> None:
    """A class can be called, and every error it makes is true."""
    config = RetryConfig(retry_on=ValueError, max_attempts=3)
    for error, calls in ((ValueError("again"), 3), (KeyError("not again"), 1)):
        flaky = Flaky(9, error)
        with pytest.raises(type(error)):
            with_retry(config)(flaky)()
        assert flaky.calls == calls


def test_pauses_stay_within_their_bounds_however_long_it_goes_on(clock: FakeClock) -> None:
    config = RetryConfig(max_attempts=3000, initial_delay=1e-3, multiplier=1e300, max_delay=2.5)
    with pytest.raises(ConnectionError):
        with_retry(config)(Flaky(3000))()
    assert len(clock.slept) == 2999
    assert all(0 <= pause <= 2.5 for pause in clock.slept)
    assert clock.slept[0] <= 1e-3
    assert len({round(pause, 9) for pause in clock.slept[1:]}) > 2900


@pytest.mark.parametrize("attempts", [1, 2, 7])
def test_with_any_number_of_attempts_the_pauses_are_one_fewer(attempts: int) -> None:
    assert len(list(RetryConfig(max_attempts=attempts).delays())) == attempts - 1


def test_what_announces_a_pause_may_stop_it(clock: FakeClock) -> None:
    def enough(attempt: int, error: Exception, pause: float) -> None:
        raise RuntimeError("shutting down") from error

    with pytest.raises(RuntimeError, match="shutting down"):
        with_retry(RetryConfig(), on_retry=enough)(Flaky(1))()
    assert clock.slept == []


def test_threads_that_share_a_config_do_not_share_their_attempts(clock: FakeClock) -> None:
    def run(flaky: Flaky) -> Callable[[], None]:
        def call() -> None:
            assert with_retry(config)(flaky)() == 3

        return call

    config = RetryConfig(max_attempts=4)
    flaky = [Flaky(3) for _ in range(6)]
    at_once([run(one) for one in flaky])
    assert [one.calls for one in flaky] == [4] * 6


def test_a_first_pause_over_the_longest_is_cut_too(clock: FakeClock) -> None:
    config = RetryConfig(max_attempts=3, initial_delay=9, max_delay=2, jitter=False)
    with pytest.raises(ConnectionError):
        with_retry(config)(Flaky(3))()
    assert clock.slept == [2, 2]
