"""Why a node counts as ML, and with what settings: the decisions of a run, for inspection."""

from __future__ import annotations

import contextlib

from tauro.config import Context, MLOpsSettings
from tauro.errors import PlanningError
from tauro.pipeline import DATE_PARAMETERS, Available, Detection, bind_node, build_graph
from tauro.project._planner import add_import_path
from tauro.project._policy import MLPolicy
from tauro.project._translate import pipeline_of


class MLOpsAutoConfigurator:
    """Tells the ML nodes of a project apart and merges their settings.

    A node's settings are those of the node above the pipeline's, above ``ml_info``'s, above the
    global ones, above the defaults.

    Args:
        context: The project's configuration.
    """

    def __init__(self, context: Context) -> None:
        self.context = context

    def settings_for(self, pipeline: str, node: str | None = None) -> MLOpsSettings:
        """Return the merged settings of a node or of a whole pipeline, each with its origin.

        Raises:
            ConfigError: There is no such pipeline or node.
        """
        return self.context.mlops_for(pipeline, node)

    def detect(self, pipeline: str, *, imports: bool = True) -> dict[str, Detection]:
        """Return for each node of a pipeline whether it is ML, and why.

        Functions are imported where they can be, to see their type hints; a node that could not
        run is judged by its words and keys.

        Args:
            pipeline: The pipeline.
            imports: With False nothing is imported, and type hints are not seen.

        Raises:
            ConfigError: There is no such pipeline.
            PlanningError: Its graph cannot be made.
        """
        datasets = {**self.context.inputs, **self.context.outputs}
        graph = build_graph(pipeline_of(self.context, pipeline), datasets)
        available = Available(
            datasets={**datasets, **graph.producers}, nodes=graph.nodes, dates=DATE_PARAMETERS
        )
        policy = MLPolicy(self.context, pipeline)
        found = {node.name: policy.detect_unbound(node) for node in graph.nodes.values()}
        if imports:
            add_import_path(self.context)
            for node in graph.nodes.values():
                with contextlib.suppress(PlanningError):
                    found[node.name] = policy.detect(bind_node(node, available))
        return found

    def ml_nodes(self, pipeline: str) -> list[str]:
        """Return the names of a pipeline's ML nodes; none makes it pure ETL."""
        return [name for name, detection in self.detect(pipeline).items() if detection.is_ml]

    def is_ml_pipeline(self, pipeline: str) -> bool:
        """Tell whether any node of a pipeline is ML."""
        return bool(self.ml_nodes(pipeline))
