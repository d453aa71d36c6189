"""From a pipeline's name and the options of a run to what will run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from tauro._internal._secrets import holds_mask, holds_secret
from tauro.catalog import Catalog
from tauro.config import AppConfigManager, Context
from tauro.errors import ConfigError, PlanningError
from tauro.pipeline import (
    Plan,
    Selection,
    check_process_boundary,
    check_timeouts,
    continue_plan,
    join_names,
    make_plan,
    missing_nodes,
    narrow_plan,
)
from tauro.project._options import RunOptions
from tauro.project._policy import MLNode, MLPolicy
from tauro.project._records import RunHistory, RunRecord
from tauro.project._translate import find_pipeline, pipeline_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that can start.

    Attributes:
        plan: What will run.
        options: How; of a run that continues another, with that one's parameters and dates.
        policy: The MLOps settings of the nodes.
        ml_nodes: The nodes that are ML.
        resumed: The run that is continued.
        volatile: Datasets that keep their value in this process only.
    """

    plan: Plan
    options: RunOptions
    policy: MLPolicy
    ml_nodes: Mapping[str, MLNode]
    resumed: RunRecord | None
    volatile: frozenset[str]


def add_import_path(context: Context) -> None:
    """Let a project's own modules be imported."""
    root = str(context.root)
    if root not in sys.path:
        sys.path.insert(0, root)


class Planner:
    """Plans the runs of a project.

    Args:
        context: The project's configuration.
        project: From where other processes load the project.
        catalog: Makes its catalog.
    """

    def __init__(self, context: Context, project: str, catalog: Callable[[], Catalog]) -> None:
        self._context = context
        self._project = project
        self._catalog = catalog

    def prepare(self, name: str, options: RunOptions) -> Prepared:
        """Return a run that can start, with every function imported and every parameter bound.

        Raises:
            ConfigError: There is no such pipeline.
            PlanningError: It cannot run as it is written; nothing was started.
        """
        resumed = self._resumed(name, options)
        if resumed is not None:
            known = find_pipeline(self._context, name).nodes
            options = _continued(options, resumed, known)
        prepared = self.prepare_nodes(name, options, resumed)
        self._check_executor(prepared.plan, prepared.options)
        return prepared

    def prepare_nodes(
        self, name: str, options: RunOptions, resumed: RunRecord | None = None
    ) -> Prepared:
        """Return a run for an executor that somebody else has chosen and checked."""
        add_import_path(self._context)
        datasets = {**self._context.inputs, **self._context.outputs}
        volatile = frozenset(key for key, one in datasets.items() if one.format == "memory")
        plan = make_plan(
            pipeline_of(self._context, name),
            datasets=datasets,
            volatile=volatile,
            selection=Selection(
                nodes=options.nodes,
                from_nodes=options.from_nodes,
                to_nodes=options.to_nodes,
                tags=options.tags,
            ),
            params=options.params,
            dates=options.dates,
            reusable=resumed.values if resumed else (),
        )
        if options.only_missing:
            plan = narrow_plan(plan, missing_nodes(plan, self._catalog().exists))
        if resumed is not None:
            plan = continue_plan(plan, resumed.finished, resumed.values)
        policy = MLPolicy(self._context, name)
        return Prepared(
            plan=plan,
            options=options,
            policy=policy,
            ml_nodes=policy.ml_nodes(plan),
            resumed=resumed,
            volatile=volatile,
        )

    # Executors

    def _check_executor(self, plan: Plan, options: RunOptions) -> None:
        """Refuse what the chosen executor could not do."""
        chosen = options.executor
        if chosen == "processes":
            self._check_shippable(plan, options.params)
        elif isinstance(chosen, Executor) and not isinstance(chosen, ThreadPoolExecutor):
            self._check_shippable(plan, options.params)
            if not hasattr(chosen, "terminate"):
                check_timeouts(plan, type(chosen).__name__)
        else:
            check_timeouts(plan, "threads")

    def _check_shippable(self, plan: Plan, params: Mapping[str, Any]) -> None:
        check_process_boundary(plan)
        secret = [name for name, value in params.items() if holds_secret({name: value})]
        if secret:
            raise PlanningError(
                f"The parameters {join_names(secret)} look secret and are never written down, so "
                "that nodes in other processes cannot be told.",
                suggestions=["Put them into the environment and name them in the settings: ${X}."],
            )
        try:
            AppConfigManager(self._project)
        except ConfigError as error:
            raise PlanningError(
                f"Nodes go to other processes by name, but {self._project} has no descriptor "
                "from which these could load the project.",
                suggestions=["Use --executor threads, or write a descriptor (settings_json.json)."],
            ) from error

    # Resuming

    def _resumed(self, name: str, options: RunOptions) -> RunRecord | None:
        if options.resume is None:
            return None
        history = RunHistory(self._context.root)
        if options.resume == "last":
            return history.find_resumable(name)
        record = history.get_run(options.resume)
        if record.start.pipeline != name:
            raise PlanningError(
                f"Run {record.run_id} is of pipeline {record.start.pipeline!r}, not of {name!r}.",
                suggestions=[f"Resume it with --pipeline {record.start.pipeline}."],
            )
        return record


def _continued(options: RunOptions, resumed: RunRecord, known: Collection[str]) -> RunOptions:
    """Return the options of a run that continues another.

    Its parameters and dates hold on, and, where it was to run a part of the pipeline and no other
    part is asked for, so does that part.

    Args:
        options: What is asked for.
        resumed: The run that is continued.
        known: The nodes that the pipeline has by now.

    Raises:
        PlanningError: It had a secret parameter, which must be given again.
    """
    start = resumed.start
    nodes = options.nodes
    if start.narrowed and not options.chooses_nodes:
        nodes = tuple(name for name in resumed.scope if name in known)
        if not nodes:
            raise PlanningError(
                f"Run {resumed.run_id} was to run {join_names(resumed.scope)}, which pipeline "
                f"{start.pipeline!r} does not have any more.",
                suggestions=["Leave --resume out to run the pipeline anew."],
            )
    inherited = {key: value for key, value in start.params.items() if key not in options.params}
    masked = [name for name, value in inherited.items() if holds_mask(value)]
    if masked:
        raise PlanningError(
            f"Run {resumed.run_id} had the parameters {join_names(masked)}, which look secret and "
            "were not written down.",
            suggestions=["Give them again with --params."],
        )
    return replace(
        options,
        nodes=nodes,
        params={**inherited, **options.params},
        start_date=options.start_date or start.dates.get("start_date"),
        end_date=options.end_date or start.dates.get("end_date"),
    )
