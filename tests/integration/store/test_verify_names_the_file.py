"""Each kind of file of a real store is damaged in turn; verify names that file and no other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tauro.tracking import ExperimentTracker

from ._stores import fill, problems

Damager = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one store for all; each test damages a copy of it."""
    root = tmp_path_factory.mktemp("whole") / "store"
    fill(root)
    return root


def flip(file: Path) -> None:
    """Flip a bit in the middle."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(bytes(data))


def truncate(file: Path) -> None:
    """Lose the second half."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def remove(file: Path) -> None:
    """Lose it."""
    shutil.rmtree(file) if file.is_dir() else file.unlink()


def change(file: Path) -> None:
    """Change a value so that the document stays one of its kind."""
    text = file.read_text()
    assert "text" in text or '"n": 1' in text or '"n": 0' in text or '"n": 2' in text
    for old, new in (('"n": ', '"n": 7'), ("text", "next")):
        if old in text:
            file.write_text(text.replace(old, new, 1))
            return


def garble(file: Path) -> None:
    """Overwrite the first line."""
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([b"#" * 20 + b"\n", *lines[1:]]))


def folder(file: Path) -> None:
    """Find a folder in its place."""
    file.unlink()
    (file / "deep").mkdir(parents=True)


def stranger(name: str) -> Damager:
    """Put a file beside one."""

    def put(file: Path) -> None:
        (file.parent / name).write_text("what is this?")

    return put


RUNS, POINTS = "experiment_tracking/runs/*", "experiment_tracking/metrics/*"
EXPERIMENTS, ARTIFACTS = "experiment_tracking/experiments", "experiment_tracking/artifacts"
MODEL, FILES = "model_registry/metadata/fraud", "model_registry/artifacts/fraud"
CASES: list[tuple[str, Damager]] = [
    *((f"{POINTS}/*.seg", each) for each in (flip, folder)),
    *((f"{POINTS}/part-*.parquet", each) for each in (flip, truncate, remove, folder)),
    *((f"{POINTS}/summary-*.parquet", each) for each in (flip, truncate, remove)),
    *((f"{POINTS}/manifest-*.json", each) for each in (flip, truncate)),
    *((f"{RUNS}/0*.json", each) for each in (truncate, change, remove)),
    *((f"{RUNS}/index.parquet", each) for each in (flip, truncate, folder)),
    *((f"{EXPERIMENTS}/index.parquet", each) for each in (flip, truncate, folder)),
    *((f"{EXPERIMENTS}/0*.json", each) for each in (truncate,)),
    *((f"{EXPERIMENTS}/names/*.json", each) for each in (truncate, remove)),
    *((f"{ARTIFACTS}/*/notes/a.txt", each) for each in (flip, truncate, change, remove)),
    *((f"{ARTIFACTS}/*/folder", each) for each in (remove,)),
    *((f"{MODEL}/v1.json", each) for each in (truncate, remove)),
    *((f"{MODEL}/v2.json", each) for each in (truncate, remove)),
    *((f"{MODEL}/transitions/1.json", each) for each in (truncate, remove)),
    *((f"{MODEL}/transitions/2.json", each) for each in (truncate, remove)),
    *((f"{FILES}/v1/model.bin", each) for each in (flip, truncate)),
    *((f"{FILES}/v2", each) for each in (remove,)),
    ("model_registry/models/index.parquet", truncate),
    ("_tauro/format.json", truncate),
    ("_tauro/journal/state.json", truncate),
    ("audit/*.jsonl", garble),
]
STRANGERS = [
    f"{RUNS}/0*.json",
    f"{EXPERIMENTS}/0*.json",
    f"{EXPERIMENTS}/names/*.json",
    f"{POINTS}/manifest-*.json",
    f"{MODEL}/v1.json",
    f"{MODEL}/transitions/1.json",
]


def newest(root: Path, pattern: str) -> Path:
    """Return a file of a kind; of manifests the newest, which is the one that counts."""
    found = sorted(root.glob(pattern))
    assert found, f"the store has no {pattern}"
    return found[-1]


@pytest.mark.parametrize(
    ("pattern", "damage"), CASES, ids=lambda each: getattr(each, "__name__", each)
)
def test_damage_is_named(whole: Path, tmp_path: Path, pattern: str, damage: Damager) -> None:
    """Exactly the file that was damaged."""
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    file = newest(store, pattern)
    damage(file)
    assert {path for path, _ in problems(store)} == {file.relative_to(store).as_posix()}


def test_a_changed_file_in_a_logged_folder_names_the_folder(whole: Path, tmp_path: Path) -> None:
    """Of a folder one hash is recorded, over all its files."""
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    file = newest(store, f"{ARTIFACTS}/*/folder/inner.txt")
    flip(file)
    assert [path for path, _ in problems(store)] == [file.parent.relative_to(store).as_posix()]


def test_lost_points_name_the_run_and_its_folder(whole: Path, tmp_path: Path) -> None:
    """A segment that is gone leaves no trace but what the run's end says."""
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    file = newest(store, f"{POINTS}/*.seg")
    remove(file)
    [(path, problem)] = problems(store)
    assert path == file.parent.relative_to(store).as_posix()
    assert "points of 'loss' of the run" in problem


def test_points_that_others_logged_after_the_end_are_no_damage(whole: Path, tmp_path: Path) -> None:
    """The last value of the run's document is then one among others."""
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    with ExperimentTracker(store) as tracker, ExperimentTracker(store) as other:
        run = tracker.start_run(name="late")
        other.log_metric(run.run_id, "m", 1.0)
        run.end()
        other.log_metric(run.run_id, "m", 2.0, step=1)
    assert problems(store) == []


@pytest.mark.parametrize("pattern", STRANGERS)
@pytest.mark.parametrize("name", ["notes.txt", "x.json"])
def test_a_foreign_file_is_named(whole: Path, tmp_path: Path, pattern: str, name: str) -> None:
    """Among documents and metrics everything has its name."""
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    file = newest(store, pattern)
    stranger(name)(file)
    wanted = (file.parent / name).relative_to(store).as_posix()
    assert [path for path, _ in problems(store)] == [wanted]


def test_a_whole_store_has_no_damage_and_looking_changes_nothing(
    whole: Path, tmp_path: Path
) -> None:
    """Neither do the bytes change nor is anything made."""
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    before = {str(path): path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}
    assert problems(store) == []
    after = {str(path): path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}
    assert {os.path.basename(path) for path in after.keys() ^ before.keys()} == set()
    assert after == before


KILLED = """
import os, sys
from tauro.tracking import ExperimentTracker
tracker = ExperimentTracker(sys.argv[1])
experiment = tracker.create_experiment("killed")
for number in range(2):
    with tracker.start_run(experiment, f"r{number}", {"n": number}) as run:
        run.log_metric("m", 1.0)
        run.set_tag("team", "a")
tracker.create_experiment("killed", "described later")
os._exit(0)
"""


def test_documents_that_were_not_published_are_compared_with_the_journals(tmp_path: Path) -> None:
    """A process that was killed has published nothing; its journal holds what it recorded."""
    store = tmp_path / "store"
    subprocess.run([sys.executable, "-c", KILLED, str(store)], check=True)
    assert problems(store) == []
    documents = [*store.glob(f"{RUNS}/0*.json"), *store.glob(f"{EXPERIMENTS}/0*.json")]
    assert len(documents) == 3
    for file in documents:
        before, key = file.read_bytes(), file.relative_to(store).as_posix()
        for place in range(3, len(before), 40):
            data = bytearray(before)
            data[place] ^= 0x01
            file.write_bytes(data)
            assert key in {path for path, _ in problems(store)}, bytes(data)
        file.write_bytes(before)
    [experiment] = store.glob(f"{EXPERIMENTS}/0*.json")
    experiment.unlink()
    assert experiment.relative_to(store).as_posix() in {path for path, _ in problems(store)}
