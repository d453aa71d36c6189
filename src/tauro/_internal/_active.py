"""The active runs, which the tracker sets and other domains may refer to, and their scope."""

from __future__ import annotations

from contextvars import ContextVar

from tauro._internal._fork import call_after_fork

_stack: ContextVar[tuple[str, ...]] = ContextVar("tauro_active_runs", default=())
_open: set[str] = set()

run_scope: ContextVar[str] = ContextVar("tauro_run_scope", default="")
"""Verbs without a run open one by themselves, one a scope. An ML node of a pipeline is a scope."""


def run_opened(run_id: str) -> None:
    """Take note that this process has a run open, and make it the active one of this context."""
    _open.add(run_id)
    make_active(run_id)


def make_active(run_id: str) -> None:
    """Make a run the active one of this context; those before it come back when it has ended."""
    _stack.set((*_stack.get(), run_id))


def run_closed(run_id: str) -> None:
    """Take note that a run has ended, whichever context it was active in."""
    _open.discard(run_id)
    _stack.set(tuple(each for each in _stack.get() if each != run_id))


def active_run_ids() -> tuple[str, ...]:
    """Return the runs of this context that are open, the active one first."""
    return tuple(run_id for run_id in reversed(_stack.get()) if run_id in _open)


def active_run_id() -> str | None:
    """Return the id of the active run of this context, None where there is none."""
    return next(iter(active_run_ids()), None)


def forget_runs() -> None:
    """Let no run be active: after a fork (the parent has them) and between tests."""
    _open.clear()
    _stack.set(())


call_after_fork(forget_runs)
