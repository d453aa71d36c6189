"""The process-wide bundle."""

from __future__ import annotations

from tauro.events._audit import AuditLogger
from tauro.events._emitter import EventEmitter
from tauro.events._hooks import HooksManager
from tauro.events._metrics import MetricsCollector
from tauro.events._observers import Observers

_observers = Observers()


def get_observers() -> Observers:
    """Return the process-wide bundle."""
    return _observers


def set_observers(observers: Observers) -> Observers:
    """Replace the process-wide bundle; return the one before.

    Components keep the bundle they were made with; those made from now on get the new one.
    """
    global _observers
    before, _observers = _observers, observers
    return before


def get_event_emitter() -> EventEmitter:
    """Return the process-wide emitter."""
    return _observers.emitter


def get_hooks_manager() -> HooksManager:
    """Return the process-wide hooks."""
    return _observers.hooks


def get_metrics_collector() -> MetricsCollector:
    """Return the process-wide metrics."""
    return _observers.metrics


def get_audit_logger() -> AuditLogger:
    """Return the process-wide audit log."""
    return _observers.audit
