"""The graph of a pipeline: who waits for whom, in what order, and which part of it to run.

Nothing here imports a node's code, so that a scheduler can read the graph alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tauro._internal._close import did_you_mean
from tauro.errors import PlanningError
from tauro.pipeline._models import Node, Pipeline, join_names


@dataclass(frozen=True, slots=True)
class Graph:
    """The edges of a pipeline and an order that respects them.

    Attributes:
        nodes: Every node by name, in an order in which they can run.
        upstream: Node to the nodes it waits for.
        downstream: Node to the nodes that wait for it.
        producers: Dataset to the node that writes it.
        readers: Dataset to the nodes that read it.
    """

    nodes: Mapping[str, Node]
    upstream: Mapping[str, frozenset[str]]
    downstream: Mapping[str, frozenset[str]]
    producers: Mapping[str, str]
    readers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Return the nodes with those that they wait for, directly or not."""
        return _closure(names, self.upstream)

    def descendants(self, names: Iterable[str]) -> set[str]:
        """Return the nodes with those that wait for them, directly or not."""
        return _closure(names, self.downstream)


def build_graph(pipeline: Pipeline, datasets: Collection[str] = ()) -> Graph:
    """Return the graph of a pipeline.

    Args:
        pipeline: The nodes.
        datasets: Names that are datasets, also where a node bears the same name.

    Raises:
        PlanningError: A dependency names no node, two nodes write one dataset, or there is a cycle.
    """
    nodes = {node.name: node for node in pipeline.nodes}
    producers = _producers(pipeline)
    upstream: dict[str, frozenset[str]] = {}
    readers: dict[str, list[str]] = {}
    for node in pipeline.nodes:
        waits: set[str] = set()
        for dependency in node.dependencies:
            if dependency not in nodes:
                raise PlanningError(
                    f"Node {node.where} depends on {dependency!r}, which is no node of "
                    f"pipeline {pipeline.name!r}.",
                    suggestions=did_you_mean(dependency, nodes)
                    or [f"Its nodes: {join_names(nodes)}."],
                )
            waits.add(dependency)
        for source in node.inputs.values():
            readers.setdefault(source, []).append(node.name)
            producer = producers.get(source)
            if producer is None and source in nodes and source not in datasets:
                producer = source
            if producer is not None:
                waits.add(producer)
        upstream[node.name] = frozenset(waits)
    downstream: dict[str, set[str]] = {name: set() for name in nodes}
    for name, waits_for in upstream.items():
        for other in waits_for:
            downstream[other].add(name)
    order = _order(pipeline.name, upstream, downstream)
    return Graph(
        nodes={name: nodes[name] for name in order},
        upstream=upstream,
        downstream={name: frozenset(after) for name, after in downstream.items()},
        producers=producers,
        readers={dataset: tuple(names) for dataset, names in readers.items()},
    )


def select_nodes(
    graph: Graph,
    *,
    only: Collection[str] = (),
    from_nodes: Collection[str] = (),
    to_nodes: Collection[str] = (),
    tags: Collection[str] = (),
) -> set[str]:
    """Return the names of the nodes that all the given conditions leave; none given leaves all.

    Args:
        graph: The whole pipeline.
        only: These nodes and no others.
        from_nodes: These nodes and those that wait for them.
        to_nodes: These nodes and those that they wait for.
        tags: Nodes that carry at least one of these.

    Raises:
        PlanningError: A name or tag is unknown, or nothing is left.
    """
    for name in (*only, *from_nodes, *to_nodes):
        if name not in graph.nodes:
            raise PlanningError(
                f"There is no node {name!r} in this pipeline.",
                suggestions=did_you_mean(name, graph.nodes)
                or [f"Its nodes: {join_names(graph.nodes)}."],
            )
    known_tags = {tag for node in graph.nodes.values() for tag in node.tags}
    for tag in tags:
        if tag not in known_tags:
            raise PlanningError(
                f"No node carries the tag {tag!r}.",
                suggestions=did_you_mean(tag, known_tags) or [f"Tags: {join_names(known_tags)}."],
            )
    selected = set(graph.nodes)
    if only:
        selected &= set(only)
    if from_nodes:
        selected &= graph.descendants(from_nodes)
    if to_nodes:
        selected &= graph.ancestors(to_nodes)
    if tags:
        selected &= {name for name, node in graph.nodes.items() if node.tags & set(tags)}
    if not selected and graph.nodes:
        raise PlanningError(
            "No node is left by the nodes and tags that were asked for together.",
            suggestions=["Each condition narrows the others; leave one out."],
        )
    return selected


def _closure(names: Iterable[str], edges: Mapping[str, frozenset[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(edges[name])
    return found


def _producers(pipeline: Pipeline) -> dict[str, str]:
    producers: dict[str, str] = {}
    by_name = {node.name: node for node in pipeline.nodes}
    for node in pipeline.nodes:
        for dataset in node.outputs:
            other = producers.setdefault(dataset, node.name)
            if other != node.name:
                raise PlanningError(
                    f"Nodes {by_name[other].where} and {node.where} both write the dataset "
                    f"{dataset!r}.",
                    suggestions=["Give one of them another output; a dataset has one producer."],
                )
    return producers


def _order(
    pipeline: str, upstream: Mapping[str, frozenset[str]], downstream: Mapping[str, set[str]]
) -> list[str]:
    """Return a topological order; among nodes that are free at once, the declared order holds."""
    names = list(upstream)
    index = {name: position for position, name in enumerate(names)}
    missing = {name: len(waits) for name, waits in upstream.items()}
    free = [index[name] for name in names if not missing[name]]
    order: list[str] = []
    while free:
        name = names[heapq.heappop(free)]
        order.append(name)
        for after in downstream[name]:
            missing[after] -= 1
            if not missing[after]:
                heapq.heappush(free, index[after])
    if len(order) < len(names):
        cycle = _find_cycle({name: upstream[name] for name in names if missing[name]})
        raise PlanningError(
            f"Pipeline {pipeline!r} has a cycle: {' -> '.join(cycle)}.",
            suggestions=["Each of these waits for the one before it; remove one of the edges."],
        )
    return order


def _find_cycle(upstream: Mapping[str, frozenset[str]]) -> list[str]:
    """Return one cycle in the direction the data flows, its first node repeated at the end."""
    path: list[str] = []
    name = min(upstream)
    while name not in path:
        path.append(name)
        name = min(other for other in upstream[name] if other in upstream)
    cycle = [*path[path.index(name) :], name]
    return cycle[::-1]
