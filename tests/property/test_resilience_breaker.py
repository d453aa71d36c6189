"""The circuit breaker against a model of it, whatever happens in whatever order."""

from __future__ import annotations

import contextlib
from typing import NoReturn

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tauro.errors import CircuitOpenError
from tauro.resilience import CircuitBreaker, CircuitState, set_clock
from tauro.testing import FakeClock


def _fail() -> NoReturn:
    raise ConnectionError


class BreakerMachine(RuleBasedStateMachine):
    """The model: failures in a row, successes since half open, and when it opened."""

    @initialize(threshold=st.integers(1, 3), successes=st.integers(1, 2))
    def start(self, threshold: int, successes: int) -> None:
        self.clock = FakeClock()
        set_clock(self.clock)
        self.threshold, self.needed = threshold, successes
        self.breaker = CircuitBreaker(
            failure_threshold=threshold, recovery_timeout=10, success_threshold=successes
        )
        self.state = CircuitState.CLOSED
        self.row = self.succeeded = 0
        self.opened = 0.0

    @rule(seconds=st.sampled_from([1, 5, 9.5, 10]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        if self.state is CircuitState.OPEN and self.clock.monotonic() >= self.opened + 10:
            self.state, self.succeeded = CircuitState.HALF_OPEN, 0

    @rule()
    def succeed(self) -> None:
        answered = False
        with contextlib.suppress(CircuitOpenError):
            answered = self.breaker.call(lambda: True)
        assert answered == (self.state is not CircuitState.OPEN)
        self.row = 0
        if self.state is CircuitState.HALF_OPEN:
            self.succeeded += 1
            if self.succeeded == self.needed:
                self.state = CircuitState.CLOSED

    @rule()
    def fail(self) -> None:
        try:
            self.breaker.call(_fail)
        except CircuitOpenError:
            assert self.state is CircuitState.OPEN
            return
        except ConnectionError:
            assert self.state is not CircuitState.OPEN
        self.row += 1
        if self.state is CircuitState.HALF_OPEN or self.row == self.threshold:
            self.state, self.row = CircuitState.OPEN, 0
            self.opened = self.clock.monotonic()

    @rule()
    def reset(self) -> None:
        self.breaker.reset()
        self.state, self.row = CircuitState.CLOSED, 0

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "breaker"):
            assert self.breaker.state is self.state

    def teardown(self) -> None:
        set_clock(None)


TestBreaker = BreakerMachine.TestCase
