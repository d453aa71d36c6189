"""A node as it travels to an executor, and the one function that runs it wherever it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tauro._internal import _optional
from tauro.catalog import Catalog
from tauro.errors import MLOpsError
from tauro.pipeline import Binding, NodeReturn, Workspace, node_error
from tauro.project._policy import MLNode
from tauro.project._services import MLOpsHolder


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node to run, by name: never its data.

    Attributes:
        project: The descriptor of the project, or the folder it lies in.
        env: The environment.
        pipeline: The pipeline.
        node: The node.
        run_id: The run it is part of, whose record holds its parameters and dates.
    """

    project: str
    env: str
    pipeline: str
    node: str
    run_id: str


@dataclass(slots=True, kw_only=True)
class NodeRunner:
    """What a process needs to run nodes of one run.

    Attributes:
        bindings: Node to its function and sources.
        workspace: Where nodes find inputs and leave outputs.
        catalog: The datasets of the run.
        ml_nodes: The nodes that are ML.
        mlops: Makes their MLOps contexts.
    """

    bindings: Mapping[str, Binding]
    workspace: Workspace
    catalog: Catalog
    ml_nodes: Mapping[str, MLNode]
    mlops: MLOpsHolder

    def run(self, name: str) -> NodeReturn:
        """Run a node; an ML node within what records it.

        Raises:
            NodeExecutionError: It failed.
        """
        binding = self.bindings[name]
        ml = self.ml_nodes.get(name)
        if ml is None or not (ml.auto_log or binding.services):
            return NodeReturn(self.workspace.execute(binding))
        space = self.workspace
        try:
            # Opened before the node's work: a store that is not there must not cost hours first.
            tracker = self.mlops.get(ml.settings).experiment_tracker
        except (MLOpsError, OSError) as error:
            raise node_error(
                binding.node, error, pipeline=space.pipeline, run_id=space.run_id
            ) from error
        recording = _optional.load("tauro.project._recording:NodeRecording")
        made = recording(
            tracker=tracker,
            catalog=self.catalog,
            binding=binding,
            pipeline=space.pipeline,
            pipeline_run=space.run_id,
            auto_log=ml.auto_log,
            parameters=binding.node.parameters(space.params),
        )
        returned: NodeReturn = made.execute(space)
        return returned


_live: dict[str, NodeRunner] = {}
"""Runs that go on in this process."""


def enter(run_id: str, runner: NodeRunner) -> None:
    """Make a run's memory known to the nodes that run in this process."""
    _live[run_id] = runner


def leave(run_id: str) -> None:
    """Forget a run."""
    del _live[run_id]


def run_node(spec: NodeSpec) -> NodeReturn:
    """Run a node in this process, be it that of the run, a worker, or one on another machine.

    In the process of the run the node shares its memory. Elsewhere the project is loaded from its
    files, and a returned value goes back only if it can be pickled and is small.

    Raises:
        NodeExecutionError: The node failed.
        ConfigError: The project cannot be loaded here.
    """
    runner = _live.get(spec.run_id)
    if runner is not None:
        return runner.run(spec.node)
    load_runner = _optional.load("tauro.project._remote:load_runner")
    returned: NodeReturn = load_runner(spec).run(spec.node)
    return returned
