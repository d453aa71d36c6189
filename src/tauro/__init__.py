"""Tauro: the life of a model in one library.

The names here load on first use, so that ``import tauro`` costs nothing. Every MLOps name is in
:mod:`tauro.mlops`.
"""

from typing import TYPE_CHECKING

from tauro._internal._optional import lazy_attributes

if TYPE_CHECKING:
    from tauro.config import Context, ContextLoader
    from tauro.errors import TauroError
    from tauro.mlops import MLOpsContext, get_mlops_context, init_mlops
    from tauro.mlops._fluent import (
        active_run,
        end_run,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_image,
        log_input,
        log_metric,
        log_metrics,
        log_metrics_batch,
        log_model,
        log_param,
        log_params,
        log_table,
        log_text,
        set_experiment,
        set_note,
        set_tag,
        set_tags,
        start_run,
    )
    from tauro.project import PipelineExecutor

__version__ = "0.1.0"

_FLUENT = "tauro.mlops._fluent"
_NAMES = {
    "Context": "tauro.config:Context",
    "ContextLoader": "tauro.config:ContextLoader",
    "MLOpsContext": "tauro.mlops:MLOpsContext",
    "PipelineExecutor": "tauro.project:PipelineExecutor",
    "TauroError": "tauro.errors:TauroError",
    "get_mlops_context": "tauro.mlops:get_mlops_context",
    "init_mlops": "tauro.mlops:init_mlops",
    "active_run": f"{_FLUENT}:active_run",
    "end_run": f"{_FLUENT}:end_run",
    "log_artifact": f"{_FLUENT}:log_artifact",
    "log_artifacts": f"{_FLUENT}:log_artifacts",
    "log_dict": f"{_FLUENT}:log_dict",
    "log_figure": f"{_FLUENT}:log_figure",
    "log_image": f"{_FLUENT}:log_image",
    "log_input": f"{_FLUENT}:log_input",
    "log_metric": f"{_FLUENT}:log_metric",
    "log_metrics": f"{_FLUENT}:log_metrics",
    "log_metrics_batch": f"{_FLUENT}:log_metrics_batch",
    "log_model": f"{_FLUENT}:log_model",
    "log_param": f"{_FLUENT}:log_param",
    "log_params": f"{_FLUENT}:log_params",
    "log_table": f"{_FLUENT}:log_table",
    "log_text": f"{_FLUENT}:log_text",
    "set_experiment": f"{_FLUENT}:set_experiment",
    "set_note": f"{_FLUENT}:set_note",
    "set_tag": f"{_FLUENT}:set_tag",
    "set_tags": f"{_FLUENT}:set_tags",
    "start_run": f"{_FLUENT}:start_run",
}

__getattr__, __dir__ = lazy_attributes(__name__, _NAMES, globals())

__all__ = [
    "Context",
    "ContextLoader",
    "MLOpsContext",
    "PipelineExecutor",
    "TauroError",
    "__version__",
    "active_run",
    "end_run",
    "get_mlops_context",
    "init_mlops",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_metrics_batch",
    "log_model",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "set_experiment",
    "set_note",
    "set_tag",
    "set_tags",
    "start_run",
]
