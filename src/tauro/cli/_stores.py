"""Which store a command works on: `--store`, the environment, the project here, the default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tauro.cli._options import State

if TYPE_CHECKING:
    from tauro.mlops import MLOpsContext
    from tauro.registry import ModelRegistry
    from tauro.tracking import ExperimentTracker

DESCRIPTORS = ("settings_json.json", "settings_yml.json", "settings.json", "settings.yaml")


def open_context() -> MLOpsContext:
    """Return the context of the store that the shared options, or the project here, name."""
    from tauro.mlops import MLOpsContext

    state = click.get_current_context().ensure_object(State)
    chosen = {"storage_path": state.store, "tenant_id": state.tenant}
    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    descriptor = _descriptor()
    if "storage_path" in given or descriptor is None or os.environ.get("TAURO_MLOPS_PATH"):
        return MLOpsContext(**given)
    from tauro.config import AppConfigManager, ContextLoader

    manager = AppConfigManager(descriptor)
    env = os.environ.get("TAURO_ENV") or "base"
    context = ContextLoader().load_from_paths(manager.get_env_config(env), env)
    return MLOpsContext.from_context(context, **given)


def open_tracker() -> ExperimentTracker:
    """Return the tracker of the command's store."""
    return open_context().experiment_tracker


def open_registry() -> ModelRegistry:
    """Return the registry of the command's store."""
    return open_context().model_registry


def _descriptor() -> Path | None:
    for name in DESCRIPTORS:
        path = Path(name)
        if path.is_file():
            return path
    return None
