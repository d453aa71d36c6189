"""A project on disk: its pipelines planned, run and recorded."""

from tauro.project._auto_config import MLOpsAutoConfigurator
from tauro.project._describe import NodeSummary, PipelineSummary
from tauro.project._executor import BaseExecutor, PipelineExecutor
from tauro.project._listeners import RunListener
from tauro.project._node import NodeSpec, run_node
from tauro.project._open import open_history, open_project
from tauro.project._options import RunOptions, RunResult
from tauro.project._records import RunHistory, RunRecord

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
