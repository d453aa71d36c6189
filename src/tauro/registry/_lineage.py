"""Where a version comes from: its run, the data and code of that run, and its parent versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tauro.registry._models import ModelMetadata

_RUN_FACTS: Final = ("experiment_id", "name", "status", "user", "start_time", "end_time")
_DATA_FACTS: Final = ("name", "fingerprint", "context", "source", "rows")
Kind = Literal["version", "run", "dataset", "code"]
_Found = tuple[str, int, ModelMetadata | None]


@dataclass(frozen=True, slots=True)
class LineageNode:
    """Something that a version comes from.

    Attributes:
        id: Unique within the lineage: ``version:fraud/3``, ``run:01h…``.
        kind: ``version``, ``run``, ``dataset`` or ``code``.
        label: What people call it.
        facts: What is known of it; empty where the store does not hold it.
    """

    id: str
    kind: Kind
    label: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """``source`` comes from ``target``.

    Attributes:
        source: A node's id.
        target: The id of what it comes from.
        relation: ``made by``, ``read``, ``ran`` or ``derived from``.
    """

    source: str
    target: str
    relation: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """A version with all that it comes from; the version itself is the first node."""

    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]

    @property
    def root(self) -> LineageNode:
        """The version that was asked for."""
        return self.nodes[0]

    def to_dict(self) -> dict[str, Any]:
        """Return nodes and edges as plain values."""
        return {
            "nodes": [
                {"id": n.id, "kind": n.kind, "label": n.label, "facts": dict(n.facts)}
                for n in self.nodes
            ],
            "edges": [
                {"source": e.source, "target": e.target, "relation": e.relation} for e in self.edges
            ],
        }

    def to_text(self) -> str:
        """Return a tree with the version at the top."""
        labels = {node.id: node.label for node in self.nodes}
        below: dict[str, list[LineageEdge]] = {}
        for edge in self.edges:
            below.setdefault(edge.source, []).append(edge)
        lines, seen = [self.root.label], {self.root.id}
        # A stack and no recursion: a model that is trained on from day to day has a long ancestry.
        stack = [(self.root.id, "", 0)]
        while stack:
            node, indent, position = stack.pop()
            edges = below.get(node, [])
            if position == len(edges):
                continue
            stack.append((node, indent, position + 1))
            edge, last = edges[position], position == len(edges) - 1
            again = edge.target in seen
            note = " (above)" if again and edge.target in below else ""
            corner = "└─" if last else "├─"
            lines.append(f"{indent}{corner} {edge.relation} {labels[edge.target]}{note}")
            if not again:
                seen.add(edge.target)
                stack.append((edge.target, indent + ("   " if last else "│  "), 0))
        return "\n".join(lines)

    def to_mermaid(self) -> str:
        """Return a Mermaid flowchart, from what was there first to the version."""
        short = {node.id: f"n{position}" for position, node in enumerate(self.nodes)}
        shapes = {"version": "[", "run": "([", "dataset": "[(", "code": "{{"}
        ends = {"[": "]", "([": "])", "[(": ")]", "{{": "}}"}
        lines = ["flowchart LR"]
        for node in self.nodes:
            start = shapes[node.kind]
            label = node.label.replace("&", "#amp;").replace('"', "#quot;").replace("\n", " ")
            lines.append(f'    {short[node.id]}{start}"{label}"{ends[start]}')
        lines += [
            f"    {short[edge.target]} -- {edge.relation} --> {short[edge.source]}"
            for edge in self.edges
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()


class LineageTracer:
    """Follows a version back.

    Args:
        find: Returns the document of a version, None where there is none.
        run_facts: Returns what is known of a run, None where it is not there: its fields by name,
            with ``inputs`` (mappings with ``name`` and ``fingerprint``) and ``source`` (a mapping
            with ``git``).
    """

    def __init__(
        self,
        find: Callable[[str, int], ModelMetadata | None],
        run_facts: Callable[[str], Mapping[str, Any] | None] | None,
    ) -> None:
        self._find = find
        self._run_facts = run_facts
        self._nodes: dict[str, LineageNode] = {}
        self._edges: list[LineageEdge] = []

    def trace(self, metadata: ModelMetadata) -> Lineage:
        """Return the lineage of a version."""
        waiting: list[_Found] = [(metadata.name, metadata.version, metadata)]
        while waiting:
            name, version, found = waiting.pop()
            if _version_id(name, version) not in self._nodes:
                waiting += reversed(self._add_version(name, version, found))
        return Lineage(tuple(self._nodes.values()), tuple(self._edges))

    def _add_version(self, name: str, version: int, metadata: ModelMetadata | None) -> list[_Found]:
        """Add a version with its run, and the edges to its parents; return those."""
        node, label = _version_id(name, version), f"{name} v{version}"
        if metadata is None:
            self._nodes[node] = LineageNode(node, "version", f"{label} (not in this store)", {})
            return []
        self._nodes[node] = LineageNode(node, "version", label, _version_facts(metadata))
        if metadata.experiment_run_id:
            run_id = metadata.experiment_run_id
            self._edges.append(LineageEdge(node, f"run:{run_id}", "made by"))
            self._add_run(run_id)
        parents: list[_Found] = []
        for parent in metadata.parents:
            found = self._find(parent.name, parent.version)
            present = parent.name if found is None else found.name  # it may have been renamed
            self._edges.append(
                LineageEdge(node, _version_id(present, parent.version), "derived from")
            )
            parents.append((present, parent.version, found))
        return parents

    def _add_run(self, run_id: str) -> None:
        node = f"run:{run_id}"
        if node in self._nodes:
            return
        facts = (self._run_facts(run_id) if self._run_facts is not None else None) or {}
        name = facts.get("name")
        label = f"run {name} ({run_id})" if name else f"run {run_id}"
        kept = {key: facts[key] for key in _RUN_FACTS if key in facts}
        self._nodes[node] = LineageNode(node, "run", label, kept)
        for dataset in facts.get("inputs") or ():
            self._edges.append(LineageEdge(node, self._add_dataset(dataset), "read"))
        code = (facts.get("source") or {}).get("git")
        if code:
            self._edges.append(LineageEdge(node, self._add_code(code), "ran"))

    def _add_dataset(self, dataset: Mapping[str, Any]) -> str:
        facts = {key: dataset[key] for key in _DATA_FACTS if dataset.get(key) not in (None, "")}
        fingerprint = str(facts.get("fingerprint", ""))
        node = f"dataset:{facts.get('name', '')}@{fingerprint}"
        short = f"{fingerprint[:19]}…" if len(fingerprint) > 20 else fingerprint
        label = f"dataset {facts.get('name', '?')}" + (f" ({short})" if short else "")
        self._nodes.setdefault(node, LineageNode(node, "dataset", label, facts))
        return node

    def _add_code(self, code: Mapping[str, Any]) -> str:
        commit = str(code.get("commit", ""))
        dirty = " with uncommitted changes" if code.get("dirty") else ""
        node = f"code:{commit}{'+' if dirty else ''}"
        label = f"code {commit[:12]}{dirty}"
        self._nodes.setdefault(node, LineageNode(node, "code", label, dict(code)))
        return node


def _version_id(name: str, version: int) -> str:
    return f"version:{name}/{version}"


def _version_facts(metadata: ModelMetadata) -> dict[str, Any]:
    return {
        "name": metadata.name,
        "version": metadata.version,
        "framework": metadata.framework,
        "created_at": metadata.created_at,
        "created_by": metadata.created_by,
        "digest": metadata.digest,
        "dependencies": list(metadata.dependencies),
        "label": metadata.label,
    }
