"""What a project's pipelines look like, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from tauro._internal import _optional
from tauro._internal._close import did_you_mean
from tauro.config import Context
from tauro.errors import PlanningError
from tauro.pipeline import Graph, build_graph
from tauro.project._auto_config import MLOpsAutoConfigurator
from tauro.project._records import RunRecord
from tauro.project._translate import pipeline_of

_DRAWERS: Mapping[str, str] = {
    "text": "tauro.pipeline._draw:draw_text",
    "mermaid": "tauro.pipeline._draw:draw_mermaid",
    "svg": "tauro.pipeline._svg:draw_svg",
}


@dataclass(frozen=True, slots=True)
class NodeSummary:
    """A node of a pipeline, for people.

    Attributes:
        name: Its name.
        function: Its function's reference.
        inputs: The datasets and nodes it reads.
        outputs: The datasets it writes.
        dependencies: The nodes it waits for.
        tags: Its tags.
        ml: Whether it is ML.
        reason: Why.
    """

    name: str
    function: str
    inputs: list[str]
    outputs: list[str]
    dependencies: list[str]
    tags: list[str]
    ml: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSummary:
    """A pipeline, for people.

    Attributes:
        name: Its name.
        description: What it is for.
        node_list: Its nodes, in an order in which they can run.
        last_run: Id of the newest run, if it ever ran.
        last_status: How that ended.
        last_started_at: When it started.
        problem: Why its graph cannot be made; its nodes are not told then.
    """

    name: str
    description: str
    node_list: tuple[NodeSummary, ...]
    last_run: str = ""
    last_status: str = ""
    last_started_at: datetime | None = None
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as plain values, with the number of nodes and of ML nodes."""
        found = asdict(self)
        found["nodes"] = len(self.node_list)
        found["ml_nodes"] = sum(node.ml for node in self.node_list)
        return found


def summarise(
    context: Context, name: str, *, newest: RunRecord | None, imports: bool = True
) -> PipelineSummary:
    """Return a pipeline, for people.

    Args:
        context: The project.
        name: The pipeline.
        newest: Its newest run.
        imports: Whether its functions are imported, to see which are ML by their type hints.
    """
    graph = _graph_of(context, name)
    found = MLOpsAutoConfigurator(context).detect(name, imports=imports)
    nodes = tuple(
        NodeSummary(
            name=node.name,
            function=node.function_name,
            inputs=list(dict.fromkeys(node.inputs.values())),
            outputs=list(node.outputs),
            dependencies=sorted(graph.upstream[node.name]),
            tags=sorted(node.tags),
            ml=found[node.name].is_ml,
            reason=found[node.name].reason,
        )
        for node in graph.nodes.values()
    )
    return replace(_without_nodes(context, name, newest), node_list=nodes)


def list_summaries(context: Context, newest: Mapping[str, RunRecord]) -> list[PipelineSummary]:
    """Return every pipeline, for people; one whose graph cannot be made says why.

    Args:
        context: The project.
        newest: The newest run of each pipeline.
    """
    found: list[PipelineSummary] = []
    for name in context.pipelines:
        try:
            found.append(summarise(context, name, newest=newest.get(name), imports=False))
        except PlanningError as error:
            broken = _without_nodes(context, name, newest.get(name))
            found.append(replace(broken, problem=error.message))
    return found


def _without_nodes(context: Context, name: str, newest: RunRecord | None) -> PipelineSummary:
    return PipelineSummary(
        name=name,
        description=context.pipelines[name].description,
        node_list=(),
        last_run=newest.run_id if newest else "",
        last_status=newest.status if newest else "",
        last_started_at=newest.start.started_at if newest else None,
    )


def draw(context: Context, name: str, kind: str) -> str:
    """Return a drawing of a pipeline.

    Raises:
        PlanningError: There is no drawing of this kind.
    """
    if kind not in _DRAWERS:
        raise PlanningError(
            f"A graph cannot be drawn as {kind!r}.",
            suggestions=did_you_mean(kind, _DRAWERS) or [f"Kinds: {', '.join(_DRAWERS)}."],
        )
    graph = _graph_of(context, name)
    ml_nodes = MLOpsAutoConfigurator(context).ml_nodes(name)
    drawing = _optional.load("tauro.pipeline._draw:drawing_of")(graph, ml_nodes)
    text: str = _optional.load(_DRAWERS[kind])(drawing)
    return text


def _graph_of(context: Context, name: str) -> Graph:
    return build_graph(pipeline_of(context, name), {**context.inputs, **context.outputs})
