"""The loop that runs a plan through any ``concurrent.futures`` executor."""

from __future__ import annotations

import heapq
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from tauro._internal._clock import now_ns
from tauro.errors import NodeExecutionError
from tauro.pipeline._models import Node, NodeResult, NodeReturn, NodeStatus
from tauro.pipeline._plan import Plan

Submit = Callable[[Node], "Future[NodeReturn]"]
"""Starts one try of a node and returns its future."""

Terminate = Callable[[Node], None]
"""Ends the running try of a node; its future then fails."""


class Listener(Protocol):
    """Is told what happens, in the thread that runs the loop, in order."""

    def node_started(self, node: Node, position: int, total: int, attempt: int) -> None:
        """A try of a node begins."""

    def node_retried(self, node: Node, attempt: int, error: BaseException, pause: float) -> None:
        """A try failed and another follows after a pause of so many seconds."""

    def node_finished(self, result: NodeResult) -> None:
        """A node ended, or will not start."""

    def run_waits(self, nodes: Sequence[str]) -> None:
        """The run was interrupted and waits for nodes that nothing can end."""


@dataclass(slots=True)
class _Try:
    node: Node
    attempt: int
    started_at: int
    started: float
    timed_out: bool = False


@dataclass(slots=True)
class Scheduler:
    """Runs the nodes of a plan as those before them finish.

    At most ``workers`` nodes are handed out at once, so that a deadline counts from the start of a
    node and an interruption leaves nothing queued.

    Attributes:
        plan: What to run.
        submit: Starts a node.
        listener: Is told what happens.
        workers: How many nodes run at once.
        keep_going: Whether branches that do not depend on a failed node go on.
        terminate: Ends a running node; None where the executor cannot.
        results: What became of each node so far.
    """

    plan: Plan
    submit: Submit
    listener: Listener
    workers: int = 1
    keep_going: bool = False
    terminate: Terminate | None = None
    results: dict[str, NodeResult] = field(default_factory=dict)
    _running: dict[Future[NodeReturn], _Try] = field(default_factory=dict)
    _done: queue.SimpleQueue[Future[NodeReturn]] = field(default_factory=queue.SimpleQueue)
    _ready: list[int] = field(default_factory=list)
    _delayed: list[tuple[float, int, int]] = field(default_factory=list)
    _missing: dict[str, int] = field(default_factory=dict)
    _index: dict[str, int] = field(default_factory=dict)
    _pauses: dict[str, Iterator[float]] = field(default_factory=dict)
    _stopping: bool = False

    def run(self) -> Mapping[str, NodeResult]:
        """Run every node that can run and return what became of each, in the plan's order.

        Raises:
            KeyboardInterrupt: The run was interrupted; ``results`` is complete nevertheless.
        """
        order = self.plan.order
        self._index = {name: position for position, name in enumerate(order)}
        self._missing = {name: len(self.plan.waits[name]) for name in order}
        self._ready = [self._index[name] for name in order if not self._missing[name]]
        try:
            while self._ready or self._delayed or self._running:
                self._start_ready()
                self._collect()
        except BaseException:
            self._interrupt()
            raise
        finally:
            self._skip_rest()
        return {name: self.results[name] for name in order}

    def _start_ready(self) -> None:
        now = time.monotonic()
        while self._delayed and self._delayed[0][0] <= now and len(self._running) < self.workers:
            _, position, attempt = heapq.heappop(self._delayed)
            self._start(position, attempt)
        while self._ready and len(self._running) < self.workers:
            self._start(heapq.heappop(self._ready), 1)

    def _start(self, position: int, attempt: int) -> None:
        node = self.plan.graph.nodes[self.plan.order[position]]
        self.listener.node_started(node, position + 1, len(self.plan.order), attempt)
        started = _Try(node, attempt, now_ns(), time.monotonic())
        try:
            future = self.submit(node)
        except BaseException as error:
            interrupted = not isinstance(error, Exception)
            status = NodeStatus.INTERRUPTED if interrupted else NodeStatus.FAILED
            self._finish(self._result(started, status, error=error))
            raise
        self._running[future] = started
        future.add_done_callback(self._done.put)

    def _collect(self) -> None:
        """Wait for the next thing to happen: a node that ends, a deadline, the end of a pause."""
        try:
            future = self._done.get(timeout=self._wait())
        except queue.Empty:
            self._end_overdue()
            return
        started = self._running.pop(future)
        error = future.exception()
        if error is None:
            returned = future.result()
            self._finish(
                self._result(
                    started, NodeStatus.SUCCEEDED, value=returned.value, run_ids=returned.run_ids
                )
            )
        else:
            if started.timed_out:
                error = _overdue(started.node)
            self._failed(started, error)

    def _wait(self) -> float | None:
        times = [self._delayed[0][0]] if self._delayed and len(self._running) < self.workers else []
        times.extend(
            started.started + started.node.timeout
            for started in self._running.values()
            if started.node.timeout is not None and not started.timed_out
        )
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for started in self._running.values():
            limit = started.node.timeout
            if limit is not None and not started.timed_out and now >= started.started + limit:
                started.timed_out = True
                if self.terminate is not None:
                    self.terminate(started.node)

    def _failed(self, started: _Try, error: BaseException) -> None:
        node = started.node
        pause = self._next_pause(node, error)
        if pause is not None:
            self.listener.node_retried(node, started.attempt, error, pause)
            position = self._index[node.name]
            entry = (time.monotonic() + pause, position, started.attempt + 1)
            heapq.heappush(self._delayed, entry)
            return
        self._finish(self._result(started, NodeStatus.FAILED, error=error))
        if self.keep_going:
            for name in self.plan.graph.descendants([node.name]) - {node.name}:
                self._skip(name, f"{node.name!r} failed")
        else:
            self._stop()

    def _next_pause(self, node: Node, error: BaseException) -> float | None:
        """Return the seconds before the next try of a node, None where this one was the last."""
        if self._stopping or not isinstance(error, Exception):
            return None
        cause = error.__cause__ if isinstance(error, NodeExecutionError) else None
        if not node.retry.is_worth_retrying(cause if isinstance(cause, Exception) else error):
            return None
        return next(self._pauses.setdefault(node.name, node.retry.delays()), None)

    def _finish(self, result: NodeResult) -> None:
        self.results[result.name] = result
        self.listener.node_finished(result)
        if result.status is not NodeStatus.SUCCEEDED or self._stopping:
            return
        for name in self.plan.graph.downstream[result.name]:
            if name in self._missing:
                self._missing[name] -= 1
                if not self._missing[name] and name not in self.results:
                    heapq.heappush(self._ready, self._index[name])

    def _skip(self, name: str, reason: str) -> None:
        if name in self._index and name not in self.results:
            self.results[name] = NodeResult(name=name, status=NodeStatus.SKIPPED, reason=reason)
            self.listener.node_finished(self.results[name])

    def _skip_rest(self) -> None:
        failed = [
            name
            for name, result in self.results.items()
            if result.status in (NodeStatus.FAILED, NodeStatus.INTERRUPTED)
        ]
        reason = f"the run stopped at {failed[0]!r}" if failed else "the run was interrupted"
        for name in self.plan.order:
            self._skip(name, reason)

    def _interrupt(self) -> None:
        """End what can be ended; wait for the rest, unless the wait is interrupted too."""
        self._stop()
        try:
            if self._running and self.terminate is None:
                self.listener.run_waits([started.node.name for started in self._running.values()])
            while self._running and self.terminate is None:
                self._collect()
        finally:
            self._abandon()

    def _stop(self) -> None:
        self._stopping = True
        self._ready.clear()
        self._delayed.clear()

    def _abandon(self) -> None:
        for started in self._running.values():
            if self.terminate is not None:
                self.terminate(started.node)
            self._finish(self._result(started, NodeStatus.INTERRUPTED))
        self._running.clear()

    def _result(
        self,
        started: _Try,
        status: NodeStatus,
        *,
        value: object = None,
        error: BaseException | None = None,
        run_ids: tuple[str, ...] = (),
    ) -> NodeResult:
        return NodeResult(
            name=started.node.name,
            status=status,
            value=value,
            error=error,
            duration=time.monotonic() - started.started,
            attempts=started.attempt,
            started_at=started.started_at,
            run_ids=run_ids or _runs_of(error),
        )


def _runs_of(error: BaseException | None) -> tuple[str, ...]:
    """Return the tracking runs that a failed node opened."""
    details = error.context.details if isinstance(error, NodeExecutionError) else {}
    return tuple(details.get("run_ids", ()))


def _overdue(node: Node) -> NodeExecutionError:
    return NodeExecutionError(
        f"Node {node.where} was ended after its timeout of {node.timeout:g} seconds.",
        context={"node": node.name, "timeout": node.timeout},
        suggestions=["Raise its timeout, or find what makes it slow."],
    )
