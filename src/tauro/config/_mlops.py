"""MLOps settings: one level read from its mapping, and five levels merged to one record."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

from tauro.config._mlops_models import (
    CacheSettings,
    HealthSettings,
    MLflowSettings,
    MLOpsSettings,
    Origin,
    RegistrySettings,
    TrackingSettings,
)
from tauro.config._section import Section
from tauro.config._source import Entry, Map, Node, Problems, Scalar

LEVELS: Final = ("node", "pipeline", "ml_info", "global", "default")
"""Who may set a value, strongest first."""

_BACKENDS: Final = ("local", "databricks")
_MODES: Final = ("local", "databricks", "distributed")
_DURABILITY: Final = ("process", "disk")
_PARTS: Final[Mapping[str, type[Any]]] = {
    "experiment_tracking": TrackingSettings,
    "registry": RegistrySettings,
    "cache": CacheSettings,
    "health": HealthSettings,
    "mlflow": MLflowSettings,
}
_Take: TypeAlias = Callable[[Section, str], Any]


def _text(section: Section, key: str) -> Any:
    return section.text(key)


def _flag(section: Section, key: str) -> Any:
    return section.flag(key)


def _count(section: Section, key: str) -> Any:
    return section.integer(key, minimum=1)


def _seconds(section: Section, key: str) -> Any:
    return section.seconds(key)


def _fraction(section: Section, key: str) -> Any:
    return section.number(key, minimum=0, maximum=1)


def _one_of(*choices: str) -> _Take:
    return lambda section, key: section.choice(key, choices)


_SCHEMA: Final[Mapping[str, _Take]] = {
    "enabled": _flag,
    "backend_type": _one_of(*_BACKENDS),
    "storage_path": _text,
    "execution_mode": _one_of(*_MODES),
    "catalog": _text,
    "schema": _text,
    "workspace_url": _text,
    "default_experiment_name": _text,
    "description": _text,
    "model_retention_days": _count,
    "auto_log": _flag,
    "experiment_tracking.metric_buffer_size": _count,
    "experiment_tracking.auto_flush_metrics": _flag,
    "experiment_tracking.durability": _one_of(*_DURABILITY),
    "experiment_tracking.catalog": _text,
    "experiment_tracking.schema": _text,
    "registry.max_versions_per_model": _count,
    "registry.durability": _one_of(*_DURABILITY),
    "registry.catalog": _text,
    "registry.schema": _text,
    "cache.enabled": _flag,
    "cache.max_size": _count,
    "cache.default_ttl": _seconds,
    "health.enabled": _flag,
    "health.memory_threshold": _fraction,
    "health.disk_threshold": _fraction,
    "mlflow.enabled": _flag,
    "mlflow.tracking_uri": _text,
    "mlflow.experiment_name": _text,
    "mlflow.registry_uri": _text,
}
SETTING_KEYS: Final = tuple(_SCHEMA)
"""Every key below ``mlops:``, dotted; the documentation lists each, by test."""

_SPELLINGS: Final = (
    "backend",
    "tracking",
    "model_registry",
    "experiment",
    "experiment_name",
    "mode",
)


@dataclass(frozen=True, slots=True)
class Level:
    """The values of one level by dotted key, each with its origin."""

    values: Mapping[str, tuple[Any, Origin]]


EMPTY: Final = Level({})


def read_level(node: Node | None, level: str, owner: str, problems: Problems) -> Level:
    """Return the settings of one level; a truth value alone stands for ``enabled``."""
    if node is None:
        return EMPTY
    if isinstance(node, Scalar):
        if isinstance(node.value, bool):
            return Level({"enabled": (node.value, Origin(level, node.mark.location, node.via))})
        if node.value is None:
            return EMPTY
    if not isinstance(node, Map):
        hints = ["Write a mapping of settings, or true or false alone."]
        problems.add(f"mlops of {owner} must be a mapping", node.mark, hints)
        return EMPTY
    section = Section(node, f"mlops of {owner}", problems)
    parts = {name: _part(section, name, owner, problems) for name in _PARTS}
    values: dict[str, tuple[Any, Origin]] = {}
    for dotted, take in _SCHEMA.items():
        head, _, key = dotted.rpartition(".")
        holder = parts[head] if head else section
        if holder is None:
            continue
        value = take(holder, key)
        if value is not None:
            values[dotted] = (value, _origin(holder.node, key, level))
    _refuse_tokens(section, problems)
    section.close(_SPELLINGS)
    for holder in parts.values():
        if holder is not None:
            holder.close()
    return Level(values)


def _part(section: Section, name: str, owner: str, problems: Problems) -> Section | None:
    what = f"mlops.{name} of {owner}"
    node = section.node_of(name)
    short = isinstance(node, Scalar) and isinstance(node.value, bool)
    if node is not None and short and f"{name}.enabled" in _SCHEMA:
        # "cache: true" is the short form of "cache: {enabled: true}".
        spelled_out = Map(node.mark, {"enabled": Entry("enabled", node.mark, node)})
        return Section(spelled_out, what, problems)
    found = section.mapping(name)
    return Section(found, what, problems) if found is not None else None


def _refuse_tokens(section: Section, problems: Problems) -> None:
    for key in ("token", "databricks_token"):
        if (node := section.node_of(key)) is not None:
            hints = ["Set the environment variable DATABRICKS_TOKEN instead."]
            problems.add("a token does not belong in a file", node.mark, hints)


def _origin(node: Map, key: str, level: str) -> Origin:
    entry = node.entries[key]
    via = entry.node.via if isinstance(entry.node, Scalar) else ""
    return Origin(level, entry.node.mark.location, via)


def read_nested(parts: Iterable[Node | None], level: str, owner: str, problems: Problems) -> Level:
    """Return the settings of one level that is written in several places, weakest first."""
    values: dict[str, tuple[Any, Origin]] = {}
    for node in parts:
        values.update(read_level(node, level, owner, problems).values)
    return Level(values)


def merge_levels(levels: Iterable[Level], root: str) -> MLOpsSettings:
    """Return the settings of several levels, strongest first, over the automatic defaults.

    Args:
        levels: Node, pipeline, ml_info, global settings.
        root: The folder at which a relative ``storage_path`` starts.
    """
    merged: dict[str, tuple[Any, Origin]] = {}
    for level in levels:
        for key, value in level.values.items():
            merged.setdefault(key, value)
    mode = merged.get("execution_mode", ("local", None))[0]
    if mode == "databricks" and "backend_type" not in merged:
        merged["backend_type"] = ("databricks", merged["execution_mode"][1])
    values = {key: value for key, (value, _) in merged.items()}
    for name, record in _PARTS.items():
        names = [item.name for item in fields(record)]
        given = {key: values.pop(f"{name}.{key}") for key in names if f"{name}.{key}" in values}
        values[name] = record(**given)
    values["storage_path"] = _located(values.get("storage_path", "./mlops_data"), root)
    return MLOpsSettings(**values, origins={key: origin for key, (_, origin) in merged.items()})


def _located(path: str, root: str) -> str:
    if "://" in path:
        return path
    return os.path.normpath(os.path.join(root, os.path.expanduser(path)))
