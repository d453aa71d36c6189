"""Living with failures of others: trying again, and not calling what is known to fail."""

from tauro.resilience._breaker import CircuitBreaker, CircuitState
from tauro.resilience._retry import RetryConfig, with_retry
from tauro.resilience._time import Clock, set_clock

__all__ = ["CircuitBreaker", "CircuitState", "Clock", "RetryConfig", "set_clock", "with_retry"]
