"""A store after somebody copied, moved, linked and removed files and folders in it by hand.

`verify` names what is wrong and looks at everything else all the same; `repair` brings back what
the indices and journals hold, puts aside what was in its place, and removes nothing.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.errors import CorruptDataError, PathNotAllowedError
from tauro.mlops import MLOpsContext, compact_store, export_store, repair_store
from tauro.tracking import ExperimentTracker

from ._stores import fill, problems

RUNS, EXPERIMENTS = "experiment_tracking/runs", "experiment_tracking/experiments"
METADATA = "model_registry/metadata"
VERSIONS = [("fraud", 1), ("fraud", 2), ("other", 1)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one store with two experiments and two models."""
    root = tmp_path_factory.mktemp("whole") / "store"
    fill(root, runs=2)
    model = root.parent / "model.bin"
    model.write_bytes(b"others")
    with MLOpsContext(storage_path=str(root)) as context:
        tracker = context.experiment_tracker
        tracker.start_run(tracker.create_experiment("other"), "o").end()
        context.model_registry.register_model("other", model)
        context.model_registry.promote_model("other", 1, "Staging")
    return root


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """Give a copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "store"))


def swap(first: Path, second: Path) -> None:
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def repaired(store: Path) -> list[str]:
    with MLOpsContext(storage_path=str(store)) as context:
        aside = repair_store(context)["put_aside"]
    assert all((store / path).exists() for path in aside)
    return [str(path) for path in aside]


def said(store: Path) -> dict[str, object]:
    """Return what readers say of runs and versions, by id."""
    with MLOpsContext(storage_path=str(store)) as context:
        tracker, registry = context.experiment_tracker, context.model_registry
        ids = [str(run["run_id"]) for run in tracker.list_runs()]
        runs = {run_id: tracker.get_run(run_id).name for run_id in ids}
        found = [registry.get_model_version(*each) for each in VERSIONS]
        versions = {f"{each.name}/{each.version}": each.stage for each in found}
    return {**runs, **versions, "runs": len(ids)}


def two(store: Path, pattern: str) -> tuple[Path, Path]:
    found = sorted(store.glob(pattern))
    return found[0], found[-1]


SWAPPED = {
    "runs": f"{RUNS}/*/0*.json",
    "experiments": f"{EXPERIMENTS}/0*.json",
    "versions": f"{METADATA}/fraud/v*.json",
    "models": f"{METADATA}/*/v1.json",
    "changes": f"{METADATA}/fraud/transitions/[12].json",
}


@pytest.mark.parametrize("pattern", SWAPPED.values(), ids=SWAPPED)
def test_documents_that_changed_places_are_named_and_put_back(store: Path, pattern: str) -> None:
    """Each is whole and has a checksum that holds; it is just not the one of its name."""
    before = said(store)
    first, second = two(store, pattern)
    kept = {path: path.read_bytes() for path in (first, second)}
    swap(first, second)
    wanted = {path.relative_to(store).as_posix() for path in (first, second)}
    assert wanted <= {path for path, _ in problems(store)}
    aside = repaired(store)
    assert {(store / path).read_bytes() for path in aside} == set(kept.values())
    assert {path: path.read_bytes() for path in kept} == kept
    assert problems(store) == []
    assert said(store) == before


def test_a_version_in_anothers_place_is_not_taken_for_it(store: Path) -> None:
    """Readers refuse it: else version 1 would load what was registered as version 2."""
    swap(*two(store, f"{METADATA}/fraud/v*.json"))
    with MLOpsContext(storage_path=str(store)) as context:
        wrong = r"(?s)v1\.json.*holds version 2 of the model 'fraud'.*store repair"
        with pytest.raises(CorruptDataError, match=wrong):
            context.model_registry.get_model_version("fraud", 1)
        assert context.model_registry.get_model_version("other", 1).name == "other"


def test_a_copied_model_is_named_and_nobodys(store: Path) -> None:
    """It is no second model of that name."""
    shutil.copytree(store / METADATA / "fraud", store / METADATA / "fraud (copy)")
    assert {path for path, _ in problems(store)} == {
        f"{METADATA}/fraud (copy)/v{number}.json" for number in (1, 2)
    }
    with MLOpsContext(storage_path=str(store)) as context:
        names = [model["name"] for model in context.model_registry.list_models()]
    assert names == ["fraud", "other"]


def test_copied_metrics_are_named(store: Path) -> None:
    """They are of no experiment, and nobody reads them."""
    folder, _ = two(store, "experiment_tracking/metrics/0*")
    copy = folder.with_name(f"{folder.name} (copy)")
    shutil.copytree(folder, copy)
    assert [path for path, _ in problems(store)] == [copy.relative_to(store).as_posix()]


def test_an_index_of_another_experiment_hides_no_run(store: Path) -> None:
    """It is newer than the one that was published there, whole, and of other runs."""
    before = said(store)
    first, second = two(store, f"{RUNS}/*/index.parquet")
    swap(first, second)
    assert said(store) == before
    wanted = {path.relative_to(store).as_posix() for path in (first, second)}
    assert {path for path, _ in problems(store)} == wanted
    repaired(store)
    assert problems(store) == []
    assert said(store) == before


def remove_runs(store: Path) -> str:
    folder, _ = two(store, f"{RUNS}/0*")
    shutil.rmtree(folder)
    return folder.relative_to(store).as_posix()


def remove_experiments(store: Path) -> str:
    file, _ = two(store, f"{EXPERIMENTS}/0*.json")
    shutil.rmtree(store / EXPERIMENTS)
    return file.relative_to(store).as_posix()


def link_run(store: Path) -> str:
    file, _ = two(store, f"{RUNS}/*/0*.json")
    file.unlink()
    file.symlink_to(store.parent / "elsewhere.json")
    return file.relative_to(store).as_posix()


def link_segment(store: Path) -> str:
    file, _ = two(store, "experiment_tracking/metrics/*/*.seg")
    file.unlink()
    file.symlink_to(store.parent / "elsewhere.seg")
    return file.parent.relative_to(store).as_posix()


def strange_bytes_among_runs(store: Path) -> str:
    folder, _ = two(store, f"{RUNS}/0*")
    file = folder / os.fsdecode(b"\xff\xfe.json")
    file.write_text("what is this?")
    return file.relative_to(store).as_posix()


def strange_bytes_among_models(store: Path) -> str:
    folder = store / METADATA / os.fsdecode(b"\xff\xfe")
    folder.mkdir()
    (folder / "v1.json").write_text("what is this?")
    return folder.relative_to(store).as_posix()


def audit_in_the_way(store: Path) -> str:
    file, _ = two(store, "audit/*.jsonl")
    file.unlink()
    (file / "deep").mkdir(parents=True)
    return file.relative_to(store).as_posix()


def zeroed_audit(store: Path) -> str:
    """A block that the disk had allocated, and had not written when the power went."""
    _, file = two(store, "audit/*.jsonl")
    file.write_bytes(bytes(file.stat().st_size))
    return file.relative_to(store).as_posix()


def file_for_models(store: Path) -> str:
    shutil.rmtree(store / "model_registry")
    (store / "model_registry").write_text("a file now")
    return "model_registry"


def file_for_runs(store: Path) -> str:
    folder, _ = two(store, f"{RUNS}/0*")
    shutil.rmtree(folder)
    folder.write_text("a file now")
    return folder.relative_to(store).as_posix()


DAMAGES: list[Callable[[Path], str]] = [
    remove_runs,
    remove_experiments,
    link_run,
    link_segment,
    strange_bytes_among_runs,
    strange_bytes_among_models,
    audit_in_the_way,
    zeroed_audit,
    file_for_models,
    file_for_runs,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_one_bad_place_is_named_and_hides_no_other(
    store: Path, damage: Callable[[Path], str]
) -> None:
    """Looking does not end at what cannot be read: an artifact that was changed is named, too."""
    artifact = max(store.glob("experiment_tracking/artifacts/*/notes/a.txt"))
    wanted = damage(store)
    changed = artifact.relative_to(store).as_posix()
    is_run_lost = damage in (remove_runs, file_for_runs)
    other = "" if is_run_lost else changed
    artifact.write_text("changed")
    found = {path for path, _ in problems(store)}
    assert wanted in found
    assert other in found or is_run_lost


@pytest.mark.parametrize(
    "damage",
    [link_run, strange_bytes_among_runs, strange_bytes_among_models, audit_in_the_way],
    ids=lambda each: each.__name__,
)
def test_repair_works_beside_what_it_cannot_put_right(
    store: Path, damage: Callable[[Path], str]
) -> None:
    wanted = damage(store)
    lost = max(store.glob(f"{RUNS}/*/0*.json"))
    version = store / METADATA / "fraud" / "v1.json"
    kept = {path: path.read_bytes() for path in (lost, version)}
    for path in kept:
        path.unlink()
    repaired(store)
    assert {path: path.read_bytes() for path in kept} == kept
    assert [path for path, _ in problems(store)] == [wanted]


LOST: dict[str, list[str]] = {
    "a version and a change": ["v1.json", "transitions/2.json"],
    "the last change": ["transitions/3.json"],
    "all of a model": ["v1.json", "v2.json", *(f"transitions/{n}.json" for n in (1, 2, 3))],
}


@pytest.mark.parametrize("zeroed", [True, False], ids=["zeroed", "gone"])
@pytest.mark.parametrize("names", LOST.values(), ids=LOST)
def test_compaction_makes_no_index_forget_what_it_alone_holds(
    store: Path, names: list[str], zeroed: bool
) -> None:
    """It may run every night, and nobody has looked yet; `repair` brings it back afterwards."""
    files = [store / METADATA / "fraud" / name for name in names]
    kept = {file: file.read_bytes() for file in files}
    for file in files:
        file.unlink()
        if zeroed:
            file.write_bytes(bytes(100))
    with MLOpsContext(storage_path=str(store)) as context:
        compact_store(context)
    wanted = {file.relative_to(store).as_posix() for file in files}
    assert wanted <= {path for path, _ in problems(store)}
    repaired(store)
    assert {file: file.read_bytes() for file in files} == kept
    assert problems(store) == []


@pytest.mark.timeout(120)
def test_a_pipe_keeps_nobody_waiting(store: Path, tmp_path: Path) -> None:
    """Who opens one waits until somebody writes; it is named as any file that does not belong."""
    artifacts = next((store / "experiment_tracking/artifacts").glob("0*/folder"))
    runs = next((store / RUNS).glob("0*"))
    pipes = [folder / "pipe.json" for folder in (store / RUNS, runs, store / METADATA / "fraud")]
    for pipe in (*pipes, artifacts / "pipe", store / "pipe"):
        os.mkfifo(pipe)
    found = {path for path, _ in problems(store)}
    named = [pipe.relative_to(store).as_posix() for pipe in (*pipes, artifacts)]
    assert found == set(named)
    repaired(store)
    with MLOpsContext(storage_path=str(store)) as context:
        with pytest.raises(PathNotAllowedError, match=r"folder/pipe.*is not a regular file"):
            export_store(context, tmp_path / "copy")
        (artifacts / "pipe").unlink()
        assert export_store(context, tmp_path / "copy")["models"] == 2


def test_what_may_not_be_read_is_named_and_hides_no_other(store: Path) -> None:
    first, second = two(store, f"{RUNS}/*/0*.json")
    second.unlink()

    def refuse(operation: str, path: str) -> None:
        if operation == "read" and path == str(first):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    _fs.set_fault_hook(refuse)
    try:
        found = dict(problems(store))
    finally:
        _fs.set_fault_hook(None)
    assert set(found) == {path.relative_to(store).as_posix() for path in (first, second)}
    assert "Permission denied" in found[first.relative_to(store).as_posix()]


@pytest.mark.parametrize("folder", [RUNS, "model_registry/artifacts", "_tauro/journal"])
def test_a_folder_that_may_not_be_listed_hides_no_other(store: Path, folder: str) -> None:
    wanted = store / "experiment_tracking/metrics/notes"
    wanted.write_text("what is this?")

    def refuse(operation: str, path: str) -> None:
        if operation == "list" and path == str(store / folder):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    _fs.set_fault_hook(refuse)
    try:
        found = dict(problems(store))
    finally:
        _fs.set_fault_hook(None)
    assert wanted.relative_to(store).as_posix() in found
    assert any("Permission denied" in problem for problem in found.values())


def test_an_experiment_that_is_removed_while_all_are_listed_is_not_listed(store: Path) -> None:
    """`info`, `health` and `runs list` go on beside a `gc`."""
    first, _ = two(store, f"{EXPERIMENTS}/0*.json")

    def remove(operation: str, path: str) -> None:
        if operation == "read" and path == str(first):
            first.unlink(missing_ok=True)

    with ExperimentTracker(store) as tracker:
        before = {each.experiment_id for each in tracker.list_experiments()}
        _fs.set_fault_hook(remove)
        try:
            after = {each.experiment_id for each in tracker.list_experiments()}
        finally:
            _fs.set_fault_hook(None)
    assert before - after == {first.stem}
