"""Which store a command works on: `--store`, the environment, the project here, the default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tauro.cli._options import State
from tauro.cli._output import Output

if TYPE_CHECKING:
    from tauro.config import Context
    from tauro.mlops import MLOpsContext
    from tauro.registry import ModelRegistry
    from tauro.tracking import ExperimentTracker

DESCRIPTORS: Final = ("settings_json.json", "settings_json.yaml", "settings_json.yml")
"""What makes a folder a project; a test holds them to those that `tauro.config` knows."""


def open_context() -> MLOpsContext:
    """Return the context of the store that the shared options, or the project here, name.

    Highest first: ``--store``, the environment (``TAURO_MLOPS_PATH``), the settings of the project
    in the working directory (in the environment ``TAURO_ENV``, else ``base``), ``./mlops_data``.
    A project above the working directory does not count, as for ``tauro run``; it is hinted at.

    What a command reads is never cached: it shows what is there, and a revoked key is revoked.
    """
    from tauro.mlops import MLOpsContext

    state = click.get_current_context().ensure_object(State)
    chosen = {"storage_path": state.store, "tenant_id": state.tenant, "cache_enabled": False}
    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    if state.store is None:
        if (project := _project()) is not None:
            return MLOpsContext.from_context(project, **given)
        _hint_at_a_project_above()
    return MLOpsContext(**given)


def open_tracker() -> ExperimentTracker:
    """Return the tracker of the command's store."""
    return open_context().experiment_tracker


def open_registry() -> ModelRegistry:
    """Return the registry of the command's store."""
    return open_context().model_registry


def _project() -> Context | None:
    if _descriptor(Path.cwd()) is None:
        return None
    from tauro.config import AppConfigManager, ContextLoader

    env = os.environ.get("TAURO_ENV") or "base"
    return ContextLoader().load_from_paths(AppConfigManager().get_env_config(env), env)


def _descriptor(folder: Path) -> Path | None:
    return next((folder / name for name in DESCRIPTORS if (folder / name).is_file()), None)


def _hint_at_a_project_above() -> None:
    if os.environ.get("TAURO_MLOPS_PATH") or Path("mlops_data").exists():
        return
    for folder in Path.cwd().parents:
        if _descriptor(folder) is not None:
            Output.current().status(
                f"This folder is no project; {folder} is. "
                f"To use its store: cd {folder}, or give --store."
            )
            return
