"""Which MLOps settings are a node's, and whether the node is ML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tauro.config import Context, MLOpsSettings
from tauro.errors import PlanningError
from tauro.pipeline import (
    ML_SERVICES,
    Binding,
    Detection,
    Node,
    Plan,
    Service,
    SourceKind,
    detect_ml,
    raise_together,
)


@dataclass(frozen=True, slots=True)
class MLNode:
    """What is to be done about an ML node.

    Attributes:
        settings: Merged from its own, the pipeline's, ``ml_info``'s and the global ones.
        auto_log: Whether it is recorded by itself.
    """

    settings: MLOpsSettings
    auto_log: bool


class MLPolicy:
    """The MLOps settings of the nodes of one pipeline.

    Args:
        context: The project's configuration.
        pipeline: The pipeline's name.
    """

    def __init__(self, context: Context, pipeline: str) -> None:
        self._context = context
        self._pipeline = pipeline
        self._shared = context.mlops_for(pipeline)
        self._own: dict[str, MLOpsSettings] = {}

    def settings(self, node: str) -> MLOpsSettings:
        """Return the settings of a node; nodes that set nothing share those of the pipeline."""
        if not self._context.nodes[node].ml_keys:
            return self._shared
        if node not in self._own:
            self._own[node] = self._context.mlops_for(self._pipeline, node)
        return self._own[node]

    def enabled(self, node: str) -> bool | None:
        """Return whether the settings decide that a node is ML; None leaves it to detection.

        Switched off at any level, it is off. Switched on for the node itself, the node is ML;
        switched on above, MLOps is on and the nodes are told apart as usual.
        """
        settings = self.settings(node)
        if settings.enabled and settings.origin("enabled").level != "node":
            return None
        return settings.enabled

    def detect(self, binding: Binding) -> Detection:
        """Return whether a node is ML, and why."""
        return detect_ml(binding.node, binding.services, self.enabled(binding.node.name))

    def detect_unbound(self, node: Node) -> Detection:
        """Return whether a node is ML as far as can be told without its function."""
        return detect_ml(node, enabled=self.enabled(node.name))

    def ml_nodes(self, plan: Plan) -> Mapping[str, MLNode]:
        """Return the nodes of a plan that are ML.

        Raises:
            PlanningError: A node asks for a tracker or registry and its settings say MLOps is off.
        """
        found: dict[str, MLNode] = {}
        mistakes: list[PlanningError] = []
        for name, binding in plan.bindings.items():
            if self.detect(binding).is_ml:
                settings = self.settings(name)
                found[name] = MLNode(settings, auto_log=settings.auto_log is not False)
            elif self.enabled(name) is False:
                mistakes.extend(self._refused(binding))
        raise_together(mistakes)
        return found

    def _refused(self, binding: Binding) -> list[PlanningError]:
        origin = self.settings(binding.node.name).origin("enabled")
        where = f" ({origin.location})" if origin.location else ""
        return [
            PlanningError(
                f"Node {binding.node.where} asks for {item.key} by type hint, but its settings "
                f"say mlops.enabled: false{where}.",
                suggestions=[f"Switch it on, or write {item.parameter}: {item.key} | None."],
            )
            for item in binding.bound
            if item.kind is SourceKind.SERVICE
            and Service(item.key) in ML_SERVICES
            and not item.optional
        ]
