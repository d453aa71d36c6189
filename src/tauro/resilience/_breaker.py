"""Not calling what is known to fail."""

from __future__ import annotations

import enum
import functools
import logging
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tauro._internal._fork import tell_after_fork
from tauro.errors import CircuitOpenError, ValidationError
from tauro.resilience import _time
from tauro.resilience._functions import refuse_deferred

_log = logging.getLogger("tauro.resilience")
P = ParamSpec("P")
R = TypeVar("R")


class CircuitState(enum.StrEnum):
    """What a circuit breaker does with calls."""

    CLOSED = "closed"
    """Lets them through."""
    OPEN = "open"
    """Refuses them at once."""
    HALF_OPEN = "half_open"
    """Lets a few through, to see whether the other side is back."""


class CircuitBreaker:
    """Refuses calls to what failed several times in a row, and tries again after a while.

    Closed, it opens after ``failure_threshold`` failures in a row. Open, it refuses every call
    with :class:`~tauro.errors.CircuitOpenError` until ``recovery_timeout`` seconds have passed.
    Then it is half open and lets ``half_open_calls`` calls at a time through; one failure opens it
    again, ``success_threshold`` successes close it. A call that began before the breaker last
    changed its state no longer counts. Any thread may call.

    Use it as decorator, or through :meth:`call`.

    Args:
        name: What is called, for messages.
        failure_threshold: Failures in a row that open it.
        recovery_timeout: Seconds it stays open.
        success_threshold: Successes that close it when half open.
        half_open_calls: Calls at a time that go through when half open.
        failures: Which errors count; others pass through as if the call had succeeded.
        on_change: Called with the old and the new state, outside of the breaker's lock. What it
            raises is logged: it is not the call's error.
    """

    def __init__(
        self,
        name: str = "",
        *,
        failure_threshold: int = 5,
        recovery_timeout: float = 30.0,
        success_threshold: int = 1,
        half_open_calls: int = 1,
        failures: tuple[type[Exception], ...] = (Exception,),
        on_change: Callable[[CircuitState, CircuitState], Any] | None = None,
    ) -> None:
        for option, value, least in (
            ("failure_threshold", failure_threshold, 1),
            ("recovery_timeout", recovery_timeout, 0),
            ("success_threshold", success_threshold, 1),
            ("half_open_calls", half_open_calls, 1),
        ):
            if not value >= least:
                raise ValidationError(
                    f"{option} is {value}; at least {least} is needed.",
                    suggestions=[f"Leave {option} out for its default."],
                )
        self.name = name
        self.failure_threshold = failure_threshold
        self.recovery_timeout = recovery_timeout
        self.success_threshold = success_threshold
        self.half_open_calls = half_open_calls
        self._failures = failures
        self._on_change = on_change
        self._lock = threading.Lock()
        self._state = CircuitState.CLOSED
        self._failed = self._succeeded = self._running = 0
        self._epoch = 0
        self._opened_at = 0.0
        tell_after_fork(self)

    def __repr__(self) -> str:
        return f"CircuitBreaker({self.name!r}, {self.state})"

    @property
    def state(self) -> CircuitState:
        """What it does with a call now."""
        with self._lock:
            if self._state is CircuitState.OPEN and not self._seconds_left():
                return CircuitState.HALF_OPEN
            return self._state

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Guard every call of a function.

        Raises:
            ValidationError: It is a coroutine or generator function, whose errors come later than
                its call.
        """
        refuse_deferred(function, "guarded")

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            return self.call(function, *args, **kwargs)

        return guarded

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function, if the breaker lets calls through.

        Raises:
            CircuitOpenError: It does not; the function was not called.
        """
        epoch = self._enter()
        try:
            result = function(*args, **kwargs)
        except self._failures:
            self._leave(epoch, failed=True)
            raise
        except Exception:  # not one of those that count: the other side answered
            self._leave(epoch, failed=False)
            raise
        except BaseException:
            # The program is being stopped; that says nothing about the other side.
            self._leave(epoch, failed=None)
            raise
        self._leave(epoch, failed=False)
        return result

    def reset(self) -> None:
        """Close it, as if nothing had failed."""
        with self._lock:
            told = self._change(CircuitState.CLOSED)
        self._tell(told)

    def _enter(self) -> int:
        told = None
        with self._lock:
            if self._state is CircuitState.OPEN and not self._seconds_left():
                told = self._change(CircuitState.HALF_OPEN)
            open_now = self._state is CircuitState.OPEN
            full = self._state is CircuitState.HALF_OPEN and self._running >= self.half_open_calls
            if open_now or full:
                raise self._refusal()
            self._running += 1
            epoch = self._epoch
        self._tell(told)
        return epoch

    def _leave(self, epoch: int, *, failed: bool | None) -> None:
        told = None
        with self._lock:
            if epoch != self._epoch:
                return
            self._running -= 1
            if failed:
                self._failed += 1
                half_open = self._state is CircuitState.HALF_OPEN
                if half_open or self._failed >= self.failure_threshold:
                    self._opened_at = _time.monotonic()
                    told = self._change(CircuitState.OPEN)
            elif failed is not None:
                self._failed = 0
                self._succeeded += 1
                enough = self._succeeded >= self.success_threshold
                if self._state is CircuitState.HALF_OPEN and enough:
                    told = self._change(CircuitState.CLOSED)
        self._tell(told)

    def _change(self, state: CircuitState) -> tuple[CircuitState, CircuitState] | None:
        before, self._state = self._state, state
        self._epoch += 1
        self._failed = self._succeeded = self._running = 0
        return (before, state) if before is not state else None

    def _tell(self, told: tuple[CircuitState, CircuitState] | None) -> None:
        if told is None:
            return
        level = logging.WARNING if told[1] is CircuitState.OPEN else logging.INFO
        _log.log(level, "The circuit breaker %r went from %s to %s.", self.name, *told)
        if self._on_change is None:
            return
        try:
            self._on_change(*told)
        except Exception:  # noqa: BLE001 - user code; the breaker must count what it guards
            _log.exception("on_change of the circuit breaker %r failed.", self.name)

    def _seconds_left(self) -> float:
        return max(0.0, self._opened_at + self.recovery_timeout - _time.monotonic())

    def _refusal(self) -> CircuitOpenError:
        left = self._seconds_left() if self._state is CircuitState.OPEN else 0.0
        when = f"tries again in {left:.3g} s" if left else "is trying a call right now"
        return CircuitOpenError(
            f"The circuit breaker {self.name!r} refuses calls after failures in a row; it {when}.",
            context={"breaker": self.name, "state": str(self._state), "seconds": round(left, 3)},
            suggestions=["Wait, or mend what is called; reset() closes the breaker."],
        )

    def _after_fork(self) -> None:
        # Calls that the parent's threads were in do not end here, and none of them counts.
        self._lock = threading.Lock()
        self._epoch += 1
        self._running = 0
