"""The blocks of the five documents that users read, tried as their readers would.

The documents lie beside the repository; where they are absent the tests are skipped, and fail where
``TAURO_REQUIRE_SEEDS=1``. A block that waits for an issue still to come is a strict expected
failure that names it, and whose error is looked at: it fails for that reason or not at all.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from tests.seeds._blocks import SEEDS, Block, documents, read_blocks
from tests.seeds._plan import PLANS, Plan

pytestmark = pytest.mark.seeds

REPOSITORY = Path(__file__).parents[2]
BLOCKS = [block for path in documents().values() for block in read_blocks(path)]


def _case(block: Block) -> object:
    plan = PLANS[block.seed].get(block.number, Plan())
    marks = []
    if plan.waits_for:
        marks.append(pytest.mark.xfail(strict=True, reason=plan.waits_for, raises=WaitingError))
    return pytest.param(block, plan, id=f"{block.name}-{plan.how}", marks=marks)


class WaitingError(AssertionError):
    """A block failed as it must until its issue is done."""


@pytest.mark.skipif(
    not BLOCKS and os.environ.get("TAURO_REQUIRE_SEEDS") != "1",
    reason="the documents are not beside the repository",
)
def test_all_five_documents_are_there() -> None:
    assert list(documents()) == list(PLANS), f"looked in {SEEDS}"


@pytest.fixture
def results(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Return a function that gives a document's results; each document runs once a session."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def of(seed: str) -> dict[str, str]:
        answer = base / f"seed-{seed}.json"
        with FileLock(base / f"seed-{seed}.lock"):
            if not answer.exists():
                _run(seed, base / f"seed-{seed}", answer)
        found: dict[str, str] = json.loads(answer.read_text(encoding="utf-8"))
        return found

    return of


def _run(seed: str, folder: Path, answer: Path) -> None:
    folder.mkdir()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.seeds._runner",
            str(documents()[seed]),
            str(folder),
            str(answer),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "TAURO_CACHE_DIR": str(folder / ".cache")},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("block", "plan"), [_case(block) for block in BLOCKS])
def test_a_block_does_what_its_document_says(block: Block, plan: Plan, results: object) -> None:
    assert callable(results)
    error = results(block.seed)[str(block.number)]
    if plan.waits_for and error:
        assert re.search(plan.error, error.splitlines()[-1]), error
        raise WaitingError(plan.waits_for)
    assert not error, f"line {block.line} of the document\n{error}"


@pytest.mark.skipif(not BLOCKS, reason="the documents are not beside the repository")
def test_every_block_has_a_plan() -> None:
    assert {seed: len(plans) for seed, plans in PLANS.items()} == {
        seed: len(read_blocks(path)) for seed, path in documents().items()
    }
