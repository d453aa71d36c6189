"""Short processes end as they should, whatever ran on threads at their end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REGISTER_AND_LEAVE = """
import sys
from tauro.mlops import MLOpsContext
registry = MLOpsContext(storage_path=sys.argv[1]).model_registry
registry.register_model("m", sys.argv[2], "custom", "none")
registry.promote_model("m", 1, "Production")
"""


def test_a_process_that_read_a_table_last_is_not_aborted(tmp_path: Path) -> None:
    """Arrow's threads may let go of a table's bytes when the interpreter is already leaving."""
    model = tmp_path / "m.bin"
    model.write_bytes(b"weights")
    arguments = [sys.executable, "-c", REGISTER_AND_LEAVE]
    children = [
        subprocess.Popen([*arguments, str(tmp_path / f"{number}"), str(model)])
        for number in range(6)
    ]
    assert [child.wait(timeout=240) for child in children] == [0] * 6
