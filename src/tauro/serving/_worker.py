"""The thread in which a model runs, and the requests that wait for it."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

from tauro.serving._pace import Pace
from tauro.serving._reader import Rows


class Job:
    """One request's rows on their way through a model.

    Attributes:
        rows: The rows.
        future: Gets the predictions.
        given_up: Nobody waits any longer; it need not be predicted.
        worker: The thread that predicts it now, None before.
    """

    __slots__ = ("future", "given_up", "rows", "worker")

    def __init__(self, rows: Rows, future: asyncio.Future[Any]) -> None:
        self.rows = rows
        self.future = future
        self.given_up = False
        self.worker: Worker | None = None


Outcome = tuple[Job, Any, Exception | None]
"""A job with its predictions, or with why there are none."""


class Worker(threading.Thread):
    """Take jobs, those that wait together in one call, until closed.

    Args:
        run: Predicts jobs; never raises.
        deliver: Called with the outcomes of each call, in this thread.
        pace: How many rows go into a call.
    """

    def __init__(
        self,
        run: Callable[[list[Job]], list[Outcome]],
        deliver: Callable[[list[Outcome]], None],
        pace: Pace,
    ) -> None:
        super().__init__(name="tauro-model", daemon=True)
        self.is_abandoned = False
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._run = run
        self._deliver = deliver
        self._pace = pace

    def put(self, job: Job) -> None:
        """Let a job wait for its turn."""
        self._jobs.put(job)

    def close(self) -> None:
        """End after the jobs that wait."""
        self._jobs.put(None)

    def abandon(self) -> list[Job]:
        """End after the call that is under way, if that ever returns; give back those that wait."""
        self.is_abandoned = True
        waiting = []
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                waiting.append(job)
        self.close()
        return waiting

    def run(self) -> None:
        """Predict until closed."""
        held: Job | None = None
        ended = False
        while not ended or held is not None:
            first = held if held is not None else self._jobs.get()
            held = None
            if first is None:
                break
            batch, held, ended = self._gather(first, ended=ended)
            batch = [job for job in batch if not job.given_up]
            for job in batch:
                job.worker = self
            if batch:
                self._deliver(self._run(batch))
            if self.is_abandoned and held is None:
                break

    def _gather(self, first: Job, *, ended: bool) -> tuple[list[Job], Job | None, bool]:
        """Return what goes with a job, the one after it that does not, and whether it was last."""
        batch, rows = [first], first.rows.count
        if first.rows.columns is None:
            return batch, None, ended
        limit = self._pace.next_rows()
        while rows < limit:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return batch, None, True
            if job.rows.columns is None or rows + job.rows.count > limit:
                return batch, job, ended
            batch.append(job)
            rows += job.rows.count
        return batch, None, ended
