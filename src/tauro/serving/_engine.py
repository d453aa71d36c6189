"""Predictions of one version for many requests at once."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any, Final

from tauro.errors import ServingError, SignatureMismatchError
from tauro.serving._caller import Caller, to_plain
from tauro.serving._errors import DeadlineExceededError, ModelFailedError, QueueFullError
from tauro.serving._limits import Limits
from tauro.serving._pace import Pace
from tauro.serving._reader import Rows
from tauro.serving._worker import Job, Outcome, Worker

_MOST_STUCK: Final = 4
"""So many threads may hang in a model; after that it gets no more requests."""
_RECORDED: Final = 256
"""So many rows are kept, one of a call: a next graph must answer them as its model does."""
_QUICK_ROWS: Final = 64
"""A quick caller's requests of at most so many rows are predicted on the event loop."""


class Engine:
    """Run a version for the requests of one event loop.

    A quick caller predicts on the loop itself, once for all requests that arrived in one turn of
    it. Any other has a thread; requests that come while it works wait and go together into the next
    call. A call that does not return keeps its thread: the requests get 504 and another thread goes
    on.

    Threads: :meth:`predict` and :meth:`lease` belong to the event loop's thread; :meth:`run` may be
    called from any.

    Args:
        caller: The version.
        label: Its name in messages.
        limits: Bounds.
    """

    def __init__(self, caller: Caller, label: str, limits: Limits) -> None:
        self.caller = caller
        self.pace = Pace(limits.max_batch)
        self.pending = 0
        self.recorded: deque[list[Any]] = deque(maxlen=_RECORDED)
        self._label = label
        self._limits = limits
        self._worker: Worker | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quick: list[Job] = []
        self._abandoned: list[Worker] = []
        self._leases = 0
        self._is_retired = False

    @property
    def stuck(self) -> int:
        """How many calls of the model did not return in time and still have not."""
        if self._abandoned:
            self._abandoned = [worker for worker in self._abandoned if worker.is_alive()]
        return len(self._abandoned)

    @property
    def hangs(self) -> bool:
        """Whether so many calls hang that no more requests are taken."""
        return self.stuck >= _MOST_STUCK

    # On the event loop

    async def predict(self, rows: Rows) -> Any:
        """Return the predictions for rows, as JSON can hold them.

        Raises:
            QueueFullError: Too many requests wait.
            DeadlineExceededError: The model did not answer in time.
            ModelFailedError: The model raised.
            ServingError: The model hangs, in as many threads as it may.
        """
        if self.pending >= self._limits.max_queue:
            raise QueueFullError(
                f"{self.pending} requests wait for {self._label}; no more are taken now.",
                context={"waiting": self.pending},
            )
        if self.hangs:
            raise ServingError(f"{self._label} hangs: {self.stuck} of its calls do not return.")
        loop = self._loop = asyncio.get_running_loop()
        job = Job(rows, loop.create_future())
        self.pending += 1
        timer = loop.call_later(self._limits.deadline, self._expire, job)
        try:
            self._submit(job, loop)
            return await job.future
        finally:
            job.given_up = True
            timer.cancel()
            self.pending -= 1

    def _submit(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        quick = self.caller.is_quick and job.rows.count <= _QUICK_ROWS
        if quick and job.rows.columns is not None:
            if not self._quick:
                loop.call_soon(self._run_quick)
            self._quick.append(job)
            return
        if self._worker is None:
            self._worker = Worker(self.run, self._deliver, self.pace)
            self._worker.start()
        self._worker.put(job)

    def _run_quick(self) -> None:
        jobs, self._quick = self._quick, []
        self._settle(self.run(jobs))

    def _expire(self, job: Job) -> None:
        if job.future.done():
            return
        job.future.set_exception(
            DeadlineExceededError(
                f"{self._label} did not answer within {self._limits.deadline:g} s.",
                context={"deadline": self._limits.deadline},
            )
        )
        worker = job.worker
        if worker is not None and worker is self._worker:
            waiting = worker.abandon()
            self._abandoned.append(worker)
            self._worker = None
            if self._loop is not None:
                for other in waiting:
                    self._submit(other, self._loop)

    def _settle(self, outcomes: list[Outcome]) -> None:
        for job, value, error in outcomes:
            if job.future.done():
                continue
            if error is None:
                job.future.set_result(value)
            else:
                job.future.set_exception(error)

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Keep the engine open while the body runs, also when another version takes over."""
        self._leases += 1
        try:
            yield
        finally:
            self._leases -= 1
            self._close_unused()

    def retire(self) -> None:
        """Close once the last request that came here is answered."""
        self._is_retired = True
        self._close_unused()

    def _close_unused(self) -> None:
        if self._is_retired and not self._leases and self._worker is not None:
            self._worker.close()
            self._worker = None

    # In any thread

    def _deliver(self, outcomes: list[Outcome]) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        # The loop may close between the two lines; then nobody waits for the outcomes.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._settle, outcomes)

    def run(self, jobs: list[Job]) -> list[Outcome]:
        """Predict jobs in one call; where that fails, each alone."""
        start = time.perf_counter()
        try:
            found = self._call(jobs)
        except _CallError as error:
            if len(jobs) == 1:
                return [(jobs[0], None, error.cause)]
            return list(chain.from_iterable(self.run([job]) for job in jobs))
        self.pace.record(len(jobs), time.perf_counter() - start)
        if len(jobs) == 1:
            return [(jobs[0], found, None)]
        total = sum(job.rows.count for job in jobs)
        if not isinstance(found, list) or len(found) != total:
            return list(chain.from_iterable(self.run([job]) for job in jobs))
        outcomes: list[Outcome] = []
        at = 0
        for job in jobs:
            outcomes.append((job, found[at : at + job.rows.count], None))
            at += job.rows.count
        return outcomes

    def _call(self, jobs: list[Job]) -> Any:
        try:
            if jobs[0].rows.columns is None:
                return to_plain(self.caller.predict_data(jobs[0].rows.data))
            columns = _joined(jobs)
            found = to_plain(self.caller.predict_columns(columns))
            self.recorded.append([values[0] for values in columns])
            return found
        except SignatureMismatchError as error:
            raise _CallError(error) from error
        # The model is the user's code: whatever it raises, `sys.exit()` too, fails its requests.
        except (Exception, SystemExit) as error:
            failed = ModelFailedError(
                f"{self._label} failed: {type(error).__name__}: {error}",
                context={"model": self._label},
            )
            failed.__cause__ = error
            raise _CallError(failed) from error


class _CallError(Exception):
    """A call of the model that failed, with what its request is told."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _joined(jobs: list[Job]) -> Sequence[Sequence[Any]]:
    parts = [job.rows.columns for job in jobs if job.rows.columns is not None]
    if len(parts) == 1:
        return parts[0]
    return [list(chain.from_iterable(column)) for column in zip(*parts, strict=True)]
