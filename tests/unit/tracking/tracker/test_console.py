"""What a process prints, kept with a run on request."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.errors import RunNotActiveError, StorageError
from tauro.storage import LocalStorageBackend, MemoryStorageBackend
from tauro.tracking import ExperimentTracker, Run
from tauro.tracking._console import ConsoleCapture


@pytest.fixture
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "spools"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def printed_in(tracker: ExperimentTracker, run: Run) -> str:
    """Return what a run kept, which is its one artifact."""
    assert run.artifacts == ["console.txt"]
    with tempfile.TemporaryDirectory() as folder:
        got = Path(folder) / "got.txt"
        tracker.download_artifact(run, "console.txt", got)
        found = got / "console.txt" if got.is_dir() else got
        return found.read_bytes().decode()


def test_both_streams_are_kept_in_the_order_printed(
    tmp_path: Path, spools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The screen shows the same, the streams are given back, nothing is left behind."""
    before = (sys.stdout, sys.stderr)
    with ExperimentTracker(tmp_path / "store") as tracker:
        print("before")
        with tracker.start_run(name="r", capture_console=True) as run:
            print("epoch 1 ü")
            print("careful", file=sys.stderr)
            sys.stdout.writelines(["a\n", "b\n"])
        print("after")
        assert (sys.stdout, sys.stderr) == before
        assert printed_in(tracker, run) == "epoch 1 ü\ncareful\na\nb\n"
    shown = capsys.readouterr()
    assert shown.out.startswith("before\nepoch 1 ü\na\nb\n")
    assert shown.err == "careful\n"
    assert list(spools.iterdir()) == []


def test_without_asking_the_streams_are_left_alone(tmp_path: Path) -> None:
    """No capture, no artifact."""
    before = (sys.stdout, sys.stderr)
    with ExperimentTracker(tmp_path / "store") as tracker, tracker.start_run(name="r") as run:
        assert (sys.stdout, sys.stderr) == before
    assert run.artifacts == []


def test_a_run_that_fails_keeps_what_it_printed(tmp_path: Path) -> None:
    """It is then that people look."""
    with ExperimentTracker(tmp_path / "store") as tracker:
        run = tracker.start_run(name="r", capture_console=True)

        def divide() -> None:
            with run:
                print("about to divide")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            divide()
        assert printed_in(tracker, run) == "about to divide\n"


def test_two_runs_each_keep_their_time(tmp_path: Path) -> None:
    """The outer one has what the inner one has, whichever ends first."""
    with ExperimentTracker(tmp_path / "store") as tracker:
        before = sys.stdout
        outer = tracker.start_run(name="outer", capture_console=True)
        print("one")
        inner = tracker.start_run(name="inner", capture_console=True)
        print("two")
        outer.end()
        print("three")
        inner.end()
        assert printed_in(tracker, outer) == "one\ntwo\n"
        assert printed_in(tracker, inner) == "two\nthree\n"
        sys.stdout = before


def test_a_tracker_that_closes_keeps_what_was_printed(tmp_path: Path, spools: Path) -> None:
    """The run may still be open."""
    tracker = ExperimentTracker(tmp_path / "store")
    run = tracker.start_run(name="r", capture_console=True)
    print("hello")
    tracker.close()
    assert printed_in(tracker, run) == "hello\n"
    assert list(spools.iterdir()) == []
    run.end()
    tracker.close()


def is_console(path: str) -> bool:
    return "/console" in path


@pytest.mark.parametrize("refused", ["open", "write", "close"])
def test_a_disk_that_refuses_does_not_fail_the_run(
    tmp_path: Path, refused: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning says that nothing more is kept; what is printed goes on to the screen."""

    def full(operation: str, path: str) -> None:
        if operation == refused and is_console(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    with ExperimentTracker(tmp_path / "store") as tracker:
        _fs.set_fault_hook(full)
        try:
            with tracker.start_run(name="r", capture_console=True) as run:
                print("lost")
                print("lost, too")
        finally:
            _fs.set_fault_hook(None)
        assert tracker.get_run(run).status == "COMPLETED"
        assert list(tracker.verify()) == []
    said = [each for each in caplog.records if "No space left" in each.getMessage()]
    assert len(said) == 1


def test_a_place_without_files_gets_it_at_the_end(spools: Path) -> None:
    """Nothing of it is left behind."""
    with ExperimentTracker(MemoryStorageBackend()) as tracker:
        with tracker.start_run(name="r", capture_console=True) as run:
            print("in memory")
        assert printed_in(tracker, run) == "in memory\n"
        assert list(tracker.verify()) == []
    assert [each for each in spools.iterdir() if "console" in each.name] == []


def test_the_screen_is_kept_as_it_is_printed(tmp_path: Path) -> None:
    """A reader finds it while the run is open, the damage that verify looks for is none."""
    with ExperimentTracker(tmp_path / "store") as tracker:
        run = tracker.start_run(name="r", capture_console=True)
        print("so far")
        other = ExperimentTracker(tmp_path / "store")
        assert printed_in(other, other.get_run(run.run_id)) == "so far\n"
        assert list(other.verify()) == []
        run.end()
        (record,) = run.artifact_records
        assert (record.path, record.size) == ("console.txt", len("so far\n"))
        assert record.sha256 == hashlib.sha256(b"so far\n").hexdigest()


def test_what_is_kept_is_bounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last of it stays, in two files of at most so many bytes; a text may span them."""
    store = LocalStorageBackend(tmp_path / "store")
    capture = ConsoleCapture(store, "r", limit=100)
    printed = "".join(f"line {number}\n" for number in range(100)) + "ü" * 75
    print(printed, end="")
    records = capture.stop()
    assert [each.path for each in records] == ["console.1.txt", "console.txt"]
    kept = [store.read_bytes(f"experiment_tracking/artifacts/r/{each.path}") for each in records]
    assert [len(each) for each in kept] == [each.size for each in records]
    assert len(kept[0]) == 100
    assert 0 < len(kept[1]) <= 100
    assert printed.encode().endswith(b"".join(kept))
    assert capsys.readouterr().out == printed


def test_threads_print_whole_texts(tmp_path: Path) -> None:
    """Of many at once none is torn or lost."""
    with ExperimentTracker(tmp_path / "store") as tracker:
        with tracker.start_run(name="r", capture_console=True) as run:
            start = threading.Barrier(4)

            def work(number: int) -> None:
                start.wait()
                for turn in range(50):
                    sys.stdout.write(f"{number}:{turn}\n")

            threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        lines = printed_in(tracker, run).splitlines()
    assert sorted(lines) == sorted(f"{number}:{turn}" for number in range(4) for turn in range(50))
    for number in range(4):
        own = [line for line in lines if line.startswith(f"{number}:")]
        assert own == [f"{number}:{turn}" for turn in range(50)]


def test_what_was_printed_before_a_kill_is_kept(tmp_path: Path) -> None:
    """All of it, and the run names the artifact; repairing keeps both."""
    code = """if True:
        import sys, tauro
        run = tauro.start_run("r", capture_console=True)
        print("epoch 1")
        print("careful", file=sys.stderr)
        sys.stdout.write("no end of line yet")
        sys.__stdout__.write("printed\\n")
        sys.__stdout__.flush()
        sys.stdin.read()
    """
    store = tmp_path / "store"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "TAURO_MLOPS_PATH": str(store)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any("printed" in line for line in process.stdout)
        process.kill()
    with ExperimentTracker(store) as tracker:
        (found,) = tracker.list_runs()
        run = tracker.get_run(found["run_id"])
        wanted = "epoch 1\ncareful\nno end of line yet"
        assert printed_in(tracker, run) == wanted
        assert list(tracker.verify()) == []
        tracker.repair()
        run = tracker.get_run(run)
        assert run.status == "FAILED"
        assert printed_in(tracker, run) == wanted
        (kept,) = run.artifact_records
        assert (kept.size, kept.sha256) == (len(wanted), sha256_of(wanted))


def test_a_run_that_another_ended_says_what_was_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who ends a run by its id cannot know it; who prints adds it when it learns of the end."""
    with ExperimentTracker(tmp_path / "store") as mine, ExperimentTracker(mine.storage) as other:
        run = mine.start_run(name="r", capture_console=True)
        print("before")
        other.end_run(run.run_id)
        print("after")
        with pytest.raises(RunNotActiveError):
            run.end()
        read = other.get_run(run.run_id)
        assert printed_in(other, read) == "before\nafter\n"
        (kept,) = read.artifact_records
        assert (kept.size, kept.sha256) == (13, sha256_of("before\nafter\n"))
        assert read.status == "COMPLETED"
        assert list(other.verify()) == []
    assert capsys.readouterr().out == "before\nafter\n"


def test_a_document_that_cannot_be_written_does_not_keep_the_tracker_open(
    tmp_path: Path, spools: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing goes on to the end: the streams are given back, the run can still be ended."""

    def refuse(*_: object) -> None:
        raise StorageError("the disk is full")

    before = sys.stdout
    with ExperimentTracker(tmp_path / "store") as tracker:
        run = tracker.start_run(name="r", capture_console=True)
        with monkeypatch.context() as patch:
            patch.setattr(tracker._documents, "update_run", refuse)
            tracker.close()
        assert sys.stdout is before
        assert "the disk is full" in caplog.text
        assert list(spools.iterdir()) == []
        assert run.end().status == "COMPLETED"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_adds_nothing_and_removes_nothing(tmp_path: Path) -> None:
    """A run that nobody ends is ended at exit, with what its own process printed."""
    code = """if True:
        import os, sys, tauro
        run = tauro.start_run("r", capture_console=True)
        print("parent", flush=True)
        if os.fork() == 0:
            print("child", flush=True)
            sys.exit(0)
        os.wait()
        print("done", flush=True)
    """
    environment = {**os.environ, "TAURO_MLOPS_PATH": str(tmp_path / "store")}
    # Since Python 3.12 a fork beside threads prints a warning, which would be kept too.
    ran = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert ran.stdout == "parent\nchild\ndone\n"
    found = list(tmp_path.rglob("console.txt"))
    assert [path.read_text() for path in found] == ["parent\ndone\n"]
