"""Everything that looks on while an operation runs, in one bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tauro.errors import ValidationError
from tauro.events._audit import AuditLogger
from tauro.events._emitter import EventEmitter
from tauro.events._hooks import HooksManager
from tauro.events._metrics import MetricsCollector
from tauro.events._operations import Effect, Operation
from tauro.events._watch import Watch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Observers:
    """Emitter, hooks, metrics and audit log of a process or of one context.

    ``dataclasses.replace(get_observers(), audit=...)`` makes a bundle that differs in one part.
    """

    emitter: EventEmitter = field(default_factory=EventEmitter)
    hooks: HooksManager = field(default_factory=HooksManager)
    metrics: MetricsCollector = field(default_factory=MetricsCollector)
    audit: AuditLogger = field(default_factory=AuditLogger)

    def perform(
        self,
        operation: Operation,
        data: dict[str, Any],
        action: Callable[[dict[str, Any]], T],
        describe: Callable[[T], Mapping[str, Any] | None] | None = None,
    ) -> T:
        """Run an operation as all of Tauro's verbs run.

        In this order: the PRE hooks, which may replace ``data`` (but not what it is done to) or
        stop everything by raising; the action, with the data as they left it; the counters; the
        audit record; the POST hooks; the event. After a failed action there are only its failure's
        counter and event, and the audit record; the action's own exception reaches the caller.

        Args:
            operation: What is done.
            data: What it is done with; hooks see and may change it.
            action: Does it.
            describe: Makes the payload of POST hooks, event and audit record from the result; the
                data where left out. It returns None where, after all, nothing was done (what was
                to be made was there): then nothing is told.

        Raises:
            Exception: What a PRE hook or the action raised.
            ValidationError: A PRE hook changed what the operation is done to.
        """
        spec = operation.spec
        if self.hooks.active(operation.pre):
            data = self._ask_hooks(operation, data)
        if spec.started is not None:
            self.emitter.emit(spec.started, data, source=operation.component)
        try:
            result = action(data)
        except BaseException as error:
            self._tell_failure(operation, data, error)
            raise
        payload = data if describe is None else describe(result)
        if payload is not None:
            self._tell_success(operation, dict(payload))
        return result

    def watch(self, operation: Operation) -> Watch:
        """Return a flag that says whether a hook or a listener that names the event is there.

        A hot path keeps the watch, reads ``watch.active``, and calls :meth:`perform` only if set.
        """

        def look() -> bool:
            event = operation.spec.success.event
            return (
                self.hooks.active(operation.pre)
                or self.hooks.active(operation.post)
                or (event is not None and self.emitter.has_listeners(event))
            )

        watch = Watch(look)
        self.hooks.watched.add(watch)
        self.emitter.watched.add(watch)
        return watch

    def _ask_hooks(self, operation: Operation, data: dict[str, Any]) -> dict[str, Any]:
        takes = operation.takes
        fixed = {} if takes is None else {key: data[key] for key in data.keys() - takes}
        try:
            asked = self.hooks.run(operation.pre, data)
            _check_fixed(operation, fixed, asked)
            return asked
        except BaseException as error:
            if operation.spec.audited:
                self.audit.log_operation(operation, data, outcome="refused", error=error)
            raise

    def _tell_failure(
        self, operation: Operation, data: dict[str, Any], error: BaseException
    ) -> None:
        self._count(operation.spec.failure)
        if operation.spec.audited:
            self.audit.log_operation(operation, data, outcome="failure", error=error)
        event = operation.spec.failure.event
        if event is not None:
            told = {**data, "error": f"{type(error).__name__}: {error}"}
            self.emitter.emit(event, told, source=operation.component)

    def _tell_success(self, operation: Operation, payload: dict[str, Any]) -> None:
        spec = operation.spec
        effect = spec.success
        if spec.by_status:
            effect = spec.by_status.get(str(payload.get("status", "")), effect)
        self._count(effect)
        if spec.audited:
            self.audit.log_operation(operation, payload)
        if self.hooks.active(operation.post):
            payload = self.hooks.run(operation.post, payload)
        if effect.event is not None:
            self.emitter.emit(effect.event, payload, source=operation.component)

    def _count(self, effect: Effect) -> None:
        if effect.counter:
            self.metrics.add_system(effect.counter)
        if effect.active:
            self.metrics.add_system(effect.active, effect.change)


def _check_fixed(operation: Operation, fixed: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    changed = [key for key, value in fixed.items() if data[key] is not value and data[key] != value]
    if changed:
        takes = sorted(operation.takes or ())
        raise ValidationError(
            f"A {operation.pre.name} hook changed {', '.join(sorted(changed))}, which says what "
            "the operation is done to; nothing was written.",
            suggestions=[
                f"It may replace {', '.join(takes)}." if takes else "It may only look, or raise."
            ],
        )
