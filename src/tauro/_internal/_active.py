"""The active run, which the tracker sets and other domains may refer to, and its scope."""

from __future__ import annotations

from contextvars import ContextVar

active_run_id: ContextVar[str | None] = ContextVar("tauro_active_run_id", default=None)

run_scope: ContextVar[str] = ContextVar("tauro_run_scope", default="")
"""Verbs without a run open one by themselves, one a scope. An ML node of a pipeline is a scope."""
