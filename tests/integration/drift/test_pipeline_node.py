"""The gate as a node of a real project: it passes data on, or stops the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.unit.project.conftest import Make, project

from tauro.drift import DriftWarning
from tauro.errors import DriftFoundError, PipelineExecutionError

__all__ = ["project"]

CODE = "def rows(gate): return len(gate)\n"


def inputs(root: Path, shift: float) -> dict[str, dict[str, str]]:
    rng = np.random.default_rng(0)
    for name, centre in (("reference", 0.0), ("current", shift)):
        frame = pd.DataFrame({"x": rng.normal(centre, 1, 400)})
        frame.to_parquet(root / f"{name}.parquet")
    return {
        name: {"path": f"{name}.parquet", "format": "parquet"} for name in ("reference", "current")
    }


def nodes(**params: str) -> dict[str, dict[str, object]]:
    gate: dict[str, object] = {
        "function": "tauro.drift.drift_gate",
        "inputs": {"reference": "reference", "current": "current"},
        "params": params,
    }
    return {"gate": gate, "rows": {"function": "drift_steps.rows", "dependencies": ["gate"]}}


def test_data_that_did_not_drift_pass(project: Make, tmp_path: Path) -> None:
    result = project(
        module="drift_steps", code=CODE, nodes=nodes(), inputs=inputs(tmp_path, 0.0)
    ).run_pipeline("main")
    assert result.success
    assert result.outputs["rows"] == 400


def test_drift_stops_the_run_and_names_the_feature(project: Make, tmp_path: Path) -> None:
    executor = project(module="drift_steps", code=CODE, nodes=nodes(), inputs=inputs(tmp_path, 1.0))
    with pytest.raises(PipelineExecutionError) as caught:
        executor.run_pipeline("main")
    causes: list[BaseException] = []
    cause: BaseException | None = caught.value
    while cause is not None:
        causes.append(cause)
        cause = cause.__cause__
    (found,) = [one for one in causes if isinstance(one, DriftFoundError)]
    assert found.context.details["features"] == ["x"]


def test_a_node_may_only_warn(project: Make, tmp_path: Path) -> None:
    executor = project(
        module="drift_steps", code=CODE, nodes=nodes(on_drift="warn"), inputs=inputs(tmp_path, 1.0)
    )
    with pytest.warns(DriftWarning, match="Drift in 1 of 1 feature: x"):
        result = executor.run_pipeline("main")
    assert result.outputs["rows"] == 400
