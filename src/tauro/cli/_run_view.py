"""What ``tauro run`` shows: lines as the work proceeds, and a live line on a terminal."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tauro.cli._output import Output
from tauro.pipeline import Detection, Node, NodeResult, NodeStatus, Plan
from tauro.project import RunListener, RunResult

_WIDTH = 38
_NAMED = 3
"""How many running nodes the live line names."""

Update = Callable[[str, int, int], None]
"""Takes what runs, how many nodes ended, and of how many."""


class RunView(RunListener):
    """Prints what happens in a run.

    Args:
        output: Where to.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._update: Update = lambda running, done, total: None
        self._running: list[str] = []
        self._done = 0
        self._total = 0

    def step(self, text: str) -> None:
        """Print a line for a step that is done."""
        self._output.line(f"✓ {text}")

    def plan(self, plan: Plan, found: Mapping[str, Detection]) -> None:
        """Print what would run, as a document with ``--json``.

        Args:
            plan: What would run.
            found: Which nodes are ML.
        """
        rows = [
            {
                "node": node.name,
                "function": node.function_name,
                "reads": sorted(set(node.inputs.values())),
                "writes": list(node.outputs),
                "waits_for": sorted(plan.waits[node.name]),
                "ml": found[node.name].is_ml,
            }
            for node in plan.nodes
        ]
        document = {"pipeline": plan.pipeline.name, "valid": True, "nodes": rows}
        self._output.result(document, lambda: self._output.table(rows))

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the live line on a terminal while the body runs; send prints where they belong.

        With ``--json`` what nodes print goes to standard error, so that standard output stays one
        document.
        """
        try:
            with _terminated_as_interrupted(), _prints(self._output), _live(self):
                yield
        except KeyboardInterrupt as interrupt:
            for note in getattr(interrupt, "__notes__", ()):
                self._output.status(f"\n{note}")
            raise

    # The listener of the run

    def run_started(self, run_id: str, plan: Plan) -> None:
        """Print that the run begins."""
        del run_id
        self._total = len(plan.order)
        self.step("Validating pipeline...")
        self.step("Starting execution...")
        self._show()

    def node_started(self, node: Node, position: int, total: int, attempt: int) -> None:
        """Print a node's line, before what the node prints."""
        self._running.append(node.name)
        self._show()
        if attempt == 1:
            self.step(f"{f'{node.name} '.ljust(_WIDTH, '.')} [{position}/{total}]")

    def node_retried(self, node: Node, attempt: int, error: BaseException, pause: float) -> None:
        """Print that a node is tried again."""
        self._running.remove(node.name)
        self._show()
        message = getattr(error, "message", str(error)).splitlines()[0]
        tries = f"{attempt + 1} of {node.retry.max_attempts}"
        self._output.line(f"↻ {message}\n  Try {tries} of {node.name} in {duration_text(pause)}")

    def node_finished(self, result: NodeResult) -> None:
        """Print a line for a node that did not succeed."""
        if result.name in self._running:
            self._running.remove(result.name)
        if result.status is NodeStatus.REUSED:
            self.step(f"{result.name} {result.reason}")
            return
        self._done += 1
        self._show()
        if result.status is NodeStatus.SKIPPED:
            self._output.line(f"- {result.name} skipped: {result.reason}")
        elif result.status in (NodeStatus.FAILED, NodeStatus.INTERRUPTED):
            self._output.line(
                f"✗ {result.name} {result.status} after {duration_text(result.duration)}"
            )

    def run_waits(self, nodes: Sequence[str]) -> None:
        """Print what an interrupted run waits for."""
        self._output.status(f"Waiting for {_named(nodes)} to end; Ctrl-C again to leave it.")

    def run_finished(self, result: RunResult) -> None:
        """Print nothing: the command says how the run ended."""
        del result

    def follow(self, update: Update) -> None:
        """Call ``update`` whenever something changes."""
        self._update = update

    def _show(self) -> None:
        self._update(_named(self._running), self._done, self._total)


def _named(nodes: Sequence[str]) -> str:
    further = len(nodes) - _NAMED
    return ", ".join(nodes[:_NAMED]) + (f" and {further} more" if further > 0 else "")


def duration_text(seconds: float) -> str:
    """Return a duration for people: ``0.3 seconds``, ``45 seconds``, ``2 minutes 5 seconds``."""
    if seconds < 9.95:
        return f"{seconds:.1f} seconds"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "hour"), (minutes, "minute"), (rest, "second")]
    return " ".join(f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in parts if n)


def _prints(output: Output) -> AbstractContextManager[Any]:
    return contextlib.redirect_stdout(sys.stderr) if output.json else contextlib.nullcontext()


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let the signal by which schedulers stop a process stop a run as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _live(view: RunView) -> Iterator[None]:
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    columns = (SpinnerColumn(), BarColumn(20), MofNCompleteColumn(), Elapsed())
    running = TextColumn("{task.description}")
    with Progress(*columns, running, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        view.follow(
            lambda text, done, total: bar.update(
                task, description=escape(text), completed=done, total=total
            )
        )
        yield
