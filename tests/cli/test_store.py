"""``tauro store export``, ``import`` and ``migrate``, as an operator calls them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.mlops import MLOpsContext

from .conftest import Tauro


@pytest.fixture
def store(here: Path) -> str:
    """Make the default store with a run and a model; return the run's id."""
    (here / "model.bin").write_bytes(b"weights")
    with MLOpsContext() as context:
        with context.experiment_tracker.start_run(name="r") as run:
            run.log_metric("loss", 0.5)
        context.model_registry.register_model("fraud", here / "model.bin")
    return run.run_id


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_there_and_back(tauro: Tauro, store: str, here: Path, name: str) -> None:
    """What was exported is found in another store, and that one is whole."""
    facts = tauro("store", "export", name, "--json").json
    assert (facts["runs"], facts["models"], facts["tenants"]) == (1, 1, [])
    taken = tauro("store", "import", name, "--store", "other", "--json").json
    [record] = tauro("audit", "--action", "store.*", "--store", "other", "--json").json
    assert (record["action"], record["subject"]) == ("store.import", name)
    assert record["details"]["runs"] == 1
    assert (taken["runs"], taken["versions"], taken["points"]) == (1, 1, 1)
    shown = tauro("runs", "show", store, "--store", "other", "--json").json
    assert shown["run_id"] == store
    assert tauro("store", "verify", "--store", "other").code == 0
    again = tauro("store", "import", name, "--store", "other")
    assert again.code == 0
    assert "there_already" in again.out


def test_only_an_experiment(tauro: Tauro, store: str, here: Path) -> None:
    """By name or id; one that does not exist is exit code 3."""
    facts = tauro("store", "export", "copy", "-e", "default", "--json").json
    assert (facts["experiments"], facts["runs"], facts["models"]) == (1, 1, 0)
    assert tauro("store", "export", "other", "-e", "defalt").code == 3
    assert not (here / "other").exists()


def test_mistakes_have_their_exit_codes(tauro: Tauro, store: str, here: Path) -> None:
    """A destination that is there is 4, a source that is not is 3, another history is 4."""
    (here / "there").mkdir()
    there = tauro("store", "export", "there")
    assert (there.code, "does not exist" in there.err) == (4, True)
    assert tauro("store", "import", "nowhere").code == 3
    (here / "model.bin").write_bytes(b"other weights")
    with MLOpsContext(storage_path="other") as context:
        context.model_registry.register_model("fraud", here / "model.bin")
    conflict = tauro("store", "import", "mlops_data", "--store", "other", "--json")
    assert (conflict.code, conflict.json["conflicts"]) == (4, ["fraud"])


def test_what_is_no_store_is_not_looked_after(tauro: Tauro, here: Path) -> None:
    """A mistyped name is no store that is whole, and none is made of it."""
    for verb in ("verify", "compact", "repair", "gc", "migrate"):
        found = tauro("store", verb, "--store", "typo")
        assert found.code == 5
        assert "typo holds no store" in found.err
    info = tauro("store", "info", "--store", "typo")
    assert "typo holds no store yet" in info.err
    assert not (here / "typo").exists()


@pytest.mark.parametrize("days", ["nan", "inf", "-1", "1e300"])
def test_an_absurd_age_removes_nothing(tauro: Tauro, store: str, days: str) -> None:
    """Of a mistyped age nobody may have to guess what it removed."""
    refused = tauro("store", "gc", f"--older-than-days={days}", "--json")
    assert refused.code == 2
    assert "days from 0" in refused.json["message"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_where_nothing_can_be_printed_it_says_so_once(here: Path, options: tuple[str]) -> None:
    command = [sys.executable, "-m", "tauro", "audit", *options]
    # Also of what waits in a buffer until the interpreter ends.
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command,
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=240,
            env=buffered,
        )
    assert done.returncode == 5
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="descriptors are closed by the shell")
def test_without_a_standard_output_the_work_is_done_all_the_same(store: str, here: Path) -> None:
    for command in ("store info", "store verify", "audit", "health"):
        done = subprocess.run(
            f"{sys.executable} -m tauro {command} >&-",
            check=False,
            shell=True,
            stderr=subprocess.PIPE,
            text=True,
            timeout=240,
        )
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_a_lost_mark_is_damage(tauro: Tauro, store: str, here: Path) -> None:
    """What stands beside it is still there."""
    (here / "mlops_data" / "_tauro" / "format.json").unlink()
    found = tauro("store", "verify", "--json")
    assert found.code == 5
    assert [each["path"] for each in found.json["problems"]] == ["_tauro/format.json"]
    assert store in tauro("runs", "list").out
    assert tauro("store", "repair").code == 0
    assert tauro("store", "verify").code == 0


def test_repair_names_the_runs_that_it_ended(tauro: Tauro, store: str, here: Path) -> None:
    begin = (
        "import os; from tauro.mlops import MLOpsContext;"
        "print(MLOpsContext().experiment_tracker.start_run(name='k').run_id, flush=True);"
        "os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", begin], capture_output=True, text=True, check=True)
    run_id = done.stdout.strip()
    assert f"ended as failed: {run_id}\n" in tauro("store", "repair").out
    assert tauro("runs", "show", run_id, "--json").json["status"] == "FAILED"


def test_damage_is_a_line_with_the_whole_path(tauro: Tauro, store: str, here: Path) -> None:
    """To be copied, and found with grep; what to do about it stands below."""
    file = next(here.glob("mlops_data/experiment_tracking/runs/*/0*.json"))
    file.write_text("")
    (here / "mlops_data" / "model_registry" / "artifacts" / "fraud" / "v1" / "model.bin").unlink()
    found = tauro("store", "verify")
    assert found.code == 5
    paths = [line.partition(": ")[0] for line in found.out.splitlines()]
    assert file.relative_to(here / "mlops_data").as_posix() in paths
    assert all((here / "mlops_data" / path).parent.exists() for path in paths)
    assert "tauro store repair" in found.err
    assert "2 found" in found.err


def test_info_counts_what_is_there_while_others_remove(
    tauro: Tauro, store: str, here: Path
) -> None:
    """A file that goes between the listing and the look at it is not there."""
    root = here / "mlops_data"
    (file,) = root.glob("audit/*.jsonl")

    def remove(operation: str, path: str) -> None:
        if operation == "stat" and path == str(file):
            file.unlink(missing_ok=True)

    before = {
        each["part"]: each["files"] for each in tauro("store", "info", "--json").json["parts"]
    }
    _fs.set_fault_hook(remove)
    try:
        called = tauro("store", "info", "--json")
    finally:
        _fs.set_fault_hook(None)
    assert called.code == 0
    after = {each["part"]: each["files"] for each in called.json["parts"]}
    assert not file.exists()
    assert before["audit"] == 1
    assert {**after, "audit": 1} == before


def test_tenants_are_exported_by_name(tauro: Tauro, store: str, here: Path) -> None:
    """The export of the store says which tenants it leaves out; each has an export of its own."""
    with MLOpsContext(tenant_id="acme") as context:
        context.experiment_tracker.start_run(name="secret").end()
    assert tauro("store", "export", "whole", "--json").json["tenants"] == ["acme"]
    for verb in ("verify", "repair", "compact", "gc"):
        assert "tenants (acme)" in tauro("store", verb).err, "it is not looked at either"
        assert "acme" not in tauro("store", verb, "--tenant", "acme").err
    assert "acme" in tauro("store", "info").out
    assert not (here / "whole" / "tenants").exists()
    facts = tauro("store", "export", "acme.tar", "--tenant", "acme", "--json").json
    assert (facts["runs"], facts["models"]) == (1, 0)
    assert tauro("store", "import", "acme.tar", "--store", "new", "--json").json["runs"] == 1


def test_migrate(tauro: Tauro, store: str, here: Path) -> None:
    """Version 1 is the newest; a newer mark, a damaged one and none are refused."""
    assert "nothing to do" in tauro("store", "migrate").out
    facts = tauro("store", "migrate", "--json").json
    assert (facts["from"], facts["format"], facts["steps"]) == (1, 1, [])
    mark = here / "mlops_data" / "_tauro" / "format.json"
    document = json.loads(mark.read_text())
    del document["checksum"]
    mark.write_text(json.dumps({**document, "version": 2}))
    newer = tauro("store", "migrate")
    assert (newer.code, "pip install --upgrade tauro" in newer.err) == (5, True)
    mark.write_text(json.dumps({**document, "version": 0}))
    older = tauro("store", "migrate")
    assert (older.code, "nothing leads on from 0" in older.err) == (5, True)
    mark.write_text("{")
    assert tauro("store", "migrate").code == 5
    shutil.rmtree(here / "mlops_data")
    assert tauro("store", "migrate").code == 5
    assert not (here / "mlops_data").exists()


def test_a_deleted_experiment_is_collected_with_its_runs(
    tauro: Tauro, store: str, here: Path
) -> None:
    """``runs list`` shows its runs only on request, and ``gc`` says what went."""
    with MLOpsContext() as context:
        tracker = context.experiment_tracker
        experiment = tracker.get_run(store).experiment_id
        tracker.delete_experiment(experiment)
    assert tauro("runs", "list", "--json").json == []
    [listed] = tauro("runs", "list", "--deleted", "--json").json
    assert listed["run_id"] == store
    assert tauro("store", "gc", "--older-than-days", 1, "--json").json["experiments"] == []
    gone = tauro("store", "gc", "--json").json
    assert (gone["runs"], gone["experiments"]) == ([store], [experiment])
    assert tauro("runs", "list", "--deleted", "--json").json == []
    records = tauro("audit", "--action", "*.remove", "--json").json
    assert [record["subject"] for record in records] == [store, experiment]
    assert tauro("store", "verify").code == 0


def test_what_was_collected_comes_back_from_a_copy(tauro: Tauro, store: str, here: Path) -> None:
    """With its ids, its points and its models' runs, also to those who saw it go."""
    with MLOpsContext() as watching:
        assert watching.experiment_tracker.count_runs() == 1
        assert tauro("store", "export", "copy").code == 0
        assert tauro("runs", "delete", store).code == 0
        assert tauro("store", "gc", "--json").json["runs"] == [store]
        assert watching.experiment_tracker.count_runs(include_deleted=True) == 0
        assert tauro("store", "import", "copy", "--json").json["runs"] == 1
        assert watching.experiment_tracker.search_runs() == [store]
        assert watching.experiment_tracker.get_run(store).history("loss")["value"].tolist() == [0.5]
    assert tauro("runs", "show", store, "--json").json["run_id"] == store
    assert tauro("store", "verify").code == 0


def test_a_version_deleted_of_late_is_not_collected_before_its_time(
    tauro: Tauro, store: str, here: Path
) -> None:
    with MLOpsContext() as context:
        context.model_registry.delete_model_version("fraud", 1)
    assert tauro("store", "gc", "--older-than-days", 1, "--json").json["versions"] == []
    with MLOpsContext() as context:
        context.model_registry.restore_model_version("fraud", 1)
        assert context.model_registry.get_model_version("fraud").version == 1
        context.model_registry.delete_model_version("fraud", 1)
    assert tauro("store", "gc", "--json").json["versions"] == [{"name": "fraud", "version": 1}]


def test_a_dry_run_says_what_would_go_and_changes_nothing(
    tauro: Tauro, store: str, here: Path
) -> None:
    """What it says is what then goes; what is not old enough is in neither."""
    with MLOpsContext() as context:
        tracker, registry = context.experiment_tracker, context.model_registry
        tracker.create_experiment("whole")
        with tracker.start_run(experiment_name="whole") as inside:
            inside.log_metric("loss", 1.0)
        tracker.delete_experiment(inside.experiment_id)
        tracker.delete_run(store)
        registry.delete_model_version("fraud", 1)
    before = {path: path.read_bytes() for path in here.rglob("*.json") if "_tauro" not in str(path)}
    assert tauro("store", "gc", "--dry-run", "--older-than-days", 1, "--json").json == {
        "runs": [],
        "experiments": [],
        "versions": [],
        "staging": 0,
    }
    shown = tauro("store", "gc", "--dry-run").out
    assert all(f"run {run_id}\n" in shown for run_id in (store, inside.run_id))
    assert f"experiment {inside.experiment_id}\n" in shown
    assert "version fraud/1\n" in shown
    planned = tauro("store", "gc", "--dry-run", "--json").json
    after = {path: path.read_bytes() for path in here.rglob("*.json") if "_tauro" not in str(path)}
    assert after == before
    assert planned == {
        "runs": sorted([store, inside.run_id]),
        "experiments": [inside.experiment_id],
        "versions": [{"name": "fraud", "version": 1}],
        "staging": 0,
    }
    called = tauro("store", "gc", "--json")
    assert called.err == "Removing …\n", "it may take long"
    gone = called.json
    assert {**gone, "runs": sorted(gone["runs"])} == planned
    assert tauro("store", "gc", "--dry-run", "--json").json["runs"] == []
    assert tauro("store", "verify").code == 0


@pytest.mark.parametrize("name", ["copy.zip", "copy.tar.xz", "COPY.7Z"])
def test_an_archive_of_another_kind_is_no_folder_of_that_name(
    tauro: Tauro, store: str, here: Path, name: str
) -> None:
    before = sorted(path.name for path in here.iterdir())
    refused = tauro("store", "export", name)
    assert (refused.code, "Archives are .tar" in refused.err) == (2, True)
    assert sorted(path.name for path in here.iterdir()) == before
    (here / name).write_bytes(b"PK")
    assert tauro("store", "import", name, "--store", "other").code == 2
    assert not (here / "other").exists()
