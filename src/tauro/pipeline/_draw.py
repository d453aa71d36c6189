"""A pipeline's graph as text and as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tauro.pipeline._graph import Graph


@dataclass(frozen=True, slots=True)
class Vertex:
    """A node or dataset in a drawing.

    Attributes:
        key: Unique in the drawing.
        label: What it is called.
        kind: ``node``, ``ml`` or ``dataset``.
    """

    key: str
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a drawing shows.

    Attributes:
        vertices: By key, in an order in which edges go forward.
        edges: Pairs of keys.
    """

    vertices: dict[str, Vertex]
    edges: tuple[tuple[str, str], ...]


def drawing_of(graph: Graph, ml_nodes: Collection[str] = ()) -> Drawing:
    """Return the nodes and datasets of a graph with their edges.

    Args:
        graph: The pipeline's graph.
        ml_nodes: Nodes that are ML, which are marked.
    """
    vertices: dict[str, Vertex] = {}
    edges: list[tuple[str, str]] = []

    def dataset(name: str) -> str:
        key = f"dataset {name}"
        vertices.setdefault(key, Vertex(key, name, "dataset"))
        return key

    for name, node in graph.nodes.items():
        sources: list[str] = []
        covered: set[str] = set()
        for source in dict.fromkeys(node.inputs.values()):
            producer = graph.producers.get(source)
            if producer is None and source in graph.upstream[name]:
                sources.append(source)
                covered.add(source)
            else:
                sources.append(dataset(source))
                covered.add(producer or "")
        sources.extend(sorted(graph.upstream[name] - covered))
        vertices[name] = Vertex(name, name, "ml" if name in ml_nodes else "node")
        edges.extend((source, name) for source in sources)
        edges.extend((name, dataset(output)) for output in node.outputs)
    return Drawing(vertices, tuple(edges))


def draw_text(drawing: Drawing) -> str:
    """Return a drawing as a tree; what has several parents is drawn once and then named."""
    after: dict[str, list[str]] = {key: [] for key in drawing.vertices}
    targets = set()
    for source, target in drawing.edges:
        after[source].append(target)
        targets.add(target)
    drawn: set[str] = set()
    lines: list[str] = []
    for root in drawing.vertices:
        if root not in targets:
            lines.extend(_branch(drawing, after, root, drawn))
    return "\n".join(lines)


def _branch(
    drawing: Drawing, after: dict[str, list[str]], root: str, drawn: set[str]
) -> Iterator[str]:
    # A stack, not recursion: a chain of a thousand nodes is a tree a thousand deep.
    stack: list[tuple[str, str, str]] = [(root, "", "")]
    while stack:
        key, lead, indent = stack.pop()
        label = _shown(drawing.vertices[key])
        if key in drawn:
            yield f"{lead}{label} (above)" if after[key] else f"{lead}{label}"
            continue
        drawn.add(key)
        yield f"{lead}{label}"
        children = after[key]
        for number, child in enumerate(reversed(children)):
            last = number == 0
            branch = "└─ " if last else "├─ "
            stack.append((child, indent + branch, indent + ("   " if last else "│  ")))


def _shown(vertex: Vertex) -> str:
    if vertex.kind == "dataset":
        return f"[{vertex.label}]"
    return f"{vertex.label} (ML)" if vertex.kind == "ml" else vertex.label


def draw_mermaid(drawing: Drawing) -> str:
    """Return a drawing as a Mermaid flowchart, which GitHub and many editors show."""
    ids = {key: f"v{number}" for number, key in enumerate(drawing.vertices)}
    shapes = {"node": ("[", "]"), "ml": ("{{", "}}"), "dataset": ("[(", ")]")}
    lines = ["flowchart LR"]
    for key, vertex in drawing.vertices.items():
        left, right = shapes[vertex.kind]
        lines.append(f'    {ids[key]}{left}"{_escaped(vertex.label)}"{right}')
    lines.extend(f"    {ids[source]} --> {ids[target]}" for source, target in drawing.edges)
    return "\n".join(lines)


def _escaped(label: str) -> str:
    return label.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;")
