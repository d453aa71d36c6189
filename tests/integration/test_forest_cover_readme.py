"""The README's example runs, and what it links to is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READMES = [ROOT / "README.md", ROOT / "examples/forest_cover/README.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def run(code: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TAURO_")}
    return subprocess.run(
        [sys.executable, "-W", "error", *code],
        cwd=folder,
        env={**environment, "TAURO_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_the_ten_lines_run_and_leave_a_model_in_production(tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    assert len(blocks) == 1
    lines = [line for line in blocks[0].splitlines() if line.strip()]
    assert len(lines) == 10
    done = run(["-c", blocks[0]], tmp_path)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "[0 0 0]\n")
    check = (
        "from tauro.mlops import init_mlops\n"
        "mlops = init_mlops(storage_path='./mlops_data')\n"
        "model = mlops.model_registry.load_model('iris', stage='Production')\n"
        "rows = model.input_example\n"
        "[run] = mlops.experiment_tracker.query_runs().runs\n"
        "print(run.name, run.status, run.metrics['accuracy'] > 0.9, len(model.predict(rows)))\n"
    )
    found = run(["-c", check], tmp_path)
    assert found.stdout.split() == ["first", "COMPLETED", "True", "100"], found.stderr


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_what_a_readme_links_to_is_there(readme: Path) -> None:
    targets = LINK.findall(readme.read_text())
    missing = [target for target in targets if not (readme.parent / target).exists()]
    assert missing == []


def test_the_picture_is_a_picture() -> None:
    picture = (ROOT / "docs/images/drift.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 200_000
