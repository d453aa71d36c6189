"""What a forked child must make anew.

A lock that another thread of the parent held at the moment of the fork stays held for ever in the
child, and threads do not exist there. Objects with either register here and are told in the child.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Protocol


class ForkAware(Protocol):
    """An object that makes its locks and threads anew in a forked child."""

    def _after_fork(self) -> None: ...


_functions: list[Callable[[], None]] = []
_objects: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def call_after_fork(function: Callable[[], None]) -> None:
    """Call a module's function in every forked child, before any object is told."""
    _functions.append(function)


def tell_after_fork(instance: ForkAware) -> None:
    """Call ``instance._after_fork()`` in every child that is forked while the object lives."""
    _objects.add(instance)


def _tell_all() -> None:
    for function in _functions:
        function()
    for instance in list(_objects):
        instance._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tell_all)
