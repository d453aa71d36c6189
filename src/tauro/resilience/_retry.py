"""Trying again."""

from __future__ import annotations

import functools
import logging
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, overload

from tauro.errors import ValidationError
from tauro.resilience import _time
from tauro.resilience._functions import refuse_deferred

_log = logging.getLogger("tauro.resilience")
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryConfig:
    """When and how often to try again.

    The pause before attempt n+1 is ``initial_delay * multiplier**(n-1)``, at most ``max_delay``.

    Attributes:
        max_attempts: Calls in all, the first included.
        initial_delay: Seconds before the second attempt.
        multiplier: By how much each pause is longer than the one before.
        max_delay: The longest pause in seconds.
        jitter: Draw each pause evenly between 0 and its length, so that those who failed together
            do not come back together.
        deadline: Seconds from the first call on, after which no attempt begins and no pause lasts.
        retry_on: Errors worth another attempt: a class or a tuple of them, or a function that
            tells. By default those of connections and time-outs.
    """

    max_attempts: int = 3
    initial_delay: float = 0.1
    multiplier: float = 2.0
    max_delay: float = 30.0
    jitter: bool = True
    deadline: float | None = None
    retry_on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] = (
        ConnectionError,
        TimeoutError,
        InterruptedError,
    )

    def __post_init__(self) -> None:
        attempts: object = self.max_attempts
        if not isinstance(attempts, int) or attempts < 1:
            raise ValidationError(
                f"max_attempts is {attempts!r}; a whole number from 1 on is needed.",
                suggestions=["1 means: do not retry."],
            )
        for name in ("initial_delay", "max_delay", "deadline"):
            value = getattr(self, name)
            if value is not None and not (value >= 0 and math.isfinite(value)):
                raise ValidationError(
                    f"{name} is {value}; seconds from 0 are expected.",
                    suggestions=[f"For example {name}=1.5."],
                )
        if not self.multiplier >= 1:
            raise ValidationError(
                f"multiplier is {self.multiplier}; from 1 is expected, or pauses would shrink.",
                suggestions=["1 keeps pauses alike, 2 doubles them."],
            )
        predicate = callable(self.retry_on) and not isinstance(self.retry_on, type)
        if not predicate and not _are_errors(self.retry_on):
            raise ValidationError(
                f"retry_on is {self.retry_on!r}; classes of errors or a function are expected.",
                suggestions=["For example retry_on=(ConnectionError, TimeoutError)."],
            )

    def is_worth_retrying(self, error: Exception) -> bool:
        """Tell whether another attempt may help."""
        if isinstance(self.retry_on, type | tuple):
            return isinstance(error, self.retry_on)
        return self.retry_on(error)

    def delays(self) -> Iterator[float]:
        """Yield the pause after each attempt but the last."""
        delay = self.initial_delay
        for _ in range(self.max_attempts - 1):
            longest = min(delay, self.max_delay)
            yield random.uniform(0, longest) if self.jitter else longest  # noqa: S311 - no secret
            delay = min(delay * self.multiplier, self.max_delay)


def _are_errors(given: object) -> bool:
    classes = given if isinstance(given, tuple) else (given,)
    return all(isinstance(one, type) and issubclass(one, BaseException) for one in classes)


OnRetry = Callable[[int, Exception, float], Any]
"""Called before a pause with the number of the failed attempt, its error and the pause."""


@overload
def with_retry(config: Callable[P, R]) -> Callable[P, R]: ...
@overload
def with_retry(
    config: RetryConfig | None = None, *, on_retry: OnRetry | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def with_retry(config: Any = None, *, on_retry: OnRetry | None = None) -> Any:
    """Have a function tried again where its error is worth it.

    As ``@with_retry``, ``@with_retry(RetryConfig(...))``, or ``with_retry(config)(function)``.
    The error of the last attempt reaches the caller as it is, with a note about the attempts.

    Args:
        config: When to try again; the function itself where the decorator has no parentheses.
        on_retry: Called before each pause.

    Raises:
        ValidationError: The function is a coroutine or generator function, whose errors come
            later than its call.
    """
    if callable(config):
        return _retried(config, RetryConfig(), on_retry)
    chosen = config if config is not None else RetryConfig()
    return lambda function: _retried(function, chosen, on_retry)


def _retried(
    function: Callable[P, R], config: RetryConfig, on_retry: OnRetry | None
) -> Callable[P, R]:
    refuse_deferred(function, "retried")

    @functools.wraps(function)
    def retried(*args: P.args, **kwargs: P.kwargs) -> R:
        start = _time.monotonic()
        delays = config.delays()
        attempt = 1
        while True:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # which of them are worth it is the user's to say
                if not config.is_worth_retrying(error):
                    raise
                delay = next(delays, None)
                waited = _time.monotonic() - start
                late = config.deadline is not None and waited + (delay or 0) >= config.deadline
                if delay is None or late:
                    why = "the deadline is reached" if delay is not None else "that is all"
                    error.add_note(f"Gave up after attempt {attempt} and {waited:.3g} s: {why}.")
                    raise
                _log.info("Attempt %d failed (%r); again in %.3g s.", attempt, error, delay)
                if on_retry is not None:
                    on_retry(attempt, error, delay)
                _time.sleep(delay)
                attempt += 1

    return retried
