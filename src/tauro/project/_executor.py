"""A project's pipelines, planned and run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import date
from typing import Any

from tauro._internal._ids import new_id
from tauro.catalog import Catalog
from tauro.config import AppConfigManager, Context
from tauro.errors import ConfigError, PlanningError
from tauro.pipeline import (
    Detection,
    Plan,
    Selection,
    Workspace,
    check_process_boundary,
    check_timeouts,
    make_plan,
    missing_nodes,
    narrow_plan,
)
from tauro.project._describe import PipelineSummary, draw, summarise
from tauro.project._listeners import RunListener
from tauro.project._node import NodeRunner
from tauro.project._options import RunOptions, RunResult
from tauro.project._policy import MLPolicy
from tauro.project._records import RunHistory, RunRecord
from tauro.project._services import MLOpsHolder, ServiceProvider
from tauro.project._session import Session
from tauro.project._translate import pipeline_of
from tauro.project._validate import check_sources


class BaseExecutor:
    """What every executor of a project has: its context, and its MLOps context on demand.

    Args:
        context: The project's configuration.
        store: Location of the store, above what the project and the environment say.
        tenant_id: The tenant whose part of the store is used.
    """

    def __init__(
        self, context: Context, *, store: str | None = None, tenant_id: str | None = None
    ) -> None:
        self.context = context
        self._mlops = MLOpsHolder(context, store=store, tenant_id=tenant_id)

    @property
    def mlops_context(self) -> Any:
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
        resumed = self._resumed(name, options)
        options = _continued(options, resumed)
        plan = self._plan(name, options, resumed)
        self._check_executor(plan, options)
        run_id = new_id()
        session = Session(
            context=self.context,
            plan=plan,
            options=options,
            run_id=run_id,
            runner=self._runner(plan, options, run_id, resumed.values if resumed else {}),
            store=self._mlops.store,
            tenant=self._mlops.tenant_id,
            resumed=resumed,
            listeners=listeners,
        )
        return session.run()

    # Looking

    def list_pipelines(self) -> list[PipelineSummary]:
        """Return the pipelines of the project with their newest runs, in the order of the file.

        No node's code is imported, so a node that is ML by its type hints alone does not show it.
        """
        newest = self.history().newest_runs()
        return [
            summarise(self.context, name, newest=newest.get(name), imports=False)
            for name in self.context.pipelines
        ]

    def describe_pipeline(self, name: str) -> PipelineSummary:
        """Return what a pipeline consists of and how its newest run ended.

        Raises:
            ConfigError: There is no such pipeline.
            PlanningError: Its graph cannot be made.
        """
        self._import_path()
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
        self._import_path()
        return draw(self.context, name, kind)

    # Inside

    def runner(self, name: str, options: RunOptions, run_id: str) -> NodeRunner:
        """Return what runs single nodes of a run that another process conducts."""
        return self._runner(self._plan(name, options, None), options, run_id, {})

    def _runner(
        self, plan: Plan, options: RunOptions, run_id: str, values: dict[str, Any]
    ) -> NodeRunner:
        catalog = self.catalog()
        policy = MLPolicy(self.context, plan.pipeline.name)
        workspace = Workspace(
            datasets=catalog,
            memory=plan.memory - self._volatile(),
            provide=ServiceProvider(self.context, self._mlops, policy),
            params=options.params,
            dates=options.dates,
            pipeline=plan.pipeline.name,
            run_id=run_id,
            values=values,
        )
        return NodeRunner(
            bindings=plan.bindings,
            workspace=workspace,
            catalog=catalog,
            ml_nodes=policy.ml_nodes(plan),
            mlops=self._mlops,
        )

    def plan(self, name: str, options: RunOptions | None = None) -> Plan:
        """Return what a run would do, with every function imported and every parameter bound.

        Raises:
            ConfigError: There is no such pipeline.
            PlanningError: It cannot run as it is written.
        """
        options = options or RunOptions()
        resumed = self._resumed(name, options)
        plan = self._plan(name, _continued(options, resumed), resumed)
        self._check_executor(plan, options)
        return plan

    def validate(self, name: str, options: RunOptions | None = None) -> Plan:
        """Return the plan of a run after also looking whether the data it reads is there.

        Raises:
            ConfigError: There is no such pipeline.
            PlanningError: It cannot run as it is written, or data is missing.
        """
        plan = self.plan(name, options)
        check_sources(plan, self.catalog())
        return plan

    def catalog(self) -> Catalog:
        """Return the datasets of the project; what is in memory is each catalog's own."""
        return Catalog(self.context.inputs, self.context.outputs, root=self.context.root)

    def history(self) -> RunHistory:
        """Return the records of earlier runs."""
        return RunHistory(self.context.root)

    def _plan(self, name: str, options: RunOptions, resumed: RunRecord | None) -> Plan:
        self._import_path()
        plan = make_plan(
            pipeline_of(self.context, name),
            datasets={**self.context.inputs, **self.context.outputs}.keys(),
            volatile=self._volatile(),
            selection=Selection(
                nodes=options.nodes,
                from_nodes=options.from_nodes,
                to_nodes=options.to_nodes,
                tags=options.tags,
                finished=resumed.finished if resumed else frozenset(),
            ),
            params=options.params,
            dates=options.dates,
            reusable=resumed.values if resumed else (),
        )
        if options.only_missing:
            plan = narrow_plan(plan, missing_nodes(plan, self.catalog().exists))
        MLPolicy(self.context, name).ml_nodes(plan)
        return plan

    def _import_path(self) -> None:
        root = str(self.context.root)
        if root not in sys.path:
            sys.path.insert(0, root)

    def _check_executor(self, plan: Plan, options: RunOptions) -> None:
        """Refuse what the chosen executor could not do."""
        chosen = options.executor
        if not isinstance(chosen, Executor):
            if chosen == "processes":
                self._check_shippable(plan)
            else:
                check_timeouts(plan, "threads")
        elif not isinstance(chosen, ThreadPoolExecutor):
            self._check_shippable(plan)
            if not hasattr(chosen, "terminate"):
                check_timeouts(plan, type(chosen).__name__)
        else:
            check_timeouts(plan, "threads")

    def _check_shippable(self, plan: Plan) -> None:
        check_process_boundary(plan)
        try:
            AppConfigManager(self.context.root)
        except ConfigError as error:
            raise PlanningError(
                f"Nodes go to other processes by name, but {self.context.root} has no descriptor "
                "from which these could load the project.",
                suggestions=["Use --executor threads, or write a descriptor (settings_json.json)."],
            ) from error

    def _volatile(self) -> frozenset[str]:
        """Return the datasets that keep their value in this process only."""
        datasets = {**self.context.inputs, **self.context.outputs}
        return frozenset(name for name, config in datasets.items() if config.format == "memory")

    def _resumed(self, name: str, options: RunOptions) -> RunRecord | None:
        if options.resume is None:
            return None
        history = self.history()
        if options.resume == "last":
            return history.find_resumable(name)
        record = history.get_run(options.resume)
        if record.start.pipeline != name:
            raise PlanningError(
                f"Run {record.run_id} is of pipeline {record.start.pipeline!r}, not of {name!r}.",
                suggestions=[f"Resume it with --pipeline {record.start.pipeline}."],
            )
        return record


def _continued(options: RunOptions, resumed: RunRecord | None) -> RunOptions:
    """Return the options of a run that continues another: its parameters and dates hold on."""
    if resumed is None:
        return options
    start = resumed.start
    return RunOptions(
        nodes=options.nodes,
        from_nodes=options.from_nodes,
        to_nodes=options.to_nodes,
        tags=options.tags,
        only_missing=options.only_missing,
        params={**start.params, **options.params},
        start_date=options.start_date or start.dates.get("start_date"),
        end_date=options.end_date or start.dates.get("end_date"),
        executor=options.executor,
        max_workers=options.max_workers,
        keep_going=options.keep_going,
        resume=options.resume,
    )
