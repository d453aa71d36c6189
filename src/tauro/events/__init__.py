"""Events, hooks, metrics and the audit log: everything that looks on while an operation runs."""

from tauro.events._audit import AuditLogger
from tauro.events._audit_models import AuditRecord, acting_as, current_actor
from tauro.events._audit_sinks import AuditDamage, AuditSink, FileAuditSink, MemoryAuditSink
from tauro.events._defaults import (
    get_audit_logger,
    get_event_emitter,
    get_hooks_manager,
    get_metrics_collector,
    get_observers,
    set_observers,
)
from tauro.events._emitter import EventEmitter
from tauro.events._hooks import HooksManager
from tauro.events._metrics import MetricsCollector
from tauro.events._observers import Observers
from tauro.events._operations import Operation
from tauro.events._types import Event, EventType, HookType
from tauro.events._watch import Watch

__all__ = [
    "AuditDamage",
    "AuditLogger",
    "AuditRecord",
    "AuditSink",
    "Event",
    "EventEmitter",
    "EventType",
    "FileAuditSink",
    "HookType",
    "HooksManager",
    "MemoryAuditSink",
    "MetricsCollector",
    "Observers",
    "Operation",
    "Watch",
    "acting_as",
    "current_actor",
    "get_audit_logger",
    "get_event_emitter",
    "get_hooks_manager",
    "get_metrics_collector",
    "get_observers",
    "set_observers",
]
