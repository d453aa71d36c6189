"""Who is told what happens in a run."""

from __future__ import annotations

from collections.abc import Sequence

from tauro.pipeline import Node, NodeResult, Plan
from tauro.project._options import RunResult


class RunListener:
    """Is told what happens in a run, in order, in the thread that runs it.

    Every method does nothing here; override those you need. An exception of a listener stops the
    run, so that what a listener must not miss is not missed.
    """

    def run_started(self, run_id: str, plan: Plan) -> None:
        """The run begins."""

    def node_started(self, node: Node, position: int, total: int, attempt: int) -> None:
        """A try of a node begins; position counts from 1."""

    def node_retried(self, node: Node, attempt: int, error: BaseException, pause: float) -> None:
        """A try failed, and another follows after so many seconds."""

    def node_finished(self, result: NodeResult) -> None:
        """A node ended, or will not start."""

    def run_waits(self, nodes: Sequence[str]) -> None:
        """The run was interrupted and waits for these nodes, which run in threads.

        A second interruption leaves them behind.
        """

    def run_finished(self, result: RunResult) -> None:
        """The run ended, whichever way."""


class Listeners(RunListener):
    """Tells several listeners, in order."""

    def __init__(self, listeners: Sequence[RunListener]) -> None:
        self._listeners = tuple(listeners)

    def run_started(self, run_id: str, plan: Plan) -> None:
        """Tell that the run begins."""
        for listener in self._listeners:
            listener.run_started(run_id, plan)

    def node_started(self, node: Node, position: int, total: int, attempt: int) -> None:
        """Tell that a try of a node begins."""
        for listener in self._listeners:
            listener.node_started(node, position, total, attempt)

    def node_retried(self, node: Node, attempt: int, error: BaseException, pause: float) -> None:
        """Tell that a try failed and another follows."""
        for listener in self._listeners:
            listener.node_retried(node, attempt, error, pause)

    def node_finished(self, result: NodeResult) -> None:
        """Tell that a node ended."""
        for listener in self._listeners:
            listener.node_finished(result)

    def run_waits(self, nodes: Sequence[str]) -> None:
        """Tell that an interrupted run waits for nodes."""
        for listener in self._listeners:
            listener.run_waits(nodes)

    def run_finished(self, result: RunResult) -> None:
        """Tell that the run ended."""
        for listener in self._listeners:
            listener.run_finished(result)
