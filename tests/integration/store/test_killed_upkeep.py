"""The operator's verbs, killed at one call to the disk after another: a repetition completes them.

What is there stays whole whatever is killed, `verify` finds no damage in what a kill left, and what
was to be removed, merged or taken is so after the same verb was called again.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tauro._internal import _fs
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
VERBS: dict[str, tuple[Verb, int, int]] = {
    "gc": (lambda context, _: collect_garbage(context), 9, 1),
    "compact": (lambda context, _: compact_store(context), 9, 1),
    "repair": (lambda context, _: repair_store(context), 9, 1),
    "import": (import_store, 40, 4),
    "export": (lambda context, copy: export_store(context.storage, f"{copy}-again"), 40, 4),
}
"""Each verb, and how far apart the calls are that it is killed at: in a short form and a long."""

CASES = [
    pytest.param(name, every, marks=[pytest.mark.torture] if long else [], id=f"{name}-{every}")
    for name, (_, some, all_) in VERBS.items()
    for long, every in ((False, some), (True, all_))
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a store in which something waits for each verb, and the copy of another one."""
    folder = tmp_path_factory.mktemp("stores")
    store, other = folder / "store", folder / "other"
    fill(store)
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


def killed_at(call: int, verb: Verb, store: Path, copy: Path) -> bool:
    """Call a verb in a child that is killed at its n-th call to the disk; tell whether it was."""
    child = os.fork()
    if child == 0:
        left = [call]

        def kill(operation: str, path: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        # Nothing of the test runner may run in the child.
        try:
            context = MLOpsContext(storage_path=str(store))
            _fs.set_fault_hook(kill)
            verb(context, copy)
        except BaseException:  # noqa: BLE001 - the parent looks at the exit code
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def check_whole(store: Path) -> None:
    """Look, as a fresh process would, for all that was acknowledged; nothing is damaged."""
    assert problems(store) == []
    with MLOpsContext(storage_path=str(store)) as context:
        tracker, registry = context.experiment_tracker, context.model_registry
        experiment = tracker.find_experiment("demo")
        assert experiment is not None
        runs = {str(run["name"]): str(run["run_id"]) for run in tracker.list_runs(experiment)}
        assert sorted(runs) == ["r0", "r1", "r2"]
        for number in range(3):
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
            assert sorted(names) == ["other-r0", "other-r1", "r0", "r1", "r2"]
            assert len(context.model_registry.list_model_versions("other-fraud")) == 2
        if name == "compact":
            assert not list(store.rglob("*.seg"))
    if name == "export":
        check_whole(copy.with_name(f"{copy.name}-again"))


@pytest.mark.parametrize(("name", "every"), CASES)
def test_a_verb_that_was_killed_is_completed_by_the_next_call(
    tmp_path: Path,
    stores: tuple[Path, Path],
    name: str,
    every: int,
    torture_report: Callable[..., None],
) -> None:
    verb = VERBS[name][0]
    for call in range(1, 4000, every):
        store = Path(shutil.copytree(stores[0], tmp_path / f"store{call}"))
        copy = Path(shutil.copytree(stores[1], tmp_path / f"copy{call}"))
        again = copy.with_name(f"{copy.name}-again")
        if not killed_at(call, verb, store, copy):
            return
        check_whole(store)
        if again.exists():
            check_whole(again)  # It came to its name whole, or not at all.
            shutil.rmtree(again)
        with MLOpsContext(storage_path=str(store)) as context:
            verb(context, copy)
        check_whole(store)
        assert problems(store) == []
        check_done(name, store, copy)
        torture_report(kills=1)
        for folder in (store, copy, again):
            shutil.rmtree(folder, ignore_errors=True)
    pytest.fail("the verb never came to its end")
