"""``python examples/example.py`` works in any folder, and again in the same one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tauro.mlops import MLOpsContext, verify_store

EXAMPLE = Path(__file__).parents[2] / "examples" / "example.py"


def run(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_example_compares_registers_and_promotes(tmp_path: Path) -> None:
    first, again = run(tmp_path), run(tmp_path)
    assert "The best run is rate-0.3." in first
    assert "churn v1 (Production, champion) came from" in first
    assert "churn v2 (Production, champion) came from" in again
    with MLOpsContext(storage_path=str(tmp_path / "mlops_data")) as context:
        assert context.experiment_tracker.count_runs() == 6
        stages = [row["stage"] for row in context.model_registry.list_model_versions("churn")]
        assert stages == ["Archived", "Production"]
        assert list(verify_store(context)) == []
