"""What components of one's own can be built on."""

from __future__ import annotations

import enum
import threading
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from tauro.errors import MLOpsError, ValidationError
from tauro.events import Observers, get_observers
from tauro.storage import StorageBackend, get_active_storage
from tauro.types import JsonValue
from tauro.validation import (
    validate_metric_key,
    validate_metric_value,
    validate_parameter,
    validate_tag,
)


class ComponentState(enum.StrEnum):
    """Where a component is in its life."""

    CREATED = "created"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    """Starting or stopping raised; it may be started again."""


class BaseMLOpsComponent:
    """A component that is started and stopped, and has a store and observers.

    Write :meth:`on_start` and :meth:`on_stop`; use it in a ``with`` block, or call :meth:`start`
    and :meth:`stop`. Any thread may; the two hooks never run at the same time. It answers a
    ``ComponentHealthCheck``.

    Args:
        name: What it is called in messages; by default its class.
        storage: Its store; by default the active one.
        observers: Its events, hooks, metrics and audit log; by default the process's.
    """

    def __init__(
        self,
        name: str = "",
        *,
        storage: StorageBackend | None = None,
        observers: Observers | None = None,
    ) -> None:
        self.name = name or type(self).__name__
        self.observers = observers or get_observers()
        self._storage = storage
        self._state = ComponentState.CREATED
        self._error: BaseException | None = None
        self._life = threading.RLock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self._state})"

    @property
    def storage(self) -> StorageBackend:
        """The component's store."""
        if self._storage is None:
            self._storage = get_active_storage()
        return self._storage

    @property
    def state(self) -> ComponentState:
        """Where it is in its life."""
        return self._state

    def on_start(self) -> None:
        """Open what the component needs; called by :meth:`start`."""

    def on_stop(self) -> None:
        """Let go of it; called by :meth:`stop`."""

    def start(self) -> Self:
        """Start it, if it does not run; return it.

        Raises:
            Exception: What :meth:`on_start` raised; the state is then FAILED.
        """
        with self._life:
            if self._state is not ComponentState.RUNNING:
                self._change(ComponentState.RUNNING)
        return self

    def stop(self) -> None:
        """Stop it, if it runs.

        Raises:
            Exception: What :meth:`on_stop` raised; the state is then FAILED.
        """
        with self._life:
            if self._state is ComponentState.RUNNING:
                self._change(ComponentState.STOPPED)

    def require_running(self) -> None:
        """Return if it runs.

        Raises:
            MLOpsError: It does not.
        """
        if self._state is not ComponentState.RUNNING:
            raise MLOpsError(
                f"{self.name} is {self._state}, not running.",
                context={"component": self.name, "state": self._state.value},
                suggestions=["Use it in a 'with' block, or call start() first."],
            ) from self._error

    def health_check(self) -> dict[str, Any]:
        """Return how it is: healthy when it runs, unhealthy when it failed, else unknown."""
        status = {ComponentState.RUNNING: "healthy", ComponentState.FAILED: "unhealthy"}
        why = f": {self._error!r}" if self._error is not None else ""
        return {
            "status": status.get(self._state, "unknown"),
            "message": f"{self.name} is {self._state}{why}.",
        }

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _change(self, state: ComponentState) -> None:
        try:
            self.on_start() if state is ComponentState.RUNNING else self.on_stop()
        except BaseException as error:
            self._state, self._error = ComponentState.FAILED, error
            raise
        self._state, self._error = state, None


class ValidationMixin:
    """Checks of what users hand to a component, raising its own class of error."""

    validation_error: ClassVar[type[ValidationError]] = ValidationError
    """The class to raise."""

    def require(self, **arguments: Any) -> None:
        """Return if every argument was given.

        Raises:
            ValidationError: One is None, empty text, or an Ellipsis; as ``validation_error``.
        """
        missing = [
            name
            for name, value in arguments.items()
            if value is None or value is ... or (isinstance(value, str) and not value)
        ]
        if missing:
            raise self.validation_error(
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} needed and missing.",
                suggestions=[f"Give {missing[0]}=…."],
            )

    def check_metrics(self, metrics: Mapping[Any, Any]) -> dict[str, float]:
        """Return metrics with text keys and float values.

        Raises:
            ValidationError: A key or a value is not acceptable; as ``validation_error``.
        """
        error = self.validation_error
        return {
            validate_metric_key(key, error=error): validate_metric_value(
                value, key=str(key), error=error
            )
            for key, value in self._mapping("metrics", metrics).items()
        }

    def check_parameters(self, parameters: Mapping[Any, Any]) -> dict[str, JsonValue]:
        """Return parameters as JSON.

        Raises:
            ValidationError: A key or a value is not acceptable; as ``validation_error``.
        """
        given = self._mapping("parameters", parameters)
        error = self.validation_error
        return dict(validate_parameter(key, value, error=error) for key, value in given.items())

    def check_tags(self, tags: Mapping[Any, Any]) -> dict[str, str]:
        """Return tags as texts.

        Raises:
            ValidationError: A key or a value is not acceptable; as ``validation_error``.
        """
        given = self._mapping("tags", tags)
        error = self.validation_error
        return dict(validate_tag(key, value, error=error) for key, value in given.items())

    def _mapping(self, what: str, given: object) -> Mapping[Any, Any]:
        if isinstance(given, Mapping):
            return given
        raise self.validation_error(
            f"{what} must be a mapping; got {type(given).__name__} {given!r}.",
            suggestions=[f'For example {what}={{"name": value}}.'],
        )
