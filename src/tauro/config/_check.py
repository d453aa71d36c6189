"""Names that refer to other records: pipelines to nodes, nodes to nodes and datasets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tauro._internal._close import did_you_mean
from tauro.config._records import NodeConfig, PipelineConfig
from tauro.config._source import Map, Mark, Node, Problems, Scalar, Seq


def check_references(
    pipelines: Mapping[str, PipelineConfig],
    nodes: Mapping[str, NodeConfig],
    trees: Mapping[str, Map],
    problems: Problems,
) -> None:
    """Report every name that nothing answers to.

    Names are judged against what is written, not against what could be read, so that one mistake
    is reported once; and not at all where a file that might hold them could not be read.
    """
    known_nodes = trees["nodes"].entries
    if "nodes" in problems.unread:
        return
    for pipeline in pipelines.values():
        for name in pipeline.nodes:
            if name not in known_nodes:
                mark = _mark(trees["pipelines"], (pipeline.name, "nodes"), name)
                message = f"pipeline {pipeline.name!r} names {name!r}, which is not a node"
                problems.add(message, mark, _hints(name, known_nodes, "nodes"))
    made = [output for node in nodes.values() for output in node.outputs]
    datasets = dict.fromkeys([*trees["inputs"].entries, *trees["outputs"].entries, *made])
    readable = {**datasets, **dict.fromkeys(known_nodes)}
    for node in nodes.values():
        for name in node.dependencies:
            if name not in known_nodes:
                mark = _mark(trees["nodes"], (node.name, "dependencies"), name)
                message = f"node {node.name!r} depends on {name!r}, which is not a node"
                problems.add(message, mark, _hints(name, known_nodes, "nodes"))
        if not problems.unread & {"inputs", "outputs"}:
            _check_inputs(node, readable, trees["nodes"], problems)


def _check_inputs(node: NodeConfig, known: Collection[str], tree: Map, problems: Problems) -> None:
    for dataset in node.inputs.values():
        if dataset not in known:
            mark = _mark(tree, (node.name, "inputs"), dataset)
            message = f"node {node.name!r} reads {dataset!r}, which is not a dataset"
            problems.add(message, mark, _hints(dataset, known, "datasets"))


def _hints(name: str, known: Iterable[str], what: str) -> list[str]:
    names = list(dict.fromkeys(known))
    listed = f"Known {what}: {', '.join(names[:20])}." if names else f"No {what} are defined."
    return did_you_mean(name, names) or [listed]


def _mark(tree: Map, keys: tuple[str, ...], text: str) -> Mark:
    """Return where ``text`` is written below ``keys``, or the place of the last key found."""
    node: Node = tree
    for key in keys:
        entry = node.entries.get(key) if isinstance(node, Map) else None
        if entry is None:
            break
        node = entry.node
    if isinstance(node, Map):
        leaves = [entry.node for entry in node.entries.values()]
    else:
        leaves = node.items if isinstance(node, Seq) else [node]
    for leaf in leaves:
        if isinstance(leaf, Scalar) and text in (leaf.value, leaf.text):
            return leaf.mark
    return node.mark
