"""A pipeline of stages: the road of a model from data to monitoring."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from tauro._internal import _optional
from tauro._internal._clock import from_ns, now_ns
from tauro.errors import PipelineExecutionError, PlanningError, ValidationError
from tauro.events import Operation, get_observers
from tauro.pipeline._binding import Available, SourceKind, bind_node
from tauro.pipeline._inline import InlineExecutor
from tauro.pipeline._models import Node, NodeResult, NodeReturn, NodeStatus, Pipeline
from tauro.pipeline._plan import make_plan
from tauro.pipeline._scheduler import Scheduler
from tauro.pipeline._stages import PipelineStage
from tauro.pipeline._workspace import node_error

Work = Callable[..., Any] | str
"""What a stage does: a callable, or the name of a pipeline of the project."""

_STATUS = {
    NodeStatus.SUCCEEDED: "completed",
    NodeStatus.FAILED: "failed",
    NodeStatus.SKIPPED: "skipped",
    NodeStatus.INTERRUPTED: "interrupted",
}


class RunsPipelines(Protocol):
    """Runs pipelines by name, as :class:`tauro.project.PipelineExecutor` does."""

    def run_pipeline(self, name: str) -> Any:
        """Run a pipeline; raise if it fails."""


class MLOpsPipeline:
    """Runs the stages that it is told to run, each doing the work that is bound to it.

    A stage is bound by :meth:`bind`, by ``stages=``, or by a method of a subclass that bears the
    stage's text as its name. A callable gets by name what it asks for: ``pipeline_id``,
    ``tenant_id``, ``results`` (stage to what it returned so far), or the name of an earlier stage.

    Args:
        pipeline_id: A name for people.
        tenant_id: The tenant for whom pipelines of the project are run.
        stages: Stage to its work.
        executor: Runs pipelines by name; by default that of the project in the working directory.
        env: The environment of that project.
    """

    def __init__(
        self,
        pipeline_id: str,
        tenant_id: str | None = None,
        *,
        stages: Mapping[str, Work] | None = None,
        executor: RunsPipelines | None = None,
        env: str = "base",
    ) -> None:
        given: object = pipeline_id
        if not isinstance(given, str) or not given.strip():
            raise ValidationError(f"pipeline_id must be a text, got {pipeline_id!r}.")
        self.pipeline_id = pipeline_id
        self.tenant_id = tenant_id
        self._executor = executor
        self._env = env
        self._work: dict[PipelineStage, Work] = {}
        self._asked: tuple[PipelineStage, ...] = ()
        self._results: dict[str, dict[str, Any]] = {}
        self._progress = _Progress()
        for stage, work in (stages or {}).items():
            self.bind(stage, work)

    def bind(self, stage: str, work: Work) -> Self:
        """Let a stage do some work: call a function, or run a pipeline of the project by name.

        Raises:
            ValidationError: The work is neither callable nor a name.
        """
        if not callable(work) and (not work or not isinstance(work, str)):
            raise ValidationError(
                f"Stage {str(stage)!r} cannot be bound to {work!r}.",
                suggestions=["Give a callable, or the name of a pipeline of the project."],
            )
        self._work[_stage(stage)] = work
        return self

    @property
    def stages(self) -> tuple[PipelineStage, ...]:
        """The stages that are bound: the six in their order, then others as they were bound."""
        known = [*PipelineStage, *(s for s in self._work if s not in PipelineStage)]
        return tuple(stage for stage in known if self._find(stage) is not None)

    def run_pipeline(
        self, stages: Iterable[str] | None = None, *, raise_on_failure: bool = False
    ) -> dict[str, dict[str, Any]]:
        """Run stages one after the other; the first that fails stops the rest.

        Args:
            stages: In the order they run; by default all that are bound, else the six.
            raise_on_failure: Raise where a stage fails, instead of only saying so.

        Returns:
            Stage to ``status`` (``completed``, ``failed``, ``skipped``), ``result``, ``error`` and
            ``duration`` in seconds.

        Raises:
            PipelineExecutionError: A stage failed and ``raise_on_failure`` is set.
        """
        given = self.stages or tuple(PipelineStage) if stages is None else stages
        self._asked = tuple(dict.fromkeys(_stage(stage) for stage in given))
        self._results = {}
        return self._run(raise_on_failure)

    def run_stage(self, stage: str, *, raise_on_failure: bool = False) -> dict[str, Any]:
        """Run one stage, with the results of those that ran before; return what became of it."""
        chosen = _stage(stage)
        self._asked = (*(each for each in self._asked if each != chosen), chosen)
        self._results.pop(chosen, None)
        self._run(raise_on_failure, only=chosen)
        return dict(self._results[chosen])

    def resume(self, *, raise_on_failure: bool = False) -> dict[str, dict[str, Any]]:
        """Go on with the stage that failed; those that completed are not run again.

        Raises:
            PlanningError: Nothing was run before.
        """
        if not self._asked:
            raise PlanningError(
                f"Pipeline {self.pipeline_id!r} has not run; there is nothing to resume.",
                suggestions=["Call run_pipeline() first."],
            )
        return self._run(raise_on_failure)

    def get_pipeline_status(self) -> dict[str, Any]:
        """Return the pipeline's id and tenant, how it stands, and how each stage does."""
        return {
            "pipeline_id": self.pipeline_id,
            "tenant_id": self.tenant_id,
            "status": self._progress.status,
            "current_stage": self._progress.current,
            "stages": {
                stage: self._results.get(stage, {}).get("status", "pending")
                for stage in self._asked
            },
            "started_at": self._progress.started_at,
            "ended_at": self._progress.ended_at,
        }

    # Inside

    def _run(
        self, raise_on_failure: bool, only: PipelineStage | None = None
    ) -> dict[str, dict[str, Any]]:
        done = {s for s, r in self._results.items() if r["status"] == "completed"}
        todo = [only] if only is not None else [s for s in self._asked if s not in done]
        about = {"pipeline": self.pipeline_id, "tenant_id": self.tenant_id}
        self._progress.begin()
        try:
            failure = get_observers().perform(
                Operation.PIPELINE_RUN, about, lambda _: self._loop(todo), lambda _: about
            )
        except PipelineExecutionError as error:
            failure = error
        finally:
            self._progress.end(self._results.values())
        if failure is not None and raise_on_failure:
            raise failure
        return {s: dict(self._results[s]) for s in self._asked if s in self._results}

    def _loop(self, todo: list[PipelineStage]) -> None:
        nodes = [
            Node(
                name=stage.value,
                function=functools.partial(self._call, stage),
                dependencies=tuple(each.value for each in todo[max(0, number - 1) : number]),
            )
            for number, stage in enumerate(todo)
        ]
        executor = InlineExecutor()
        scheduler = Scheduler(
            plan=make_plan(Pipeline(self.pipeline_id, tuple(nodes))),
            submit=lambda node: executor.submit(_returning, node.function),
            listener=_Listener(self._results, self._progress),
        )
        for result in scheduler.run().values():
            if result.status is NodeStatus.FAILED:
                raise PipelineExecutionError(
                    f"Pipeline {self.pipeline_id!r} failed in stage {result.name!r}: "
                    f"{result.error}",
                    context={"pipeline": self.pipeline_id, "stage": result.name},
                    suggestions=["resume() goes on with this stage."],
                ) from result.error

    def _find(self, stage: PipelineStage) -> Work | None:
        """Return the work of a stage: what was bound, else the method of a subclass."""
        name = stage.value.replace("-", "_").replace(" ", "_")
        for base in type(self).__mro__:
            if base is MLOpsPipeline or stage in self._work:
                break
            if callable(vars(base).get(name)):
                method: Callable[..., Any] = getattr(self, name)
                return method
        return self._work.get(stage)

    def _call(self, stage: PipelineStage) -> Any:
        work = self._find(stage)
        if work is None:
            raise PlanningError(
                f"Stage {stage.value!r} has nothing to do.",
                suggestions=[
                    f"Bind it: pipeline.bind({stage.value!r}, function), or the name of a pipeline."
                ],
            )
        node = Node(
            name=stage.value,
            function=work,
            dependencies=tuple(str(each) for each in self._results),
        )
        about = {"pipeline": self.pipeline_id, "node": stage.value}
        return get_observers().perform(
            Operation.NODE_RUN, about, lambda _: self._work_of(node), lambda _: about
        )

    def _work_of(self, node: Node) -> Any:
        if isinstance(node.function, str):
            return self._project().run_pipeline(node.function)
        results = {stage: found["result"] for stage, found in self._results.items()}
        given = {"pipeline_id": self.pipeline_id, "tenant_id": self.tenant_id, "results": results}
        binding = bind_node(node, Available(nodes=tuple(results), params=given))
        try:
            return binding.call(
                lambda item: (
                    results[_stage(item.key)] if item.kind is SourceKind.NODE else given[item.key]
                )
            )
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the boundary around the user's code, also sys.exit()
            raise node_error(node, error, pipeline=self.pipeline_id) from error

    def _project(self) -> RunsPipelines:
        if self._executor is None:
            open_project = _optional.load("tauro.project:open_project")
            self._executor = open_project(".", self._env, tenant_id=self.tenant_id)
        assert self._executor is not None
        return self._executor


def create_mlops_pipeline(
    pipeline_id: str, tenant_id: str | None = None, **options: Any
) -> MLOpsPipeline:
    """Return a pipeline of stages; the same as :class:`MLOpsPipeline`."""
    return MLOpsPipeline(pipeline_id, tenant_id, **options)


@dataclass(slots=True)
class _Progress:
    """How a pipeline of stages stands."""

    status: str = "pending"
    current: str | None = None
    started_at: str | None = None
    ended_at: str | None = None

    def begin(self) -> None:
        self.status, self.ended_at = "running", None
        self.started_at = from_ns(now_ns()).isoformat()

    def end(self, results: Iterable[Mapping[str, Any]]) -> None:
        statuses = {result["status"] for result in results}
        worst = next((s for s in ("interrupted", "failed", "skipped") if s in statuses), "")
        self.status = {"skipped": "failed"}.get(worst, worst) or "completed"
        self.current = None
        self.ended_at = from_ns(now_ns()).isoformat()


@dataclass(slots=True)
class _Listener:
    """Keeps what becomes of the stages while they run."""

    results: dict[str, dict[str, Any]]
    progress: _Progress

    def node_started(self, node: Node, position: int, total: int, attempt: int) -> None:
        del position, total, attempt
        self.progress.current = node.name

    def node_retried(self, node: Node, attempt: int, error: BaseException, pause: float) -> None:
        """Stages are not tried again; the pipelines they run retry their own nodes."""

    def run_waits(self, nodes: Sequence[str]) -> None:
        """Stages run in the caller's thread; an interruption reaches them at once."""

    def node_finished(self, result: NodeResult) -> None:
        error = str(result.error) if result.error is not None else result.reason or None
        self.results[_stage(result.name)] = {
            "status": _STATUS[result.status],
            "result": result.value,
            "error": error,
            "duration": result.duration,
        }


def _stage(stage: str) -> PipelineStage:
    return stage if isinstance(stage, PipelineStage) else PipelineStage(stage)


def _returning(function: Any) -> NodeReturn:
    return NodeReturn(function())
