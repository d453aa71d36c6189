"""Projects on disk for these tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tauro.project import PipelineExecutor, open_project

Make = Callable[..., PipelineExecutor]


def write_project(
    root: Path,
    *,
    code: str,
    nodes: dict[str, Any],
    pipelines: dict[str, Any] | None = None,
    inputs: dict[str, Any] | None = None,
    outputs: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    module: str = "steps",
) -> None:
    """Write a project whose functions are in one module."""
    config = root / "config"
    config.mkdir(parents=True, exist_ok=True)
    parts = {
        "global_settings": settings or {},
        "pipelines_config": pipelines or {"main": {"nodes": list(nodes)}},
        "nodes_config": nodes,
        "input_config": inputs or {},
        "output_config": outputs or {},
    }
    for name, content in parts.items():
        (config / f"{name}.json").write_text(json.dumps(content))
    base = {f"{name}_path": f"config/{name}.json" for name in parts}
    descriptor = {"base_path": ".", "env_config": {"base": base, "dev": {}}}
    (root / "settings_json.json").write_text(json.dumps(descriptor))
    (root / f"{module}.py").write_text(code)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    """Make a project in the test's folder and return its executor."""
    path, modules = list(sys.path), set(sys.modules)

    def make(**parts: Any) -> PipelineExecutor:
        write_project(tmp_path, **parts)
        return open_project(tmp_path, "dev")

    yield make
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]
