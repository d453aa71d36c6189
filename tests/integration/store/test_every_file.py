"""Every file of a real store is flipped, cut and removed by turn.

`verify` names the file, readers say what was written or refuse, and `repair` keeps all that is
whole. What of this does not hold is listed below, with the reason; nothing else is let pass.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tauro.errors import TauroError
from tauro.events import FileAuditSink
from tauro.mlops import MLOpsContext, repair_store
from tauro.registry import ModelRegistry
from tauro.storage import open_storage
from tauro.tracking import ExperimentTracker

from ._stores import fill, problems

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]

PARTS = ("_tauro", "audit", "experiment_tracking", "model_registry")
FLIP, CUT, REMOVE = "flip", "cut", "remove"


@dataclass(frozen=True)
class Listed:
    """Damage of which one thing that the module promises does not hold."""

    pattern: str
    damages: tuple[str, ...]
    why: str


VIEW = "a view, which may be deleted at any time: it is made anew from the documents"
UNNAMED = (
    Listed("_tauro/locks/*", (REMOVE,), "empty; the next who locks makes it"),
    Listed("*/.compact.lock", (REMOVE,), "empty; the next who compacts makes it"),
    Listed("_tauro/writers/*", (REMOVE,), "a process that ends removes its own; who lives "
               "gives the next sign within ten seconds"),
    Listed("_tauro/journal/state.json", (REMOVE,), VIEW),
    Listed("*/index.parquet", (REMOVE,), VIEW),
    Listed("*/.registry_marker.json", (REMOVE,), "made with the next index; nothing reads it"),
    Listed("*/renamed.json", (REMOVE,), "a renaming without it is completed again by whoever "
               "opens the model, which changes nothing"),
    Listed("audit/<oldest>", (REMOVE,), "old audit files may be deleted by rule"),
    Listed("audit/<newest>", (CUT, REMOVE), "no later file knows of it; a line that a kill cut "
               "short was never acknowledged"),
    Listed("*.seg", (CUT,), "its end is room that was never written; where a point is lost, "
               "the file or its folder is named"),
)  # fmt: skip
"""What `verify` cannot name, because it is no damage or leaves no trace."""

NAMED_BY_FOLDER = (
    Listed("*/artifacts/*/folder/*", (FLIP, CUT, REMOVE), "one hash is kept of a logged folder"),
    Listed("model_registry/artifacts/*", (REMOVE,), "of a version whose files are all gone"),
    Listed("*.seg", (REMOVE,), "what was in it is known of the experiment only"),
)
"""Where `verify` names the folder in which the file is, or was."""

BELIEVED = (
    Listed("*/runs/*.json", (FLIP,), "a run's document is compared by `verify` with what was "
               "published of it; it has no checksum of its own"),
    Listed("*/experiments/0*.json", (FLIP,), "as a run's"),
    Listed("*/transitions/<newest>", (REMOVE,), "without the last change the one before it is "
               "the last; `verify` knows from the index that there was one more"),
    Listed("*/metadata/*/v<newest>.json", (REMOVE,), "as the last change"),
)  # fmt: skip
"""What readers cannot tell from what was written, so that they say what is there."""


LOST = (
    Listed("model_registry/artifacts/*", (FLIP, CUT, REMOVE), "files are kept once"),
    Listed("_tauro/writers/*", (FLIP, CUT), "a process gives the next sign within ten seconds"),
    Listed("*/metadata/old/*", (FLIP, CUT, REMOVE), "the index holds no model under its old name"),
    Listed("*/runs/*.json", (FLIP,), "what can be read as a run's is taken for it"),
    Listed("*/experiments/0*.json", (FLIP,), "as a run's"),
    Listed("*/metrics/*", (FLIP, CUT, REMOVE), "points are kept once"),
    Listed("experiment_tracking/artifacts/*", (FLIP, CUT, REMOVE), "files are kept once"),
    Listed("audit/*", (FLIP, CUT, REMOVE), "records are kept once"),
)
"""What `repair` cannot bring back."""

ENDED = (
    Listed("_tauro/writers/*", (REMOVE,), "a process without a sign of life has ended: its open "
           "run is recorded as failed"),
)  # fmt: skip
"""What `repair` takes for the end of a run."""


def fits(file: Path, root: Path, damage: str, those: tuple[Listed, ...]) -> bool:
    """Tell whether damage of a file is listed."""
    path = file.relative_to(root).as_posix()
    beside = sorted(p.name for p in file.parent.iterdir()) if file.parent.exists() else []
    names = [*beside, file.name]
    numbered = sorted({n for n in names if n.endswith(".json")}, key=lambda n: (len(n), n))
    for each in those:
        pattern = each.pattern
        if "<newest>" in pattern:
            last = max(numbered, key=lambda n: (len(n), n)) if numbered else max(names)
            prefix = "v" if "v<newest>" in pattern else ""
            pattern = pattern.replace("v<newest>.json", last).replace("<newest>", last)
            if prefix and not last.startswith(prefix):
                continue
        pattern = pattern.replace("<oldest>", min(names))
        if damage in each.damages and fnmatchcase(path, pattern):
            return True
    return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one store: runs, one of them open, models with changes, one renamed, an audit."""
    root = tmp_path_factory.mktemp("whole") / "store"
    fill(root, runs=2)
    file = root.parent / "m.bin"
    file.write_bytes(b"weights")
    with MLOpsContext(storage_path=str(root)) as context:
        registry = context.model_registry
        registry.register_model("old", file)
        registry.set_alias("old", "a", 1)
        registry.rename_model("old", "new")
    tracker = ExperimentTracker(root, capture_environment=False)
    tracker.start_run(name="open")  # whose process is this one
    tracker.close()
    return root


REFUSED = "refused"


def said(root: Path, folder: Path) -> dict[str, Any]:
    """Return what readers in a fresh process say, by question; what they refuse is `REFUSED`."""
    answers: dict[str, Any] = {}

    def ask(question: str, answer: Callable[..., Any], *about: Any) -> None:
        try:
            answers[question] = answer(*about)
        except TauroError:
            answers[question] = REFUSED

    try:
        storage = open_storage(root, read_only=True)
        tracker, registry = ExperimentTracker(storage), ModelRegistry(storage)
    except TauroError:
        return answers
    ask("experiments", lambda: [str(each) for each in tracker.list_experiments()])
    ask("demo", lambda: (found := tracker.find_experiment("demo")) and found.experiment_id)
    ask("runs", lambda: [run["run_id"] for run in tracker.list_runs()])
    for path in sorted(root.glob("experiment_tracking/runs/*/*.json")):
        ask(f"run {path.stem}", _run, tracker, path.stem)
        ask(f"points {path.stem}", _points, tracker, path.stem)
    ask("models", lambda: [_version(row) for row in registry.list_models()])
    for name, alias in (("fraud", "champion"), ("new", "a")):
        ask(f"versions {name}", _versions, registry, name)
        ask(f"history {name}", registry.history, name)
        ask(
            f"alias {name}", lambda *about: registry.get_model_by_alias(*about).version, name, alias
        )
    ask("production", lambda: registry.get_model_by_stage("fraud", "Production").version)
    for name, number in (("fraud", 1), ("fraud", 2), ("new", 1)):
        ask(f"files {name} {number}", _files, registry, name, number, folder / f"{name}-{number}")
    answers["audit"] = list(FileAuditSink(root / "audit").records())
    with contextlib.suppress(TauroError):
        tracker.close()
    return answers


def _run(tracker: ExperimentTracker, run_id: str) -> tuple[Any, ...]:
    run = tracker.get_run(run_id)
    return (run.name, str(run.status), run.parameters, run.metrics, run.tags, run.start_time)


def _points(tracker: ExperimentTracker, run_id: str) -> list[float]:
    values: list[float] = tracker.get_metric_history(run_id, "loss")["value"].tolist()
    return values


def _version(row: dict[str, Any]) -> str:
    return repr(sorted((key, repr(value)) for key, value in row.items() if key != "artifact_uri"))


def _versions(registry: ModelRegistry, name: str) -> list[str]:
    return [_version(row) for row in registry.list_model_versions(name)]


def _by_alias(registry: ModelRegistry, name: str, alias: str) -> int:
    return registry.get_model_by_alias(name, alias).version


def _files(registry: ModelRegistry, name: str, number: int, target: Path) -> dict[str, bytes]:
    try:
        registry.download_artifact(name, number, target)
        return {path.name: path.read_bytes() for path in target.iterdir()}
    finally:
        shutil.rmtree(target, ignore_errors=True)


def is_true(question: str, answer: Any, expected: Any) -> bool:
    """Tell whether an answer is what was written, as far as it goes."""
    if answer in (REFUSED, None) or answer == expected:
        return True
    # A list leaves out what cannot be read; what it holds is in the order in which it was.
    rest = iter(expected)
    return isinstance(answer, list) and all(each in rest for each in answer)


def flips(data: bytes, every: int, rng: random.Random) -> Iterator[bytes]:
    """Yield a file with one bit flipped: at every so many bytes."""
    for place in range(rng.randrange(min(every, len(data))) if data else 0, len(data), every):
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(8)
        yield bytes(changed)


def damages(file: Path, every: int, rng: random.Random) -> Iterator[tuple[str, bytes | None]]:
    """Yield what may become of a file: its bytes, None where it is gone."""
    data = file.read_bytes()
    step = every if every == 1 else max(1, min(every, len(data) // 3))
    for changed in flips(data, step, rng):
        yield FLIP, changed
    for cut in sorted({0, len(data) // 2, max(0, len(data) - 1)}) if data else ():
        yield CUT, data[:cut]
    yield REMOVE, None


@contextlib.contextmanager
def damaged(file: Path, data: bytes | None) -> Iterator[None]:
    """Damage a file within the block."""
    before, about = file.read_bytes(), file.stat()
    if data is None:
        file.unlink()
    else:
        file.write_bytes(data)
    try:
        yield
    finally:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(before)
        os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))


@pytest.mark.parametrize("part", PARTS)
def test_damage_is_named_and_nobody_lies(
    whole: Path,
    tmp_path: Path,
    part: str,
    request: pytest.FixtureRequest,
    torture_seed: int,
    torture_report: Callable[..., None],
) -> None:
    """At some bytes of each file; in the long form at every byte."""
    every = 1 if request.config.getoption("--torture") else 400
    store = Path(shutil.copytree(whole, tmp_path / "store"))
    expected = said(store, tmp_path)
    assert REFUSED not in expected.values()
    assert problems(store) == []
    rng = random.Random(torture_seed)
    for file in sorted(path for path in (store / part).rglob("*") if path.is_file()):
        path = file.relative_to(store).as_posix()
        folder = {each.relative_to(store).as_posix() for each in file.parents if each != store
                  and store in each.parents}  # fmt: skip
        for damage, data in damages(file, every, rng):
            if damage != REMOVE and data == file.read_bytes():
                continue
            with damaged(file, data):
                named = {found for found, _ in problems(store)}
                what = (path, damage, data)
                if fits(file, store, damage, NAMED_BY_FOLDER):
                    assert named & folder or path in named, what
                elif not fits(file, store, damage, UNNAMED):
                    assert path in named, (what, named)
                for question, answer in said(store, tmp_path).items():
                    if question in expected and not fits(file, store, damage, BELIEVED):
                        assert is_true(question, answer, expected[question]), (what, question)
            torture_report(cuts=1)
    assert problems(store) == [], "all was put back"


@pytest.mark.parametrize("part", PARTS)
def test_repair_keeps_what_is_whole(
    whole: Path,
    tmp_path: Path,
    part: str,
    request: pytest.FixtureRequest,
    torture_seed: int,
    torture_report: Callable[..., None],
) -> None:
    """What readers said before a repair they say after it; documents of models come back."""
    long = request.config.getoption("--torture")
    expected = said(whole, tmp_path)
    rng = random.Random(torture_seed)
    for file in sorted(path for path in (whole / part).rglob("*") if path.is_file()):
        ways = list(damages(file, 10**9, rng))
        for damage, data in ways if long else [rng.choice(ways)]:
            store = Path(shutil.copytree(whole, tmp_path / "store"))
            there = store / file.relative_to(whole)
            if data is None:
                there.unlink()
            else:
                there.write_bytes(data)
            before = said(store, tmp_path)
            kept = {path: path.read_bytes() for path in store.rglob("*.json") if path != there}
            with MLOpsContext(storage_path=str(store)) as context:
                repair_store(context)
            after = said(store, tmp_path)
            what = (file.relative_to(whole).as_posix(), damage)
            ended = fits(there, store, damage, ENDED)
            skipped = {"audit", *(q for q in before if ended and q.startswith("run "))}
            for question in (before.keys() & expected.keys()) - skipped:
                if before[question] == expected[question]:
                    assert after[question] == before[question], (what, question)
            assert all(record in after["audit"] for record in before.get("audit", ())), what
            for path, content in kept.items():
                touched = path.relative_to(store).parts[0] == "_tauro" or (
                    ended and "runs" in path.parts
                )
                if not touched:
                    assert path.read_bytes() == content, (what, path)
            if not ended and not fits(there, store, damage, LOST):
                assert problems(store) == [], what
                assert {**after, "audit": None} == {**expected, "audit": None}, what
            shutil.rmtree(store)
            torture_report(cuts=1)
