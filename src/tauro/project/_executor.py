"""A project's pipelines, planned, run and looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tauro._internal import _optional
from tauro._internal._dataset import DatasetSpec
from tauro._internal._ids import new_id
from tauro.catalog import Catalog, Dataset
from tauro.config import Context
from tauro.pipeline import Detection, Plan, Workspace
from tauro.project._hooks import load_hooks
from tauro.project._listeners import RunListener
from tauro.project._node import NodeRunner
from tauro.project._options import RunOptions, RunResult
from tauro.project._planner import Planner, Prepared
from tauro.project._policy import MLPolicy
from tauro.project._records import RunHistory
from tauro.project._services import MLOpsHolder, ServiceProvider
from tauro.project._session import Session
from tauro.project._validate import check_sources
from tauro.types import StrPath

if TYPE_CHECKING:
    from tauro.mlops import MLOpsContext
    from tauro.project._describe import PipelineSummary


class BaseExecutor:
    """What every executor of a project has: its context, and its MLOps context on demand.

    Args:
        context: The project's configuration.
        project: The descriptor, or its folder, from which another process can load the project; by
            default the folder of the context.
        store: Location of the store, above what the project and the environment say.
        tenant_id: The tenant whose part of the store is used.
    """

    def __init__(
        self,
        context: Context,
        *,
        project: StrPath | None = None,
        store: str | None = None,
        tenant_id: str | None = None,
    ) -> None:
        self.context = context
        self.project = str(project if project is not None else context.root)
        self._mlops = MLOpsHolder(context, store=store, tenant_id=tenant_id)

    @property
    def mlops_context(self) -> MLOpsContext:
        """The project's MLOps context, made on first use; pure ETL never gets here."""
        return self._mlops.get()


class PipelineExecutor(BaseExecutor):
    """Plans and runs the pipelines of a project; made like every :class:`BaseExecutor`."""

    def run_pipeline(
        self,
        name: str,
        *,
        nodes: Sequence[str] = (),
        from_nodes: Sequence[str] = (),
        to_nodes: Sequence[str] = (),
        tags: Sequence[str] = (),
        only_missing: bool = False,
        params: Mapping[str, Any] | None = None,
        start_date: date | str | None = None,
        end_date: date | str | None = None,
        executor: str | Executor | None = None,
        max_workers: int | None = None,
        keep_going: bool = False,
        resume: str | None = None,
        listeners: Sequence[RunListener] = (),
    ) -> RunResult:
        """Run a pipeline and return what became of it.

        The arguments are those of :class:`RunOptions`; ``listeners`` are told what happens.

        Raises:
            ConfigError: There is no such pipeline, or its configuration has mistakes.
            PlanningError: It cannot run as it is written; nothing was started.
            PipelineExecutionError: A node failed; names the node, the run and the cause.
        """
        options = RunOptions(
            nodes=tuple(nodes),
            from_nodes=tuple(from_nodes),
            to_nodes=tuple(to_nodes),
            tags=tuple(tags),
            only_missing=only_missing,
            params=dict(params or {}),
            start_date=start_date,
            end_date=end_date,
            executor=executor,
            max_workers=max_workers,
            keep_going=keep_going,
            resume=resume,
        )
        return self.run(name, options, listeners=listeners)

    def run(
        self, name: str, options: RunOptions, *, listeners: Sequence[RunListener] = ()
    ) -> RunResult:
        """Run a pipeline with options made before; see :meth:`run_pipeline`."""
        load_hooks()
        prepared = self._planner.prepare(name, options)
        run_id = new_id()
        session = Session(
            context=self.context,
            project=self.project,
            plan=prepared.plan,
            options=prepared.options,
            run_id=run_id,
            runner=self._runner(prepared, run_id),
            store=self._mlops.store,
            tenant=self._mlops.tenant_id,
            resumed=prepared.resumed,
            listeners=listeners,
        )
        return session.run()

    def plan(self, name: str, options: RunOptions | None = None) -> Plan:
        """Return what a run would do, with every function imported and every parameter bound.

        Raises:
            ConfigError: There is no such pipeline.
            PlanningError: It cannot run as it is written.
        """
        return self._planner.prepare(name, options or RunOptions()).plan

    def validate(self, name: str, options: RunOptions | None = None) -> Plan:
        """Return the plan of a run after also looking whether the data it reads is there.

        Raises:
            ConfigError: There is no such pipeline.
            PlanningError: It cannot run as it is written, or data is missing.
        """
        plan = self.plan(name, options)
        check_sources(plan, self.catalog())
        return plan

    # Looking

    def list_pipelines(self) -> list[PipelineSummary]:
        """Return the pipelines of the project with their newest runs, in the order of the file.

        No node's code is imported, so a node that is ML by its type hints alone does not show it.
        A pipeline whose graph cannot be made says why in its ``problem``.
        """
        from tauro.project._describe import list_summaries

        return list_summaries(self.context, self.history().newest_runs())

    def describe_pipeline(self, name: str) -> PipelineSummary:
        """Return what a pipeline consists of and how its newest run ended.

        Raises:
            ConfigError: There is no such pipeline.
            PlanningError: Its graph cannot be made.
        """
        from tauro.project._describe import summarise

        newest = self.history().list_runs(name, limit=1)
        return summarise(self.context, name, newest=newest[0] if newest else None)

    def detect(self, plan: Plan) -> dict[str, Detection]:
        """Return which nodes of a plan are ML, and why."""
        policy = MLPolicy(self.context, plan.pipeline.name)
        return {name: policy.detect(binding) for name, binding in plan.bindings.items()}

    def draw_pipeline(self, name: str, kind: str = "text") -> str:
        """Return a drawing of a pipeline: ``text``, ``mermaid`` or ``svg``.

        Raises:
            ConfigError: There is no such pipeline.
            PlanningError: Its graph cannot be made, or there is no such kind of drawing.
        """
        from tauro.project._describe import draw

        return draw(self.context, name, kind)

    def catalog(self) -> Catalog:
        """Return the datasets of the project; what is in memory is each catalog's own."""
        return Catalog(
            self.context.inputs,
            self.context.outputs,
            root=self.context.root,
            formats={"model": self._model_dataset},
        )

    def _model_dataset(self, spec: DatasetSpec, root: Path) -> Dataset:
        del root
        made: Dataset = _optional.load("tauro.project._model_dataset:ModelDataset")(
            spec, lambda: self.mlops_context.model_registry
        )
        return made

    def history(self) -> RunHistory:
        """Return the records of earlier runs."""
        return RunHistory(self.context.root)

    # For processes that run single nodes

    def runner(self, name: str, options: RunOptions, run_id: str) -> NodeRunner:
        """Return what runs nodes of a run that another process conducts."""
        load_hooks()
        return self._runner(self._planner.prepare_nodes(name, options), run_id)

    @property
    def _planner(self) -> Planner:
        return Planner(self.context, self.project, self.catalog)

    def _runner(self, prepared: Prepared, run_id: str) -> NodeRunner:
        plan, resumed, catalog = prepared.plan, prepared.resumed, self.catalog()
        workspace = Workspace(
            datasets=catalog,
            memory=plan.memory - prepared.volatile,
            provide=ServiceProvider(self.context, self._mlops, prepared.policy),
            params=prepared.options.params,
            dates=prepared.options.dates,
            pipeline=plan.pipeline.name,
            run_id=run_id,
            values=resumed.values if resumed else {},
        )
        return NodeRunner(
            bindings=plan.bindings,
            workspace=workspace,
            catalog=catalog,
            ml_nodes=prepared.ml_nodes,
            mlops=self._mlops,
        )
