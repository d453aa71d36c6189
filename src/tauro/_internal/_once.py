"""Parts of an object that are made when they are first asked for."""

from __future__ import annotations

import functools
from typing import Any, Self, TypeVar, overload

_T = TypeVar("_T")


class made_once(functools.cached_property[_T]):  # noqa: N801 - used as a decorator
    """A part made when it is first asked for, once, whichever threads ask.

    From Python 3.12 on ``cached_property`` lets two threads make two: two trackers of one context,
    each with a run of its own. The object has a lock ``_making``, which it makes anew in a forked
    child.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> _T: ...
    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Self | _T:
        if instance is None:
            return self
        with instance._making:
            if self.attrname not in instance.__dict__:
                instance.__dict__[self.attrname] = self.func(instance)
            made: _T = instance.__dict__[self.attrname]
            return made
