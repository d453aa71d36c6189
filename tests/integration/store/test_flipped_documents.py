"""Bits of each document are flipped, all over it: nothing breaks, verify names the file."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tauro.errors import TauroError
from tauro.tracking import ExperimentTracker

from ._stores import fill, problems

pytestmark = pytest.mark.faults

RUNS, EXPERIMENTS = "experiment_tracking/runs/*", "experiment_tracking/experiments"
NAMED = [f"{RUNS}/0*.json", f"{EXPERIMENTS}/0*.json"]
OTHERS = [
    f"{EXPERIMENTS}/names/*.json",
    "_tauro/format.json",
    "_tauro/journal/state.json",
    "_tauro/writers/*.json",
]
BITS = (0x80, 0x01)
"""One that makes a text no UTF-8, one that changes a letter or a digit."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one store for all; each test damages a copy of it."""
    root = tmp_path_factory.mktemp("whole") / "store"
    fill(root)
    tracker = ExperimentTracker(root, capture_environment=False)
    tracker.start_run(name="open")  # whose process is this one
    tracker.close()
    return root


def flips(file: Path, every: int, seed: int) -> Iterator[bytes]:
    """Yield a file's bytes with one bit flipped, at every so many places."""
    data = file.read_bytes()
    for place in range(random.Random(seed).randrange(every), len(data), every):
        for bit in BITS:
            changed = bytearray(data)
            changed[place] ^= bit
            yield bytes(changed)


def use(store: Path) -> None:
    """Read and search as a stranger does; what is refused is refused with an error of ours."""
    reads: list[Callable[[ExperimentTracker], object]] = [
        lambda tracker: tracker.list_runs(),
        lambda tracker: tracker.list_experiments(),
        lambda tracker: tracker.find_experiment("demo"),
        lambda tracker: tracker.search_runs(filter="metrics.loss > 0 and params.n = 1"),
        lambda tracker: [tracker.get_run(run_id) for run_id in tracker.search_runs()],
        lambda tracker: tracker.start_run(name="next", experiment_name="other").end(),
        lambda tracker: tracker.close(),
    ]
    try:
        tracker = ExperimentTracker(store, capture_environment=False)
    except TauroError:
        return
    for read in reads:
        with contextlib.suppress(TauroError):
            read(tracker)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("pattern", [*NAMED, *OTHERS])
def test_a_flipped_byte_of_a_document(
    whole: Path, tmp_path: Path, pattern: str, request: pytest.FixtureRequest
) -> None:
    """No verb raises what is not ours; of what users wrote, verify names the document."""
    every = 7 if request.config.getoption("--torture") else 60
    source = min(whole.glob(pattern))
    seen = 0
    for number, changed in enumerate(flips(source, every, seed=len(pattern))):
        store = tmp_path / str(number)
        shutil.copytree(whole, store)
        file = store / source.relative_to(whole)
        file.write_bytes(changed)
        found = [path for path, _ in problems(store)]
        if pattern in NAMED:
            assert file.relative_to(store).as_posix() in found, changed
        use(store)
        shutil.rmtree(store, ignore_errors=True)
        seen += 1
    assert seen > 2
