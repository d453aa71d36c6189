"""The operator's verbs, killed or failing at each call to the disk: a repetition completes them.

What is there stays whole whatever is killed, `verify` finds no damage in what a kill left, and what
was to be removed, merged or taken is so after the same verb was called again. A call that fails is
told as an error of ours, or the verb did all it is for.

In the long form every call is killed, and every call fails. Where a kill leaves the disk as the one
before it did, for only readings lay between the two, it is not looked at a second time.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.errors import MLOpsError
from tauro.mlops import MLOpsContext, collect_garbage, compact_store, repair_store
from tauro.mlops._export import export_store
from tauro.mlops._import import import_store

from ._stores import fill, problems

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
    pytest.mark.timeout(3600),
]

Verb = Callable[[MLOpsContext, Path], object]
VERBS: dict[str, tuple[Verb, int]] = {
    "gc": (lambda context, _: collect_garbage(context), 19),
    "compact": (lambda context, _: compact_store(context), 19),
    "repair": (lambda context, _: repair_store(context), 19),
    "import": (import_store, 80),
    "export": (lambda context, copy: export_store(context.storage, f"{copy}-again"), 80),
}
"""Each verb, and how far apart the calls are that it is killed at in the short form."""

CASES = [
    pytest.param(name, every, marks=[pytest.mark.torture] * (every == 1), id=f"{name}-{every}")
    for name, (_, some) in VERBS.items()
    for every in (some, 1)
]
READING = frozenset({"close", "fstat", "list", "read", "stat"})
"""Calls that leave the disk as it is."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a store in which something waits for each verb, and the copy of another one."""
    folder = tmp_path_factory.mktemp("stores")
    store, other = folder / "store", folder / "other"
    fill(store, runs=2)
    with MLOpsContext(storage_path=str(store)) as context:
        tracker = context.experiment_tracker
        deleted = tracker.start_run(experiment_name="demo", name="deleted")
        deleted.log_metric("loss", 1.0)
        deleted.log_text("x", "a.txt")
        deleted.end()
        tracker.delete_run(deleted)
        with tracker.start_run(experiment_name="dropped", name="dropped") as dropped:
            dropped.log_metric("loss", 2.0)
        tracker.delete_experiment(dropped.experiment_id)
    fill(other, prefix="other-", runs=2)
    with MLOpsContext(storage_path=str(other)) as context:
        export_store(context.storage, folder / "copy")
    return store, folder / "copy"


def killed_at(call: int, verb: Verb, store: Path, copy: Path) -> int | None:
    """Call a verb in a child that is killed at its n-th call to the disk.

    Returns:
        How often it had changed the disk by then, None where it came to its end.
    """
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        calls = changes = 0

        def kill(operation: str, path: str) -> None:
            nonlocal calls, changes
            calls += 1
            if calls == call:
                os.write(tell, changes.to_bytes(4, "little"))
                os.kill(os.getpid(), signal.SIGKILL)
            changes += operation not in READING

        # Nothing of the test runner may run in the child.
        try:
            context = MLOpsContext(storage_path=str(store))
            _fs.set_fault_hook(kill)
            verb(context, copy)
        except BaseException:  # noqa: BLE001 - the parent looks at the exit code
            os._exit(1)
        os._exit(0)
    os.close(tell)
    with open(told, "rb") as pipe:
        answer = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == (-signal.SIGKILL if answer else 0)
    return int.from_bytes(answer, "little") if answer else None


def check_whole(store: Path) -> None:
    """Look, as a fresh process would, for all that was acknowledged; nothing is damaged."""
    assert problems(store) == []
    with MLOpsContext(storage_path=str(store)) as context:
        tracker, registry = context.experiment_tracker, context.model_registry
        experiment = tracker.find_experiment("demo")
        assert experiment is not None
        runs = {str(run["name"]): str(run["run_id"]) for run in tracker.list_runs(experiment)}
        assert sorted(runs) == ["r0", "r1"]
        for number in range(2):
            run = tracker.get_run(runs[f"r{number}"])
            values = run.history("loss")["value"].tolist()
            assert values == [1.0 / (1 + step + number) for step in range(20)]
            key = f"experiment_tracking/artifacts/{run.run_id}/notes/a.txt"
            assert context.storage.read_bytes(key) == f"text {number}".encode()
        for taken in tracker.search_runs(filter="name like 'other-%'"):
            history = tracker.get_metric_history(taken, "loss")
            assert len(history) == 20, "a run that was taken is there whole"
        assert [row["stage"] for row in registry.list_model_versions("fraud")] == [
            "Archived",
            "Production",
        ]


def check_done(name: str, store: Path, copy: Path) -> None:
    """Look for what the verb is for, after it was called again and not killed."""
    with MLOpsContext(storage_path=str(store)) as context:
        tracker = context.experiment_tracker
        deleted = tracker.count_runs(include_deleted=True) - tracker.count_runs()
        if name == "gc":
            assert deleted == 0
            assert tracker.find_experiment("dropped") is None
            kept = {str(run["run_id"]) for run in tracker.list_runs()}
            artifacts = store / "experiment_tracking" / "artifacts"
            # What a kill left aside goes with the next collection after a day.
            left = {path.name for path in artifacts.iterdir() if not _fs.is_temporary(path.name)}
            assert left == kept
        else:
            assert deleted == 2
        if name == "import":
            names = [str(run["name"]) for run in tracker.list_runs()]
            assert sorted(names) == ["other-r0", "other-r1", "r0", "r1"]
            assert len(context.model_registry.list_model_versions("other-fraud")) == 2
        if name == "compact":
            assert not list(store.rglob("*.seg"))
    if name == "export":
        check_whole(copy.with_name(f"{copy.name}-again"))


@contextmanager
def copies(stores: tuple[Path, Path], folder: Path) -> Iterator[tuple[Path, Path]]:
    """Give a store and the copy of another one, for one try.

    What a killed import leaves in the folder of temporary files goes with the try: the next import
    looks at every one of them, so that each try would take a call more than the one before.
    """
    store = Path(shutil.copytree(stores[0], folder / "store"))
    copy = Path(shutil.copytree(stores[1], folder / "copy"))
    temporary, usual = folder / "temporary", tempfile.tempdir
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
    try:
        yield store, copy
    finally:
        tempfile.tempdir = usual
        for path in folder.iterdir():
            shutil.rmtree(path, ignore_errors=True)


def check_again(name: str, store: Path, copy: Path) -> None:
    """Look at what was left; then the same verb does what it is for."""
    check_whole(store)
    again = copy.with_name(f"{copy.name}-again")
    if again.exists():
        check_whole(again)  # It came to its name whole, or not at all.
        shutil.rmtree(again)
    with MLOpsContext(storage_path=str(store)) as context:
        VERBS[name][0](context, copy)
    check_whole(store)
    check_done(name, store, copy)


@pytest.mark.parametrize(("name", "every"), CASES)
def test_a_verb_that_was_killed_is_completed_by_the_next_call(
    tmp_path: Path,
    stores: tuple[Path, Path],
    name: str,
    every: int,
    torture_report: Callable[..., None],
) -> None:
    looked_at = -1
    for call in range(1, 4000, every):
        with copies(stores, tmp_path) as (store, copy):
            changes = killed_at(call, VERBS[name][0], store, copy)
            if changes is None:
                assert looked_at > 0
                return
            if changes != looked_at:
                check_again(name, store, copy)
            looked_at = changes
            torture_report(kills=1)
    pytest.fail("the verb never came to its end")


def fails_at(call: int, verb: Verb, store: Path, copy: Path) -> tuple[bool, bool]:
    """Call a verb whose n-th call to the disk fails; tell whether one did, and whether it said so.

    A reading call fails as of a broken disk, every second other one as of a full one.
    """
    calls = 0

    def fail(operation: str, path: str) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            number = errno.EIO if operation in READING or call % 2 else errno.ENOSPC
            raise OSError(number, os.strerror(number), path)

    with MLOpsContext(storage_path=str(store)) as context:
        _fs.set_fault_hook(fail)
        try:
            verb(context, copy)
        except MLOpsError:
            return True, True
        finally:
            _fs.set_fault_hook(None)
    return calls >= call, False


@pytest.mark.faults
@pytest.mark.parametrize(("name", "every"), CASES)
def test_a_verb_that_failed_says_so_and_is_completed_by_the_next_call(
    tmp_path: Path,
    stores: tuple[Path, Path],
    name: str,
    every: int,
    torture_report: Callable[..., None],
) -> None:
    for call in range(1, 4000, every):
        with copies(stores, tmp_path) as (store, copy):
            failed, said = fails_at(call, VERBS[name][0], store, copy)
            if not failed:
                assert call > 1
                return
            # A file that a compaction made needless and could not remove goes with the next one.
            if not said and name != "compact":
                check_done(name, store, copy)
            check_again(name, store, copy)
            torture_report(faults=1)
    pytest.fail("the verb never came to its end")
