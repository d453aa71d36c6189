"""Which functions have done their work when they return."""

from __future__ import annotations

import inspect

from tauro.errors import ValidationError


def refuse_deferred(function: object, verb: str) -> None:
    """Return if a function does its work when it is called.

    Raises:
        ValidationError: It is a coroutine or generator function, whose errors come later.
    """
    calls = (function, getattr(type(function), "__call__", None))  # noqa: B004 - the method itself
    if any(
        inspect.iscoroutinefunction(one)
        or inspect.isgeneratorfunction(one)
        or inspect.isasyncgenfunction(one)
        for one in calls
    ):
        raise ValidationError(
            f"{function!r} only begins its work when awaited or iterated, after the call that is "
            f"{verb}.",
            suggestions=["Decorate a plain function that does the work."],
        )
