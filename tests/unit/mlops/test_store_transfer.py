"""Export and import: copies that are stores, ids that are kept, archives that are refused."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import pytest

from tauro.errors import (
    CorruptDataError,
    PathNotAllowedError,
    StorageExistsError,
    StoreFormatError,
    ValidationError,
)
from tauro.mlops import MLOpsContext, verify_store
from tauro.mlops._export import export_store
from tauro.mlops._import import import_store
from tauro.tracking._metric_log import MetricLog


def context_of(root: Path) -> MLOpsContext:
    return MLOpsContext(storage_path=str(root), registry_durability="process")


def make(root: Path, experiment: str = "demo", points: int = 5) -> str:
    """Make a store with a run and a model; return the run's id."""
    root.parent.mkdir(parents=True, exist_ok=True)
    model = root.parent / "model.bin"
    model.write_bytes(b"weights")
    with context_of(root) as context:
        found = context.experiment_tracker.create_experiment(experiment)
        with context.experiment_tracker.start_run(found, "r", {"p": 1}) as run:
            for step in range(points):
                run.log_metric("m", step * 0.5, step=step)
            run.log_metric("noted", 1.0, metadata={"why": "because"})
            run.log_text("text", "a.txt")
        registry = context.model_registry
        registry.register_model(f"model-{experiment}", model)
        registry.promote_model(f"model-{experiment}", 1, "Production")
    return str(run.run_id)


def check(root: Path, run_id: str, points: int = 5) -> None:
    """Look for what :func:`make` made, and for damage."""
    with context_of(root) as context:
        run = context.experiment_tracker.get_run(run_id)
        assert run.parameters == {"p": 1}
        history = run.history("m")
        assert history["value"].tolist() == [step * 0.5 for step in range(points)]
        assert history["step"].tolist() == list(range(points))
        assert run.metrics == {"m": (points - 1) * 0.5, "noted": 1.0}
        key = f"experiment_tracking/artifacts/{run_id}/a.txt"
        assert context.storage.read_bytes(key) == b"text"
        listed = context.experiment_tracker.list_runs()
        assert run_id in [each["run_id"] for each in listed]
        assert list(verify_store(context)) == []


@pytest.mark.parametrize("name", ["copy", "copy.tar", "copy.tar.gz"])
def test_a_copy_gives_everything_back(tmp_path: Path, name: str) -> None:
    """Folder or archive, imported into an empty place: same ids, points, files, model, audit."""
    run_id = make(tmp_path / "store")
    with context_of(tmp_path / "store") as context:
        facts = export_store(context.storage, tmp_path / name)
    assert (facts["experiments"], facts["runs"], facts["models"]) == (1, 1, 1)
    with context_of(tmp_path / "new") as context:
        taken = import_store(context, tmp_path / name)
        assert (taken["experiments"], taken["runs"], taken["points"]) == (1, 1, 6)
        assert (taken["versions"], taken["changes"], taken["there_already"]) == (1, 1, 0)
        experiment_id = context.experiment_tracker.get_run(run_id).experiment_id
        log = MetricLog(tmp_path / "new" / "experiment_tracking" / "metrics")
        noted = log.history(experiment_id, run_id, "noted").metadata
        assert [json.loads(text) for text in noted.values()] == [{"why": "because"}]
        version = context.model_registry.get_model_version("model-demo", 1)
        assert (version.stage, version.created_by != "") == ("Production", True)
        actions = {record.action for record in context.audit_log.query()}
        assert {"run.start", "model.promote"} <= actions
    check(tmp_path / "new", run_id)


def test_a_folder_copy_is_a_store_of_its_own(tmp_path: Path) -> None:
    """It opens, is whole, has index files, and goes on being written."""
    run_id = make(tmp_path / "store")
    with context_of(tmp_path / "store") as context:
        export_store(context.storage, tmp_path / "copy")
    check(tmp_path / "copy", run_id)
    assert len(list((tmp_path / "copy").rglob("index.parquet"))) == 3
    with context_of(tmp_path / "copy") as context:
        context.experiment_tracker.start_run(name="later").end()
        assert context.experiment_tracker.count_runs() == 2
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp-")]


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    """The second time everything is there already; points are not doubled."""
    run_id = make(tmp_path / "store")
    for turn in range(2):
        with context_of(tmp_path / "new") as context:
            taken = import_store(context, tmp_path / "store")
        assert (taken["runs"], taken["points"]) == ((1, 6) if turn == 0 else (0, 0))
    assert taken["there_already"] > 3
    assert taken["conflicts"] == []
    check(tmp_path / "new", run_id)


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """A run that went on in the target keeps what it has."""
    run_id = make(tmp_path / "store")
    with context_of(tmp_path / "new") as context:
        import_store(context, tmp_path / "store")
        context.experiment_tracker.set_tag(run_id, "mine", "yes")
        import_store(context, tmp_path / "store")
        assert context.experiment_tracker.get_run(run_id).tags == {"mine": "yes"}


def test_a_taken_experiment_name_gets_a_number(tmp_path: Path) -> None:
    """Both experiments are there, under two names, each with its own run."""
    runs = [make(tmp_path / name / "store") for name in "ab"]
    with context_of(tmp_path / "a" / "store") as context:
        taken = import_store(context, tmp_path / "b" / "store")
        renamed = taken["renamed"]
        assert [(each["was"], each["name"]) for each in renamed] == [("demo", "demo (2)")]
        second = context.experiment_tracker.find_experiment("demo (2)")
        assert second is not None
        assert second.experiment_id == renamed[0]["experiment_id"]
        assert [run["run_id"] for run in context.experiment_tracker.list_runs(second)] == [runs[1]]
        assert import_store(context, tmp_path / "b" / "store")["renamed"] == []
    for run_id in runs:
        check(tmp_path / "a" / "store", run_id)


def test_a_model_with_another_history_is_a_conflict(tmp_path: Path) -> None:
    """Nothing of it is taken; one that only lacks what is new takes that."""
    make(tmp_path / "a" / "store")
    make(tmp_path / "b" / "store")
    with context_of(tmp_path / "a" / "store") as context:
        taken = import_store(context, tmp_path / "b" / "store")
        assert taken["conflicts"] == ["model-demo"]
        assert (taken["versions"], taken["changes"]) == (0, 0)
    with context_of(tmp_path / "new") as context:
        import_store(context, tmp_path / "a" / "store")
        with context_of(tmp_path / "a" / "store") as further:
            further.model_registry.register_model("model-demo", tmp_path / "a" / "model.bin")
            further.model_registry.promote_model("model-demo", 2, "Production")
        taken = import_store(context, tmp_path / "a" / "store")
        assert (taken["versions"], taken["changes"], taken["conflicts"]) == (1, 1, [])
        version = context.model_registry.get_model_version("model-demo", 2)
        assert version.stage == "Production"
        assert list(verify_store(context)) == []


def test_an_import_that_was_cut_off_is_completed(tmp_path: Path) -> None:
    """Points of a run that never appeared are not doubled by the next import."""
    run_id = make(tmp_path / "store")
    with context_of(tmp_path / "new") as context:
        import_store(context, tmp_path / "store")
    next((tmp_path / "new").rglob(f"{run_id}.json")).unlink()
    with context_of(tmp_path / "new") as context:
        assert import_store(context, tmp_path / "store")["points"] == 6
    check(tmp_path / "new", run_id)


def test_the_copy_of_an_import_that_was_killed_goes_with_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is as large as the store; one that may still be at work stays, and what is not ours."""
    temporary = tmp_path / "tmp"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {
        "killed": f"tauro-import-{ended.pid}-x",
        "young": f"tauro-import-{ended.pid}-y",
        "alive": f"tauro-import-{os.getpid()}-z",
        "another's": "tauro-import-notes",
    }
    for what, name in names.items():
        (temporary / name / "store").mkdir(parents=True)
        days = 0 if what == "young" else 2
        old = time.time() - days * 86_400
        os.utime(temporary / name, (old, old))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    make(tmp_path / "store")
    with context_of(tmp_path / "new") as context:
        import_store(context, tmp_path / "store")
    left = {each.name for each in temporary.iterdir()}
    assert left == {names["young"], names["alive"], names["another's"]}


def test_only_some_experiments(tmp_path: Path) -> None:
    """With experiments named, their runs are copied and nothing else."""
    run_id = make(tmp_path / "store", "one")
    make(tmp_path / "store", "two")
    with context_of(tmp_path / "store") as context:
        chosen = context.experiment_tracker.find_experiment("one")
        assert chosen is not None
        facts = export_store(context.storage, tmp_path / "copy", experiments=[chosen.experiment_id])
    assert (facts["experiments"], facts["runs"], facts["models"]) == (1, 1, 0)
    check(tmp_path / "copy", run_id)
    assert not (tmp_path / "copy" / "model_registry").exists()
    assert not (tmp_path / "copy" / "audit").exists()


def test_a_copy_does_not_hold_what_was_removed_or_half_done(tmp_path: Path) -> None:
    """No locks of others, no signs of life, no journals but the state of the views."""
    make(tmp_path / "store")
    with context_of(tmp_path / "store") as context:
        run = context.experiment_tracker.start_run(name="open")
        run.log_metric("m", 1.0)
        (tmp_path / "store" / "experiment_tracking" / ".tmp-1-2-3").write_text("half")
        export_store(context.storage, tmp_path / "copy")
        names = {path.name for path in (tmp_path / "copy").rglob("*")}
        assert not {name for name in names if name.startswith(".tmp-") or "journal." in name}
        assert not (tmp_path / "copy" / "_tauro" / "writers").exists()
        with context_of(tmp_path / "copy") as copied:
            found = copied.experiment_tracker.get_run(run.run_id)
            assert found.is_abandoned
            assert found.history("m")["value"].tolist() == [1.0]


def test_refusals_say_what_to_do(tmp_path: Path) -> None:
    """Something is there; inside the store; no store; nothing."""
    make(tmp_path / "store")
    (tmp_path / "there").mkdir()
    with context_of(tmp_path / "store") as context:
        with pytest.raises(StorageExistsError, match="there already"):
            export_store(context.storage, tmp_path / "there")
        with pytest.raises(ValidationError, match="inside the store"):
            export_store(context.storage, tmp_path / "store" / "copy")
        with pytest.raises(StoreFormatError, match="holds no store"):
            import_store(context, tmp_path / "there")
        with pytest.raises(FileNotFoundError, match="nothing at"):
            import_store(context, tmp_path / "nowhere")
    with pytest.raises(StoreFormatError, match="holds no store"):
        export_store(context_of(tmp_path / "empty").storage, tmp_path / "copy")
    assert not (tmp_path / "empty").exists()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


HOSTILE = {
    "absolute": entry("/tmp/tauro-was-here"),
    "parent": entry("../escaped"),
    "parent-inside": entry("audit/../../escaped"),
    "backslash": entry("..\\escaped"),
    "symlink": entry("audit/link", tarfile.SYMTYPE, "/etc"),
    "hardlink": entry("audit/hard", tarfile.LNKTYPE, "_tauro/format.json"),
    "device": entry("audit/null", tarfile.CHRTYPE),
    "fifo": entry("audit/pipe", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused(tmp_path: Path, name: str) -> None:
    """Whatever else they hold; nothing is written outside, and nothing is imported."""
    make(tmp_path / "store")
    with context_of(tmp_path / "store") as context:
        export_store(context.storage, tmp_path / "copy.tar")
    with tarfile.open(tmp_path / "copy.tar", "a") as archive:
        member = HOSTILE[name]
        member.size = 4 if member.isreg() else 0
        archive.addfile(member, io.BytesIO(b"evil") if member.isreg() else None)
    with pytest.raises(PathNotAllowedError):
        import_store(context_of(tmp_path / "new"), tmp_path / "copy.tar")
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.rglob("escaped"))
    assert not Path("/tmp/tauro-was-here").exists()


def test_a_file_named_twice_is_refused(tmp_path: Path) -> None:
    """A second entry must not replace what the first one put there."""
    make(tmp_path / "store")
    with context_of(tmp_path / "store") as context:
        export_store(context.storage, tmp_path / "copy.tar")
    with tarfile.open(tmp_path / "copy.tar", "a") as archive:
        archive.addfile(entry("_tauro/format.json"), io.BytesIO(b""))
    with pytest.raises(CorruptDataError, match="not an archive of a store"):
        import_store(context_of(tmp_path / "new"), tmp_path / "copy.tar")


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path, suffix: str) -> None:
    """Cut anywhere, nothing of it is imported."""
    make(tmp_path / "store")
    whole = tmp_path / f"copy{suffix}"
    with context_of(tmp_path / "store") as context:
        export_store(context.storage, whole)
    data = whole.read_bytes()
    # A tar ends in zeros, which are not missed; what is compressed ends in its checksum.
    end = len(data) if suffix == ".tar.gz" else len(data.rstrip(b"\0"))
    for part in (0, 1, 300, 512, end // 4, end // 2, end - 700, end - 20, end - 1):
        cut = tmp_path / f"cut{part}{suffix}"
        cut.write_bytes(data[:part])
        with pytest.raises((CorruptDataError, StoreFormatError)):
            import_store(context_of(tmp_path / "new"), cut)
    assert not (tmp_path / "new").exists()


def test_a_compressed_archive_in_which_a_byte_was_flipped_is_refused(tmp_path: Path) -> None:
    """Wherever it is, also where nothing but the checksum tells."""
    make(tmp_path / "store")
    whole = tmp_path / "copy.tar.gz"
    with context_of(tmp_path / "store") as context:
        export_store(context.storage, whole)
    data = whole.read_bytes()
    start = data.index(b"\0", 10) + 1  # Before it stands a name that nobody reads.
    for place in range(start, len(data), len(data) // 7):
        flipped = bytearray(data)
        flipped[place] ^= 0x40
        (tmp_path / "flipped.tar.gz").write_bytes(bytes(flipped))
        with pytest.raises((CorruptDataError, StoreFormatError, PathNotAllowedError)):
            import_store(context_of(tmp_path / "new"), tmp_path / "flipped.tar.gz")
    assert not (tmp_path / "new").exists()


def test_an_archive_made_by_hand_is_read(tmp_path: Path) -> None:
    """``tar -C store -cf x.tar .`` writes names that start with a dot and folders."""
    run_id = make(tmp_path / "store")
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(tmp_path / "store", ".")
    with context_of(tmp_path / "new") as context:
        assert import_store(context, tmp_path / "x.tar")["runs"] == 1
    check(tmp_path / "new", run_id)


def test_a_damaged_document_is_left_out_and_named(tmp_path: Path) -> None:
    """The others are taken."""
    make(tmp_path / "store")
    second = make(tmp_path / "store")
    with context_of(tmp_path / "store") as context:
        first = next(
            run["run_id"]
            for run in context.experiment_tracker.list_runs()
            if run["run_id"] != second
        )
    path = next((tmp_path / "store").rglob(f"{first}.json"))
    path.write_text("{")
    with context_of(tmp_path / "new") as context:
        taken = import_store(context, tmp_path / "store")
    assert [key.endswith(f"{first}.json") for key in taken["damaged"]] == [True]
    assert taken["runs"] == 1
    check(tmp_path / "new", second)


@pytest.mark.parametrize("name", ["v².json", "transitions/².json"])
def test_a_document_of_no_name_of_ours_stops_nothing(tmp_path: Path, name: str) -> None:
    """What Unicode calls a digit numbers no version; the model is taken all the same."""
    make(tmp_path / "store")
    (version,) = (tmp_path / "store" / "model_registry" / "metadata").rglob("v1.json")
    path = version.parent / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    with context_of(tmp_path / "store") as context:
        export_store(context.storage, tmp_path / "copy")
    with context_of(tmp_path / "new") as context:
        taken = import_store(context, tmp_path / "copy")
        assert taken["versions"] == 1
        assert context.model_registry.get_model_version("model-demo").version == 1
