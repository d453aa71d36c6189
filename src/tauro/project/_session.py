"""One run of a pipeline: its record, its hooks, the loop, and what came of it."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tauro._internal import _optional
from tauro._internal._secrets import mask_secrets
from tauro.config import Context
from tauro.errors import NodeExecutionError, PipelineExecutionError
from tauro.events import Operation, get_observers
from tauro.pipeline import (
    InlineExecutor,
    Node,
    NodeResult,
    NodeReturn,
    NodeStatus,
    Plan,
    Scheduler,
    join_names,
    lost_values,
    node_error,
    split_outputs,
)
from tauro.project import _node
from tauro.project._listeners import Listeners, RunListener
from tauro.project._node import NodeRunner, NodeSpec, run_node
from tauro.project._options import RunOptions, RunResult
from tauro.project._recorder import Recorder, commit_of, kept_value
from tauro.project._records import RunRecord, RunStart, new_start

_FINISHED = (NodeStatus.SUCCEEDED, NodeStatus.REUSED)


@dataclass(slots=True, kw_only=True)
class Session:
    """A run of a plan.

    Attributes:
        context: The project.
        project: From where other processes load it.
        plan: What to run.
        options: How to run it.
        run_id: The run's id.
        runner: Runs nodes in this process.
        store: Location of the store, where the caller chose one.
        tenant: The tenant, where the caller chose one.
        resumed: The run that this one continues.
        listeners: Told what happens.
    """

    context: Context
    project: str
    plan: Plan
    options: RunOptions
    run_id: str
    runner: NodeRunner
    store: str | None = None
    tenant: str | None = None
    resumed: RunRecord | None = None
    listeners: Sequence[RunListener] = ()
    _results: dict[str, NodeResult] = field(default_factory=dict)
    _remote: Executor | None = None
    _handed: dict[str, Future[NodeReturn]] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def run(self) -> RunResult:
        """Run the plan between its hooks.

        Raises:
            PipelineExecutionError: A node failed.
            KeyboardInterrupt: The run was interrupted.
        """
        data = {
            **self._about(),
            "nodes": list(self.plan.order),
            "params": mask_secrets(self.options.params),
        }
        return get_observers().perform(
            Operation.PIPELINE_RUN,
            data,
            lambda _: self._run(),
            lambda result: {**self._about(), "status": result.status, "duration": result.duration},
        )

    def _about(self) -> dict[str, Any]:
        pipeline = self.plan.pipeline.name
        return {"pipeline": pipeline, "env": self.context.env, "run_id": self.run_id}

    def _run(self) -> RunResult:
        recorder = Recorder(self.context.root, self._start_line(), self.plan, self.runner.catalog)
        listener = Listeners([recorder, *self.listeners])
        started = time.monotonic()
        _node.enter(self.run_id, self.runner)
        try:
            listener.run_started(self.run_id, self.plan)
            for reused in self._reused().values():
                listener.node_finished(reused)
            self._loop(listener, started)
            failed = any(node.status is NodeStatus.FAILED for node in self._results.values())
            result = self._result("failed" if failed else "succeeded", started)
            listener.run_finished(result)
        finally:
            _node.leave(self.run_id)
            recorder.close()
        if failed:
            raise self._failure()
        return result

    def _loop(self, listener: Listeners, started: float) -> None:
        with ExitStack() as stack:
            executor = stack.enter_context(self._executor(stack))
            scheduler = Scheduler(
                plan=self.plan,
                submit=lambda node: executor.submit(self._conduct, node),
                listener=listener,
                workers=self.workers,
                keep_going=self.options.keep_going,
                terminate=self._terminate if hasattr(self._remote, "terminate") else None,
                results=self._results,
            )
            try:
                scheduler.run()
            except KeyboardInterrupt as interrupt:
                if not hasattr(self._remote, "terminate"):
                    executor.shutdown(wait=False, cancel_futures=True)
                    stack.pop_all()  # it would wait for threads that were left behind
                listener.run_finished(self._result("interrupted", started))
                interrupt.add_note(self.resume_hint())
                raise

    def _start_line(self) -> RunStart:
        return new_start(
            run_id=self.run_id,
            pipeline=self.plan.pipeline.name,
            env=self.context.env,
            nodes=list(self.plan.order),
            params=mask_secrets(self.options.params),
            dates=self.options.dates,
            narrowed=self.options.is_narrowed,
            resumed_from=self.resumed.run_id if self.resumed else "",
            commit=commit_of(self.context.root),
            store=self.store,
            tenant=self.tenant,
        )

    # Executors

    @property
    def workers(self) -> int:
        """How many nodes run at once."""
        if self.options.max_workers is not None:
            return self.options.max_workers
        return 1 if self.options.executor is None else os.cpu_count() or 1

    def _executor(self, stack: ExitStack) -> Executor:
        """Return the executor that conducts nodes in this process; it may hand them to another."""
        chosen = self.options.executor
        if chosen == "processes":
            process_executor = _optional.load("tauro.pipeline._process:ProcessExecutor")
            self._remote = stack.enter_context(process_executor(self.workers))
        elif isinstance(chosen, Executor):
            self._remote = chosen
        elif self.workers == 1:
            return InlineExecutor()
        pool: type[Executor] = _optional.load("concurrent.futures:ThreadPoolExecutor")
        return pool(self.workers, "tauro-node")  # type: ignore[call-arg]

    def _conduct(self, node: Node) -> NodeReturn:
        """Run one try of a node between its hooks, here or where the remote executor runs it."""
        about = {**self._about(), "node": node.name}
        try:
            return get_observers().perform(
                Operation.NODE_RUN, about, lambda _: self._call(node), lambda _: about
            )
        except NodeExecutionError:
            raise
        except Exception as error:  # a hook of the user's, or a worker that died
            raise node_error(
                node, error, pipeline=self.plan.pipeline.name, run_id=self.run_id
            ) from error

    def _call(self, node: Node) -> NodeReturn:
        spec = NodeSpec(
            self.project,
            self.context.env,
            self.plan.pipeline.name,
            node.name,
            self.run_id,
        )
        if self._remote is None:
            return run_node(spec)
        self._ended.discard(node.name)
        future = self._handed[node.name] = self._remote.submit(run_node, spec)
        if node.name in self._ended:  # its end was asked for while it was handed over
            self._terminate(node)
        return future.result()

    def _terminate(self, node: Node) -> None:
        self._ended.add(node.name)
        future = self._handed.get(node.name)
        if future is not None:
            self._remote.terminate(future)  # type: ignore[union-attr]

    def _result(self, status: str, started: float) -> RunResult:
        outputs: dict[str, Any] = {}
        results = {name: self._results[name] for name in self.plan.order}
        results.update(self._reused())
        for name, node in results.items():
            if node.status is NodeStatus.SUCCEEDED:
                declared = self.plan.graph.nodes[name]
                outputs.update(split_outputs(declared, node.value) if declared.outputs else {})
            if node.status in _FINISHED:
                outputs[name] = node.value
        return RunResult(
            success=status == "succeeded",
            pipeline=self.plan.pipeline.name,
            run_id=self.run_id,
            status=status,
            nodes=results,
            outputs=outputs,
            duration=time.monotonic() - started,
            run_ids=tuple(run for node in results.values() for run in node.run_ids),
        )

    def _reused(self) -> dict[str, NodeResult]:
        if self.resumed is None:
            return {}
        values = self.resumed.values
        return {
            name: NodeResult(
                name=name,
                status=NodeStatus.REUSED,
                value=values.get(name),
                reason=f"finished in run {self.resumed.run_id}",
            )
            for name in self.resumed.nodes
            if name in self.resumed.finished and name not in self.plan.waits
        }

    # Failure

    def _failure(self) -> PipelineExecutionError:
        failed = [node for node in self._results.values() if node.status is NodeStatus.FAILED]
        first = failed[0]
        causes = "\n".join(f"  {getattr(node.error, 'message', node.error)}" for node in failed)
        error = PipelineExecutionError(
            f"Pipeline {self.plan.pipeline.name!r} failed (run {self.run_id}).\n{causes}",
            context={**self._about(), "node": first.name, "failed": [n.name for n in failed]},
            suggestions=[*getattr(first.error, "suggestions", ()), self.resume_hint()],
        )
        error.__cause__ = first.error
        return error

    def resume_hint(self) -> str:
        """Return the sentence with the command that continues this run, and what it repeats."""
        done = {name for name, node in self._results.items() if node.status in _FINISHED}
        kept = {name for name in done if kept_value(self._results[name].value) is not None}
        again = lost_values(self.plan, done, kept)
        command = f"Resume with: {self._command()} --resume {self.run_id}"
        if not again:
            return command
        names = join_names(name for name in self.plan.order if name in again)
        return f"{command}\n  It runs {names} again, for what that returned was only in memory."

    def _command(self) -> str:
        """Return the command of a run like this one, as it can be typed in this folder."""
        words = ["tauro", "run", "--env", self.context.env]
        words += ["--pipeline", self.plan.pipeline.name]
        executor = self.options.executor
        given = {
            "--project": self.project if self.project != os.getcwd() else None,
            "--store": self.store,
            "--tenant": self.tenant,
            "--executor": executor if isinstance(executor, str) else None,
            "--max-workers": self.options.max_workers,
        }
        words += [w for flag, value in given.items() if value for w in (flag, str(value))]
        words += ["--keep-going"] if self.options.keep_going else []
        return shlex.join(words)
