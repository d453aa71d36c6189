"""Running a node in a process that knows nothing of the run but its spec."""

from __future__ import annotations

import functools
import pickle
from typing import Any, Final

from tauro.pipeline import NodeReturn
from tauro.project._executor import PipelineExecutor
from tauro.project._node import NodeRunner, NodeSpec
from tauro.project._open import open_project
from tauro.project._options import RunOptions
from tauro.project._records import RunHistory, RunStart, new_start

_RETURNED: Final = 1 << 20
"""Bytes above which a returned value stays where it is; data belongs in datasets."""


class RemoteRunner:
    """Runs one node and hands back what may travel.

    Args:
        runner: Runs the node.
    """

    def __init__(self, runner: NodeRunner) -> None:
        self._runner = runner

    def run(self, name: str) -> NodeReturn:
        """Run a node."""
        returned = self._runner.run(name)
        return NodeReturn(_travelling(returned.value), returned.run_ids)


def load_runner(spec: NodeSpec) -> RemoteRunner:
    """Load the project of a spec and return what runs its node."""
    start = _start_of(spec)
    executor = _open(spec.project, spec.env, start.store, start.tenant)
    options = RunOptions(
        nodes=(spec.node,),
        params=start.params,
        start_date=start.dates.get("start_date"),
        end_date=start.dates.get("end_date"),
    )
    return RemoteRunner(executor.runner(spec.pipeline, options, spec.run_id))


@functools.lru_cache(maxsize=4)
def _open(project: str, env: str, store: str | None, tenant: str | None) -> PipelineExecutor:
    """Return a project's executor; a worker that runs many nodes of a run loads it once."""
    return open_project(project, env, store=store, tenant_id=tenant)


def _start_of(spec: NodeSpec) -> RunStart:
    """Return what the run was asked for; a scheduler that keeps no record asks for nothing."""
    history = RunHistory(_open(spec.project, spec.env, None, None).context.root)
    record = history.find_run(spec.run_id)
    if record is not None:
        return record.start
    return new_start(run_id=spec.run_id, pipeline=spec.pipeline, env=spec.env, nodes=[spec.node])


def _travelling(value: Any) -> Any:
    try:
        data = pickle.dumps(value)
    except Exception:  # noqa: BLE001 - pickling runs the user's code; such a value stays here
        return None
    return value if len(data) <= _RETURNED else None
