"""An artifact that replaces another: whatever ends the process, the old or the new is there, whole.

Every file-system call of the replacement fails in turn, or is the last that the process does.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from tauro._internal import _fs
from tauro.errors import StorageError
from tauro.flavors import load_model
from tauro.tracking import ExperimentTracker
from tauro.tracking._incoming import STAGING, remove_staging

pytestmark = pytest.mark.faults

OLD = {"big.bin": b"old" * 50_000, "only-old.txt": b"stays", "sub/x.txt": b"old"}
NEW = {"big.bin": b"new!" * 50_000, "only-new.txt": b"comes", "sub/x.txt": b"new"}


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def replace_text(tracker: ExperimentTracker, run: str, sources: Path) -> None:
    tracker.log_text("new text", "notes.txt", run_id=run)


def replace_file(tracker: ExperimentTracker, run: str, sources: Path) -> None:
    tracker.log_artifact(run, sources / "new" / "big.bin")


def replace_folder(tracker: ExperimentTracker, run: str, sources: Path) -> None:
    tracker.log_artifact(run, sources / "new" / "out")


def write_into_folder(tracker: ExperimentTracker, run: str, sources: Path) -> None:
    tracker.log_artifact(run, sources / "new" / "big.bin", "out")


def replace_model(tracker: ExperimentTracker, run: str, sources: Path) -> None:
    tracker.log_model(run, line_to(5.0), "model")


def line_to(value: float) -> LinearRegression:
    """Return a model that predicts this for 1.0."""
    return LinearRegression().fit([[0.0], [1.0]], [0.0, value])


Action = Callable[[ExperimentTracker, str, Path], None]
ACTIONS: dict[str, tuple[Action, str]] = {
    "text": (replace_text, "notes.txt"),
    "file": (replace_file, "big.bin"),
    "folder": (replace_folder, "out"),
    "into a folder": (write_into_folder, "out"),
    "model": (replace_model, "model"),
}


class Scene:
    """A run with one of everything, and local files that are to replace them."""

    def __init__(self, folder: Path) -> None:
        self.store, self.sources = folder / "store", folder / "sources"
        fill(self.sources / "old" / "out", OLD)
        fill(self.sources / "new" / "out", NEW)
        for age, files in (("old", OLD), ("new", NEW)):
            fill(self.sources / age, {"big.bin": files["big.bin"]})
        with ExperimentTracker(self.store, capture_environment=False) as tracker:
            run = tracker.start_run(name="r")
            self.run = run.run_id
            run.log_text("old text", "notes.txt")
            run.log_artifact(self.sources / "old" / "big.bin")
            run.log_artifact(self.sources / "old" / "out")
            run.log_model(line_to(1.0), "model")

    def content(self, path: str) -> dict[str, bytes]:
        """Return what stands at a path of the run's artifacts, of a model what it predicts."""
        folder = self.store / "experiment_tracking" / "artifacts" / self.run / path
        if path == "model":  # Its files differ with the time at which they were written.
            return {"prediction": b"%.3f" % load_model(folder).predict(np.array([[1.0]]))[0]}
        files = [folder] if folder.is_file() else folder.rglob("*")
        return {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in files
            if file.is_file()
        }

    def act(self, action: Action) -> None:
        with ExperimentTracker(self.store, capture_environment=False) as tracker:
            action(tracker, self.run, self.sources)

    def check(self, path: str, before: dict[str, bytes], after: dict[str, bytes]) -> bool:
        """Look at a path as a fresh process does; tell whether the new stands there."""
        found = self.content(path)
        assert found in (before, after), sorted(found)
        tracker = ExperimentTracker(self.store)
        assert [each.path for each in tracker.verify()] == []
        tracker.repair()
        assert self.content(path) == found, "repairing changes no artifact"
        assert [each.path for each in tracker.verify()] == []
        run = tracker.get_run(self.run)
        records = {each.path: each for each in run.artifact_records}
        assert records[path].size == sum(map(len, found.values())) or path in ("out", "model")
        assert not run._record.replacing
        tracker.close()
        return found == after


@pytest.fixture(params=ACTIONS)
def case(request: pytest.FixtureRequest) -> tuple[Action, str]:
    return ACTIONS[request.param]


def outcome(folder: Path, action: Action, path: str) -> tuple[dict[str, bytes], list[str]]:
    """Return what stands at the path where nothing fails, and the calls that it takes."""
    scene, calls = Scene(folder), list[str]()
    with ExperimentTracker(scene.store, capture_environment=False) as tracker:
        tracker.log_param(scene.run, "opened", 1)
        _fs.set_fault_hook(lambda operation, _: calls.append(operation))
        action(tracker, scene.run, scene.sources)
        _fs.set_fault_hook(None)
    return scene.content(path), calls


def turns(request: pytest.FixtureRequest, calls: list[str]) -> list[int]:
    """Return the calls at which to act: those that change files, in a long run every one."""
    changing = ("write", "rename", "exchange", "link", "rmtree", "unlink", "open", "fsync")
    return [
        number
        for number, name in enumerate(calls, 1)
        if request.config.getoption("--torture") or name in changing
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.timeout(3600)
def test_a_death_at_any_call_leaves_the_old_or_the_new(
    tmp_path: Path,
    case: tuple[Action, str],
    request: pytest.FixtureRequest,
    torture_report: Callable[..., None],
) -> None:
    """Fresh processes find one of the two, find no damage, and the document says which it is."""
    action, path = case
    after, calls = outcome(tmp_path / "whole", action, path)
    seen = set()
    scene = Scene(tmp_path / "scene")
    before = scene.content(path)
    for turn in turns(request, calls):
        child = os.fork()
        if child == 0:
            # Nothing of the test runner may run in the child.
            try:
                die_at(scene, action, turn)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        seen.add(scene.check(path, before, after))
        torture_report(kills=1)
        restore(scene, path, before)
    assert seen == {False, True}, "deaths before and after the change"


def die_at(scene: Scene, action: Action, turn: int) -> None:
    tracker = ExperimentTracker(scene.store, capture_environment=False)
    tracker.log_param(scene.run, "opened", 1)
    _fs.set_fault_hook(Countdown(turn, lambda *_: os._exit(9)))
    action(tracker, scene.run, scene.sources)


class Countdown:
    """Do something at the n-th call."""

    def __init__(self, turn: int, do: Callable[[str, str], None]) -> None:
        self.left, self.do = turn, do

    def __call__(self, operation: str, path: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.do(operation, path)


def restore(scene: Scene, path: str, before: dict[str, bytes]) -> None:
    """Let the run have again what it had."""
    if scene.content(path) == before:
        return
    with ExperimentTracker(scene.store, capture_environment=False) as tracker:
        if path == "model":
            tracker.log_model(scene.run, line_to(1.0), "model")
        elif path == "out":
            tracker.storage.delete(f"experiment_tracking/artifacts/{scene.run}/out")
            tracker.log_artifact(scene.run, scene.sources / "old" / "out")
        elif path == "big.bin":
            tracker.log_artifact(scene.run, scene.sources / "old" / "big.bin")
        else:
            tracker.log_text("old text", "notes.txt", run_id=scene.run)
    assert scene.content(path) == before


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_a_failing_call_leaves_the_old_or_the_new(
    tmp_path: Path,
    case: tuple[Action, str],
    code: int,
    request: pytest.FixtureRequest,
    torture_report: Callable[..., None],
) -> None:
    """It is a clear error, or none where the new stands; the next call works as if nothing was."""
    action, path = case
    after, calls = outcome(tmp_path / "whole", action, path)
    scene = Scene(tmp_path / "scene")
    before = scene.content(path)

    def fail(operation: str, at: str) -> None:
        raise OSError(code, os.strerror(code), at)

    for turn in turns(request, calls):
        tracker = ExperimentTracker(scene.store, capture_environment=False)
        tracker.log_param(scene.run, "opened", 1)
        _fs.set_fault_hook(Countdown(turn, fail))
        try:
            action(tracker, scene.run, scene.sources)
            acknowledged = True
        except StorageError:
            acknowledged = False
        finally:
            _fs.set_fault_hook(None)
        stands = scene.check(path, before, after)
        assert stands or not acknowledged
        torture_report(faults=1)
        tracker.close()
        restore(scene, path, before)
    scene.act(action)
    assert scene.check(path, before, after)


def test_what_dead_processes_staged_goes_with_gc(tmp_path: Path) -> None:
    """Not what a living one may be staging just now."""
    scene = Scene(tmp_path)
    tracker = ExperimentTracker(scene.store)
    tracker.storage.write_bytes(f"{STAGING}/0000000000aaaaaaaaaaaaaaaa/x", b"of 1970")
    with ExperimentTracker(scene.store) as other, other.start_run() as run:
        run.log_text("x", "x")
        tracker.storage.write_bytes(f"{STAGING}/{run.run_id}/x", b"of now")
    tracker.gc()
    assert tracker.storage.list_paths(STAGING) == [f"{STAGING}/{run.run_id}/x"]
    assert remove_staging(tracker.storage, older_than=0.0) == 1
    assert tracker.storage.list_paths(STAGING) == []


WRITER = """if True:
    import sys
    from tauro.mlops import ExperimentTracker
    store, run, name = sys.argv[1:4]
    tracker = ExperimentTracker(store, capture_environment=False)
    print("ready", flush=True)
    turn = 0
    while True:
        turn += 1
        tracker.log_text(name * turn, "shared.txt", run_id=run)
        tracker.log_artifact(run, sys.argv[4])
        print(turn, flush=True)
"""


@pytest.mark.timeout(3600)
def test_two_processes_that_replace_one_artifact_are_killed(
    tmp_path: Path, request: pytest.FixtureRequest, torture_report: Callable[..., None]
) -> None:
    """After each kill the document speaks of what stands there, and no folder is a mixture."""
    store, sources = tmp_path / "store", tmp_path / "sources"
    for name in "ab":
        fill(sources / name / "out", {f"{n}.txt": name.encode() * 100 for n in range(5)})
    with ExperimentTracker(store, capture_environment=False) as tracker:
        run = tracker.start_run(name="r").run_id
        tracker.log_text("", "shared.txt", run_id=run)
    for _ in range(25 if request.config.getoption("--torture") else 3):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(store), run, name, str(sources / name / "out")],
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in "ab"
        ]
        try:
            for writer in writers:
                assert writer.stdout is not None
                for wanted in ("ready\n", "1\n", "2\n"):
                    assert writer.stdout.readline() == wanted
        finally:
            for writer in writers:
                writer.send_signal(signal.SIGKILL)
                writer.communicate()
                torture_report(kills=1)
        fresh = ExperimentTracker(store)
        assert [damage.problem for damage in fresh.verify()] == []
        top = f"experiment_tracking/artifacts/{run}"
        text = fresh.storage.read_bytes(f"{top}/shared.txt")
        assert len(set(text)) == 1
        files = {fresh.storage.read_bytes(key) for key in fresh.storage.list_paths(f"{top}/out")}
        assert len(files) == 1
        fresh.close()
