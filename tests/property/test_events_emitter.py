"""The emitter and the hooks against models of them, whatever is subscribed in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tauro.events import Event, EventType, HooksManager, HookType, Observers, Operation
from tauro.events._types import ALL_EVENTS

TYPES = ["run.started", "model.registered", "metric.logged", "shop.sold"]
types = st.sampled_from([*TYPES, ALL_EVENTS])
listeners = st.integers(0, 3)
HISTORY = 5


class EmitterMachine(RuleBasedStateMachine):
    """The model: pairs of type and listener in the order they were subscribed."""

    def __init__(self) -> None:
        super().__init__()
        from tauro.events import EventEmitter

        self.emitter = EventEmitter(history_size=HISTORY)
        self.observers = Observers(emitter=self.emitter)
        self.watch = self.observers.watch(Operation.METRIC_LOG)
        self.got: list[tuple[int, int]] = []
        self.callbacks = [self._listener(number) for number in range(4)]
        self.model: list[tuple[str, int]] = []
        self.history: list[str] = []
        self.emitted = 0

    def _listener(self, number: int) -> Callable[[Event], None]:
        def listen(event: Event) -> None:
            self.got.append((number, event.sequence))
            if number == 3:
                raise RuntimeError("always fails")

        return listen

    @rule(kind=types, listener=listeners)
    def subscribe(self, kind: str, listener: int) -> None:
        self.emitter.on(kind, self.callbacks[listener])
        self.model.append((kind, listener))

    @rule(kind=types, listener=listeners)
    def unsubscribe(self, kind: str, listener: int) -> None:
        was_there = (kind, listener) in self.model
        assert self.emitter.off(kind, self.callbacks[listener]) == was_there
        if was_there:
            self.model.remove((kind, listener))

    @rule(kind=st.sampled_from(TYPES))
    def emit(self, kind: str) -> None:
        self.emitted += 1
        point = kind == "metric.logged"
        everywhere = [number for each, number in self.model if each == ALL_EVENTS and not point]
        named = [number for each, number in self.model if each == kind]
        self.got.clear()
        assert self.emitter.emit(kind, {"n": 1}).sequence == self.emitted
        assert self.got == [(number, self.emitted) for number in everywhere + named]
        if not point:
            self.history = [*self.history, kind][-HISTORY:]

    @invariant()
    def remembers_and_answers(self) -> None:
        assert [str(event.event_type) for event in self.emitter.get_history()] == self.history
        kinds = {kind for kind, _ in self.model}
        assert self.emitter.has_listeners(EventType.RUN_STARTED) == bool(
            kinds & {"run.started", ALL_EVENTS}
        )
        assert self.watch.active == ("metric.logged" in kinds)


TestEmitter = EmitterMachine.TestCase


class HooksMachine(RuleBasedStateMachine):
    """The model: hooks with priority and the order of their registration."""

    def __init__(self) -> None:
        super().__init__()
        self.hooks = HooksManager()
        self.model: list[tuple[int, int, Callable[..., Any]]] = []
        self.count = 0

    @rule(priority=st.integers(-2, 2))
    def register(self, priority: int) -> None:
        number = self.count
        self.count += 1

        def hook(data: dict[str, Any]) -> dict[str, Any]:
            return {"ran": [*data["ran"], number]}

        self.hooks.register(HookType.PRE_RUN_START, hook, priority=priority)
        self.model.append((-priority, number, hook))

    @rule(data=st.data())
    def unregister(self, data: st.DataObject) -> None:
        if self.model:
            chosen = data.draw(st.sampled_from(range(len(self.model))))
            hook = self.model.pop(chosen)[2]
            assert self.hooks.unregister(HookType.PRE_RUN_START, hook)
            assert not self.hooks.unregister(HookType.PRE_RUN_START, hook)

    @invariant()
    def runs_by_priority_then_by_age(self) -> None:
        expected = [number for _, number, _ in sorted(self.model, key=lambda one: one[:2])]
        assert self.hooks.run(HookType.PRE_RUN_START, {"ran": []}) == {"ran": expected}
        assert self.hooks.active(HookType.PRE_RUN_START) == bool(self.model)


TestHooks = HooksMachine.TestCase
