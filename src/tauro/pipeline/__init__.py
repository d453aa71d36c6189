"""Nodes, the plan of a run, the loop that runs it, and the detection of ML nodes.

The pipeline of stages loads on first use: most runs have none.
"""

from typing import TYPE_CHECKING

from tauro._internal._optional import lazy_attributes
from tauro.pipeline._binding import (
    DATE_PARAMETERS,
    Available,
    Binding,
    Bound,
    SourceKind,
    bind_node,
)
from tauro.pipeline._detection import ML_KEYS, Detection, detect_ml, ml_word
from tauro.pipeline._graph import Graph, build_graph, select_nodes
from tauro.pipeline._hints import ML_SERVICES, Service
from tauro.pipeline._inline import InlineExecutor
from tauro.pipeline._models import (
    NO_RETRY,
    Node,
    NodeResult,
    NodeReturn,
    NodeStatus,
    Pipeline,
    join_names,
)
from tauro.pipeline._plan import (
    Plan,
    Selection,
    check_process_boundary,
    check_timeouts,
    continue_plan,
    lost_values,
    make_plan,
    missing_nodes,
    narrow_plan,
    raise_together,
)
from tauro.pipeline._scheduler import Listener, Scheduler
from tauro.pipeline._workspace import Datasets, Workspace, node_error, split_outputs

if TYPE_CHECKING:
    from tauro.pipeline._mlops_pipeline import MLOpsPipeline, create_mlops_pipeline
    from tauro.pipeline._stages import PipelineStage

_NAMES = {
    "MLOpsPipeline": "tauro.pipeline._mlops_pipeline:MLOpsPipeline",
    "PipelineStage": "tauro.pipeline._stages:PipelineStage",
    "create_mlops_pipeline": "tauro.pipeline._mlops_pipeline:create_mlops_pipeline",
}

__getattr__, __dir__ = lazy_attributes(__name__, _NAMES, globals())

__all__ = [
    "DATE_PARAMETERS",
    "ML_KEYS",
    "ML_SERVICES",
    "NO_RETRY",
    "Available",
    "Binding",
    "Bound",
    "Datasets",
    "Detection",
    "Graph",
    "InlineExecutor",
    "Listener",
    "MLOpsPipeline",
    "Node",
    "NodeResult",
    "NodeReturn",
    "NodeStatus",
    "Pipeline",
    "PipelineStage",
    "Plan",
    "Scheduler",
    "Selection",
    "Service",
    "SourceKind",
    "Workspace",
    "bind_node",
    "build_graph",
    "check_process_boundary",
    "check_timeouts",
    "continue_plan",
    "create_mlops_pipeline",
    "detect_ml",
    "join_names",
    "lost_values",
    "make_plan",
    "missing_nodes",
    "ml_word",
    "narrow_plan",
    "node_error",
    "raise_together",
    "select_nodes",
    "split_outputs",
]
