"""What a run will do, settled before anything starts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tauro._internal._close import did_you_mean
from tauro.errors import PlanningError
from tauro.pipeline._binding import Available, Binding, Bound, SourceKind, bind_node
from tauro.pipeline._graph import Graph, build_graph, select_nodes
from tauro.pipeline._models import Node, Pipeline, join_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which part of a pipeline to run; the conditions narrow each other.

    Attributes:
        nodes: These nodes and no others.
        from_nodes: These and what waits for them.
        to_nodes: These and what they wait for.
        tags: Nodes with at least one of these.
    """

    nodes: tuple[str, ...] = ()
    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A pipeline that can run.

    Attributes:
        pipeline: The whole pipeline.
        graph: Its edges.
        order: The nodes to run, in an order that respects the edges.
        waits: Node to the nodes of this plan that it waits for.
        bindings: Node to its function and sources.
        memory: Datasets that live in this process only.
    """

    pipeline: Pipeline
    graph: Graph
    order: tuple[str, ...]
    waits: Mapping[str, frozenset[str]]
    bindings: Mapping[str, Binding]
    memory: frozenset[str]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes to run, in order."""
        return tuple(self.graph.nodes[name] for name in self.order)


def make_plan(
    pipeline: Pipeline,
    *,
    datasets: Collection[str] = (),
    volatile: Collection[str] = (),
    selection: Selection | None = None,
    params: Mapping[str, Any] | None = None,
    dates: Collection[str] = (),
    reusable: Collection[str] = (),
) -> Plan:
    """Return the plan of a run.

    Args:
        pipeline: The nodes.
        datasets: Datasets that the catalog knows.
        volatile: Those of them that keep their value in this process's memory.
        selection: Which part to run; None is all of it.
        params: Parameters of this run, above those of the nodes.
        dates: Which of ``start_date`` and ``end_date`` the run gives.
        reusable: Nodes outside the plan whose returned values are at hand.

    Raises:
        PlanningError: The graph or a function cannot run as it is written.
    """
    graph = build_graph(pipeline, datasets)
    known = {*datasets, *graph.producers}
    memory = frozenset({*(known - {*datasets}), *volatile})
    _check_outputs(graph, datasets)
    chosen = selection or Selection()
    selected = select_nodes(
        graph,
        only=chosen.nodes,
        from_nodes=chosen.from_nodes,
        to_nodes=chosen.to_nodes,
        tags=chosen.tags,
    )
    order = tuple(name for name in graph.nodes if name in selected)
    available = Available(datasets=known, nodes=graph.nodes, params=params or {}, dates=dates)
    bindings = _bind_all([graph.nodes[name] for name in order], available)
    _check_generators(bindings)
    for binding in bindings.values():
        _check_left_out(binding, selected, graph, memory, reusable)
    return Plan(
        pipeline=pipeline,
        graph=graph,
        order=order,
        waits={name: graph.upstream[name] & selected for name in order},
        bindings=bindings,
        memory=memory,
    )


def _bind_all(nodes: Iterable[Node], available: Available) -> dict[str, Binding]:
    """Bind every node; the mistakes of all of them come in one error."""
    bindings: dict[str, Binding] = {}
    mistakes: list[PlanningError] = []
    for node in nodes:
        try:
            bindings[node.name] = bind_node(node, available)
        except PlanningError as error:
            mistakes.append(error)
    raise_together(mistakes)
    return bindings


def raise_together(mistakes: Sequence[PlanningError]) -> None:
    """Raise one error for all mistakes; return where there are none.

    Raises:
        PlanningError: There is at least one.
    """
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        listed = "\n".join(f"{number}. {error}" for number, error in enumerate(mistakes, 1))
        raise PlanningError(f"{len(mistakes)} mistakes:\n{listed}") from mistakes[0]


def lost_values(plan: Plan, finished: Collection[str], kept: Collection[str] = ()) -> set[str]:
    """Return the finished nodes that must run again for the others to get their inputs.

    Args:
        plan: What was to run.
        finished: The nodes that need not run again for their own sake.
        kept: Nodes whose returned values are at hand.
    """
    again: set[str] = set()
    waiting = [name for name in plan.order if name not in finished]
    while waiting:
        binding = plan.bindings.get(waiting.pop())
        for item in binding.bound if binding is not None else ():
            producer = _memory_producer(item, plan.graph, plan.memory)
            if producer in finished and producer not in again and not _is_kept(item, kept):
                again.add(producer)
                waiting.append(producer)
    return again


def missing_nodes(plan: Plan, exists: Callable[[str], bool]) -> set[str]:
    """Return the nodes that must run so that every dataset of a plan is there and up to date.

    These are the nodes with an output that does not exist, or that leave nothing to tell by; what
    waits for them; and whatever gives these the values that are only in memory.

    Args:
        plan: What would run.
        exists: Tells whether a dataset holds data.
    """
    read = {
        _memory_producer(item, plan.graph, plan.memory)
        for binding in plan.bindings.values()
        for item in binding.bound
    }
    stale: set[str] = set()
    for node in plan.nodes:
        kept = [name for name in node.outputs if name not in plan.memory]
        if not all(map(exists, kept)) or (not kept and node.name not in read):
            stale.add(node.name)
    needed = plan.graph.descendants(stale) & set(plan.order)
    return needed | lost_values(plan, set(plan.order) - needed)


def narrow_plan(plan: Plan, names: Collection[str]) -> Plan:
    """Return the part of a plan that consists of these nodes."""
    kept = set(names)
    order = tuple(name for name in plan.order if name in kept)
    return replace(
        plan,
        order=order,
        waits={name: plan.waits[name] & kept for name in order},
        bindings={name: plan.bindings[name] for name in order},
    )


def continue_plan(plan: Plan, finished: Collection[str], kept: Collection[str] = ()) -> Plan:
    """Return what of a plan is left after a run that finished some of its nodes.

    Finished nodes whose values only that run had in memory, and that others need, are in it again.

    Args:
        plan: The plan as if nothing had run.
        finished: The nodes that need not run again for their own sake.
        kept: Nodes whose returned values are at hand.
    """
    done = set(finished) & set(plan.order)
    return narrow_plan(plan, (set(plan.order) - done) | lost_values(plan, done, kept))


def _memory_producer(item: Bound, graph: Graph, memory: Collection[str]) -> str:
    """Return the node that must have run in this process for a value to be there, or nothing."""
    if item.kind is SourceKind.NODE:
        return item.key
    if item.kind is SourceKind.DATASET and item.key in memory:
        return graph.producers.get(item.key, "")
    return ""


def _is_kept(item: Bound, kept: Collection[str]) -> bool:
    return item.kind is SourceKind.NODE and item.key in kept


def check_process_boundary(plan: Plan) -> None:
    """Refuse a plan whose nodes would hand values from memory to memory.

    Nodes travel by name and each process reads its inputs from the catalog, so a value that only
    one process holds cannot reach another.

    Raises:
        PlanningError: Names the nodes and what they share.
    """
    crossing = [
        (item.key, name)
        for name, binding in plan.bindings.items()
        for item in binding.bound
        if _memory_producer(item, plan.graph, plan.memory)
    ]
    if crossing:
        pairs = ", ".join(f"{source!r} -> {name!r}" for source, name in crossing[:6])
        raise PlanningError(
            f"These values are only in memory and cannot go to another process: {pairs}.",
            suggestions=[
                "Declare them as datasets in the output configuration, or use --executor threads."
            ],
        )


def check_timeouts(plan: Plan, executor: str) -> None:
    """Refuse time-outs that an executor could not enforce.

    Raises:
        PlanningError: A thread cannot be ended from outside.
    """
    timed = [node.name for node in plan.nodes if node.timeout is not None]
    if timed:
        raise PlanningError(
            f"The {executor} executor cannot end a node, but a timeout is set for "
            f"{join_names(timed)}.",
            suggestions=["Use --executor processes, or remove the timeout."],
        )


def _check_outputs(graph: Graph, datasets: Collection[str]) -> None:
    for dataset, producer in graph.producers.items():
        if dataset not in datasets and dataset not in graph.readers:
            raise PlanningError(
                f"Node {graph.nodes[producer].where}: the output {dataset!r} is no dataset, and "
                "no node reads it.",
                suggestions=did_you_mean(dataset, {*datasets, *graph.readers})
                or ["Declare it in the output configuration, or remove it."],
            )


def _check_generators(bindings: Mapping[str, Binding]) -> None:
    """Refuse a generator that nobody reads: calling it would run nothing of its body."""
    read = {
        item.key
        for binding in bindings.values()
        for item in binding.bound
        if item.kind is SourceKind.NODE
    }
    for name, binding in bindings.items():
        idle = not binding.node.outputs and name not in read
        if idle and inspect.isgeneratorfunction(binding.function):
            raise PlanningError(
                f"Node {binding.node.where}: {binding.node.function_name!r} is a generator, and "
                "nothing reads what it yields, so that nothing of it would run.",
                suggestions=["Return a list, or declare an output."],
            )


def _check_left_out(
    binding: Binding,
    selected: Collection[str],
    graph: Graph,
    memory: Collection[str],
    reusable: Collection[str],
) -> None:
    """Refuse a selection that leaves out the only source of a value."""
    for item in binding.bound:
        producer = _memory_producer(item, graph, memory)
        if not producer or producer in selected or _is_kept(item, reusable):
            continue
        raise PlanningError(
            f"Node {binding.node.where} needs {item.key!r}, which only node {producer!r} gives "
            "and which is not kept on disk; that node is not part of this run.",
            suggestions=[f"Declare it as a dataset, or run {producer!r} too."],
        )
