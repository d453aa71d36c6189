"""What a process prints, kept with a run on request."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tauro.errors import StorageError
from tauro.storage import LocalStorageBackend
from tauro.tracking import ExperimentTracker, Run


@pytest.fixture
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "spools"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


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


def test_a_store_that_refuses_does_not_fail_the_run(
    tmp_path: Path, spools: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning says what was not kept."""

    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    with ExperimentTracker(tmp_path / "store") as tracker:
        with tracker.start_run(name="r", capture_console=True) as run:
            print("lost")
            monkeypatch.setattr(LocalStorageBackend, "write_artifact", full)
        assert tracker.get_run(run).status == "COMPLETED"
    assert "the disk is full" in caplog.text
    assert list(spools.iterdir()) == []


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
    ran = subprocess.run(
        [sys.executable, "-c", code],
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
