"""A project on disk: its pipelines planned, run and recorded.

What only looks at a project loads on first use.
"""

from typing import TYPE_CHECKING

from tauro._internal._optional import lazy_attributes
from tauro.project._executor import BaseExecutor, PipelineExecutor
from tauro.project._listeners import RunListener
from tauro.project._node import NodeSpec, run_node
from tauro.project._open import open_history, open_project
from tauro.project._options import RunOptions, RunResult
from tauro.project._records import RunHistory, RunRecord

if TYPE_CHECKING:
    from tauro.project._auto_config import MLOpsAutoConfigurator
    from tauro.project._describe import NodeSummary, PipelineSummary

_NAMES = {
    "MLOpsAutoConfigurator": "tauro.project._auto_config:MLOpsAutoConfigurator",
    "NodeSummary": "tauro.project._describe:NodeSummary",
    "PipelineSummary": "tauro.project._describe:PipelineSummary",
}

__getattr__, __dir__ = lazy_attributes(__name__, _NAMES, globals())

__all__ = [
    "BaseExecutor",
    "MLOpsAutoConfigurator",
    "NodeSpec",
    "NodeSummary",
    "PipelineExecutor",
    "PipelineSummary",
    "RunHistory",
    "RunListener",
    "RunOptions",
    "RunRecord",
    "RunResult",
    "open_history",
    "open_project",
    "run_node",
]
