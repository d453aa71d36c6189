"""What others logged, on the terminal of who reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Tauro

from tauro.tracking import ExperimentTracker

EVIL = "\x1b[31mred\x07\x9b2J\u202e"
OBEYED = ("\x1b[31m", "\x1b[2J", "\x1b]0", "\x07", "\x9b", "\u202e")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store in which somebody put terminal commands wherever a text may be."""
    with ExperimentTracker(tmp_path / "store", capture_environment=False) as tracker:
        made = tracker.create_experiment("e\u202ex", EVIL)
        with tracker.start_run(made, "n\u202e漢字", {"p": EVIL, "l": [EVIL]}, {"t": EVIL}) as run:
            run.set_note(EVIL)
            run.log_text("x", f"{EVIL}.txt")
            run.log_metric("loss", 0.5)
        with pytest.raises(ValueError), tracker.start_run(made, "failed"):
            raise ValueError(EVIL)
    return tmp_path / "store"


def ids(store: Path) -> list[str]:
    with ExperimentTracker(store) as tracker:
        return tracker.search_runs(order_by=["start_time"])


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_logged_texts_do_not_command_the_terminal(
    tauro: Tauro, store: Path, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escape sequences and what turns the writing are shown, not sent."""
    first, second = ids(store)
    calls = [["show", first], ["show", second], ["compare", first, second], ["list"]]
    calls += [["search", "name = 'failed'"], ["experiments"], ["history", first, "loss"]]
    for call in calls:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
        answer = tauro("runs", *call, "--store", store)
        assert answer.code == 0
        assert not [each for each in OBEYED if each in answer.out + answer.err], call
    assert r"\x1b[31mred\x07\x9b2J\u202e" in tauro("runs", "show", first, "--store", store).out


def test_an_error_shows_no_more_than_its_text(tauro: Tauro, store: Path) -> None:
    answer = tauro("runs", "search", f"tags.t = '{EVIL}", "--store", store)
    assert answer.code == 2
    assert not [each for each in OBEYED if each in answer.err]


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
def test_an_id_is_whole_on_every_terminal(
    tauro: Tauro, store: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be copied: a table too wide for the terminal is not folded to shreds."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = tauro("runs", "list", "--store", store).out
    assert all(any(each in line for line in shown.splitlines()) for each in ids(store))
    assert ("┃" in shown) is (columns == 200)


def test_columns_line_up_under_wide_characters(tauro: Tauro, store: Path) -> None:
    """An ideograph takes two columns of a terminal, an accent of its own none."""
    head, *rows = tauro("runs", "list", "--store", store).out.splitlines()
    starts = {row.index("COMPLETED") for row in rows if "漢字" in row}
    assert starts == {head.index("Status") - 2}


def command(*arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tauro", *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_name_that_the_encoding_lacks_is_written_out(tmp_path: Path, encoding: str) -> None:
    """It does not end the command, and a JSON document stays one."""
    name = "漢字 👍 é"
    with ExperimentTracker(tmp_path / "store", capture_environment=False) as tracker:
        run = tracker.start_run(name=name).end()
    listed = command("runs", "list", "--store", tmp_path / "store", PYTHONIOENCODING=encoding)
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert rb"\u6f22\u5b57 \U0001f44d" in listed.stdout
    shown = command(
        "runs", "show", run, "--json", "--store", tmp_path / "store", PYTHONIOENCODING=encoding
    )
    assert shown.returncode == 0
    assert json.loads(shown.stdout.decode(encoding))["name"] == name


@pytest.mark.parametrize("kind", [["list"], ["list", "--json"]], ids=str)
def test_a_reader_that_goes_is_no_failure(tmp_path: Path, kind: list[str]) -> None:
    """As ``head`` does: no traceback, nothing from Python's exit, and the code of success."""
    with ExperimentTracker(tmp_path / "store", capture_environment=False) as tracker:
        for number in range(300):
            tracker.start_run(name=f"{number} " + "x" * 240).end()
    limit = ["-n", "300", "--store", str(tmp_path / "store")]
    with subprocess.Popen(
        [sys.executable, "-m", "tauro", "runs", *kind, *limit],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
