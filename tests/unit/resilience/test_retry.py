"""Trying again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tauro.errors import CircuitOpenError, LockTimeoutError, ValidationError
from tauro.resilience import RetryConfig, with_retry
from tauro.testing import FakeClock, fake_clock


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

    for function in (later, bit_by_bit):
        with pytest.raises(ValidationError, match="plain function"):
            with_retry(RetryConfig())(function)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_attempts", 0),
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
