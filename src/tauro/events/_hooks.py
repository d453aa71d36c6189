"""Functions of the user's that run before and after operations."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, overload

from tauro._internal._fork import tell_after_fork
from tauro.errors import ValidationError
from tauro.events._types import HookType, to_hook_type
from tauro.events._watch import Watched

_log = logging.getLogger("tauro.events")
_REPLACES: Final = "A hook returns a mapping that replaces the data, or None to keep it."

HookCallback = Callable[..., Any]
H = TypeVar("H", bound=HookCallback)


@dataclass(frozen=True, slots=True)
class _Hook:
    callback: HookCallback
    priority: int
    takes_type: bool

    @property
    def name(self) -> str:
        function = self.callback
        module = getattr(function, "__module__", "")
        qualified = getattr(function, "__qualname__", "") or repr(function)
        return f"{module}.{qualified}" if module else qualified

    def call(self, hook_type: HookType, data: dict[str, Any]) -> Any:
        return self.callback(hook_type, data) if self.takes_type else self.callback(data)


class HooksManager:
    """Keeps hooks and runs them around operations.

    Hooks of one type run by falling priority, and in the order of their registration within one.
    A mapping that a hook returns replaces the data for the next hook and, before an operation, for
    the operation itself; None keeps it. A PRE hook stops its operation by raising; nothing has been
    written then, and the caller gets the hook's own exception with a note that names the hook. What
    a POST hook raises is logged.
    """

    def __init__(self) -> None:
        # Replaced, never changed, so that running needs no lock.
        self._hooks: dict[HookType, tuple[_Hook, ...]] = {}
        self._lock = threading.Lock()
        self.watched = Watched()
        tell_after_fork(self)

    @overload
    def register(self, hook_type: HookType | str, callback: H, *, priority: int = 0) -> H: ...
    @overload
    def register(
        self, hook_type: HookType | str, callback: None = None, *, priority: int = 0
    ) -> Callable[[H], H]: ...
    def register(
        self,
        hook_type: HookType | str,
        callback: HookCallback | None = None,
        *,
        priority: int = 0,
    ) -> Any:
        """Run ``callback(data)`` or ``callback(hook_type, data)``; without one, decorate it.

        Args:
            hook_type: A member of :class:`HookType`, its value or its name.
            callback: The hook. It gets the type too where it needs two positional arguments.
            priority: Higher runs earlier.

        Raises:
            ValidationError: The type names nothing, or the callback cannot be called like this.
        """
        kind = to_hook_type(hook_type)
        if callback is None:
            return lambda function: self._add(kind, function, priority)
        return self._add(kind, callback, priority)

    def _add(self, kind: HookType, callback: H, priority: int) -> H:
        hook = _Hook(callback, priority, _takes_type(callback))
        with self._lock:
            hooks = sorted((*self._hooks.get(kind, ()), hook), key=lambda one: -one.priority)
            self._hooks = {**self._hooks, kind: tuple(hooks)}
        self.watched.changed()
        return callback

    def unregister(self, hook_type: HookType | str, callback: HookCallback) -> bool:
        """Remove a hook; tell whether it was there."""
        kind = to_hook_type(hook_type)
        with self._lock:
            present = self._hooks.get(kind, ())
            found = next((one for one in present if one.callback == callback), None)
            if found is None:
                return False
            self._hooks = {**self._hooks, kind: tuple(one for one in present if one is not found)}
        self.watched.changed()
        return True

    def active(self, hook_type: HookType | str) -> bool:
        """Tell whether a hook of this type is registered."""
        return bool(self._hooks.get(to_hook_type(hook_type)))

    def run(self, hook_type: HookType | str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Run the hooks of a type and return the data as they left it.

        Raises:
            Exception: Whatever a PRE hook raised, with a note that names the hook.
            ValidationError: A PRE hook returned no mapping, or one that lacks keys it was given.
        """
        kind = to_hook_type(hook_type)
        current = data if type(data) is dict else dict(data)
        for hook in self._hooks.get(kind, ()):
            current = (
                _run_pre(hook, kind, current) if kind.is_pre else _run_post(hook, kind, current)
            )
        return current

    def _after_fork(self) -> None:
        self._lock = threading.Lock()


def _run_pre(hook: _Hook, kind: HookType, data: dict[str, Any]) -> dict[str, Any]:
    keys = set(data)
    try:
        result = hook.call(kind, data)
        return _replaced(hook, kind, data, keys, result)
    except BaseException as error:
        error.add_note(f"Raised by the hook {hook.name} ({kind.name}); nothing was written.")
        raise


def _run_post(hook: _Hook, kind: HookType, data: dict[str, Any]) -> dict[str, Any]:
    try:
        return _replaced(hook, kind, data, set(), hook.call(kind, data))
    except Exception:  # noqa: BLE001 - the event dispatcher: the operation is done
        _log.exception("The hook %s (%s) failed; the operation is done.", hook.name, kind.name)
        return data


def _replaced(
    hook: _Hook, kind: HookType, data: dict[str, Any], keys: set[str], result: Any
) -> dict[str, Any]:
    replacement = data if result is None else result
    if not isinstance(replacement, Mapping):
        raise ValidationError(
            f"The hook {hook.name} ({kind.name}) returned {type(result).__name__}, "
            "expected a mapping or None.",
            suggestions=[_REPLACES],
        )
    missing = sorted(keys - replacement.keys())
    if missing:
        raise ValidationError(
            f"The hook {hook.name} ({kind.name}) returned data without {', '.join(missing)}.",
            suggestions=["Return the mapping you were given, changed.", _REPLACES],
        )
    return dict(replacement) if replacement is not data else data


def _takes_type(callback: object) -> bool:
    if not callable(callback) or inspect.iscoroutinefunction(callback):
        raise ValidationError(
            f"A hook must be a plain callable; got {callback!r}.",
            suggestions=["Give a function that takes (data) or (hook_type, data)."],
        )
    try:
        parameters = inspect.signature(callback).parameters.values()
    except ValueError:  # some builtins have no signature
        return False
    needed = [
        one
        for one in parameters
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) and one.default is one.empty
    ]
    if len(needed) > 2 or any(
        one.kind is one.KEYWORD_ONLY and one.default is one.empty for one in parameters
    ):
        raise ValidationError(
            f"The hook {callback!r} needs arguments that it will not get.",
            suggestions=["Give a function that takes (data) or (hook_type, data)."],
        )
    return len(needed) == 2
