"""The id of the active run, which the tracker sets and other domains may refer to."""

from __future__ import annotations

from contextvars import ContextVar

active_run_id: ContextVar[str | None] = ContextVar("tauro_active_run_id", default=None)
