"""Hooks that installed packages bring, by the entry points of the group ``tauro.hooks``.

An entry point names a function that is called once a process with the hooks manager::

    def install(hooks):
        hooks.register(HookType.PRE_NODE_RUN, check_budget)
"""

from __future__ import annotations

import weakref
from typing import Final

from tauro.errors import PlanningError
from tauro.events import HooksManager, get_hooks_manager

GROUP: Final = "tauro.hooks"
_loaded: weakref.WeakSet[HooksManager] = weakref.WeakSet()


def load_hooks() -> None:
    """Let every installed package register its hooks, the first time this is called.

    Raises:
        PlanningError: A package's function raised.
    """
    hooks = get_hooks_manager()
    if hooks in _loaded:
        return
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        try:
            point.load()(hooks)
        except Exception as error:  # the boundary around the package's code
            raise PlanningError(
                f"The hooks of {point.value!r} (entry point {point.name!r} of {GROUP}) could not "
                f"be installed: {type(error).__name__}: {error}",
                suggestions=["Repair or uninstall the package that brings them."],
            ) from error
    _loaded.add(hooks)
