"""From what the files of a project say to what the pipeline package runs."""

from __future__ import annotations

from typing import Final

from tauro._internal._close import did_you_mean
from tauro.config import Context, NodeConfig, PipelineConfig
from tauro.errors import ConfigError
from tauro.pipeline import NO_RETRY, Node, Pipeline
from tauro.resilience import RetryConfig

_LONGEST_PAUSE: Final = 300.0
"""Seconds between two tries of a node that no growing pause exceeds."""


def pipeline_of(context: Context, name: str) -> Pipeline:
    """Return a pipeline of a project.

    Raises:
        ConfigError: There is no pipeline of this name, or it names a node that is not configured.
    """
    config = find_pipeline(context, name)
    return Pipeline(
        name=name,
        nodes=tuple(_node(context, config, node) for node in config.nodes),
        description=config.description,
    )


def find_pipeline(context: Context, name: str) -> PipelineConfig:
    """Return the configuration of a pipeline.

    Raises:
        ConfigError: There is no pipeline of this name.
    """
    found = context.pipelines.get(name)
    if found is None:
        raise ConfigError(
            f"There is no pipeline {name!r} in environment {context.env!r}.",
            suggestions=did_you_mean(name, context.pipelines)
            or [f"Pipelines: {', '.join(sorted(context.pipelines)) or 'none'}."],
        )
    return found


def _node(context: Context, pipeline: PipelineConfig, name: str) -> Node:
    config = context.nodes.get(name)
    if config is None:
        raise ConfigError(
            f"Pipeline {pipeline.name!r} ({pipeline.location}) has the node {name!r}, which is "
            "not in the nodes configuration.",
            suggestions=did_you_mean(name, context.nodes) or ["Describe it there."],
        )
    return node_from_config(config, pipeline)


def node_from_config(config: NodeConfig, pipeline: PipelineConfig) -> Node:
    """Return the node of a configuration, within its pipeline."""
    return Node(
        name=config.name,
        function=config.function,
        inputs=config.inputs,
        outputs=config.outputs,
        output_keys=config.output_keys,
        dependencies=config.dependencies,
        params={**pipeline.params, **config.params},
        hyperparams=config.hyperparams,
        retry=_retry(config),
        timeout=config.timeout,
        tags=frozenset(config.tags),
        type=config.type,
        requires_dates=config.requires_dates or pipeline.requires_dates,
        description=config.description,
        location=config.location,
        function_location=config.function_location,
        hints=frozenset(config.ml_keys),
    )


def _retry(config: NodeConfig) -> RetryConfig:
    if not config.retries:
        return NO_RETRY
    return RetryConfig(
        max_attempts=config.retries + 1,
        initial_delay=config.retry_delay,
        multiplier=config.retry_backoff,
        max_delay=_LONGEST_PAUSE,
        jitter=False,
        retry_on=(Exception,),
    )
