"""``tauro run`` on a terminal: the live line, what workers print, Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.test_run import wait_for
from tests.unit.project.conftest import write_project

CODE = """
import sys, time
from pathlib import Path
HERE = Path(__file__).parent
def first(): print("from first"); print("complaint of first", file=sys.stderr); return [1]
def second(x): print("from second"); return [*x, 2]
def wait():
    (HERE / "waiting").touch()
    time.sleep(600)
def hold():
    (HERE / "holding").touch()
    while not (HERE / "released").exists(): time.sleep(0.01)
"""
NODES = {
    "first": {"function": "steps.first", "output": "one"},
    "second": {"function": "steps.second", "inputs": {"x": "one"}, "output": "two"},
    "wait": {"function": "steps.wait"},
    "hold": {"function": "steps.hold"},
    "[odd]": {"function": "steps.first"},
}
PIPELINES = {
    "pair": {"nodes": ["first", "second"]},
    **{name: {"nodes": [name]} for name in ("wait", "hold", "[odd]")},
}
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""A session of its own takes the terminal, whose Ctrl-C then reaches it; it becomes the command."""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A process on a terminal of its own, and what it showed so far."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._fd, theirs = pty.openpty()
        run = ["-m", "tauro", "run", "--env", "dev", "--pipeline", *arguments]
        command = [sys.executable, "-c", TAKE_TERMINAL, sys.executable, *run]
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self.raw = ""

    def press(self, key: bytes) -> None:
        os.write(self._fd, key)

    def read_until(self, text: str) -> None:
        """Read until a text was shown, or to the end."""
        while text not in self.text and self._read():
            pass
        assert text in self.text, self.text

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self.process.wait(240)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._fd)

    @property
    def text(self) -> str:
        """What was shown, without colours and movements."""
        return CONTROL.sub("", self.raw)

    @property
    def lines(self) -> list[str]:
        """What stays on the screen: lines that were not drawn over."""
        shown = [line.rpartition("\x1b[2K")[2] for line in self.raw.split("\n")]
        return [CONTROL.sub("", line).strip("\r ") for line in shown]

    def _read(self) -> bool:
        if not select.select([self._fd], [], [], 240)[0]:
            return False
        try:
            part = os.read(self._fd, 65536)
        except OSError:  # Linux: the other side was closed
            return False
        self.raw += part.decode(errors="replace")
        return bool(part)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    outputs = {"one": {"path": "one.json"}, "two": {"path": "two.json"}}
    write_project(tmp_path, code=CODE, nodes=NODES, pipelines=PIPELINES, outputs=outputs)
    return tmp_path


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals to close when the test is done."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_the_lines_stay_whole_above_the_live_one(
    folder: Path, terminals: list[Terminal], executor: str
) -> None:
    shown = Terminal(folder, "pair", "--executor", executor, "--max-workers", "1")
    terminals.append(shown)
    assert shown.end() == 0
    kept = [line for line in shown.lines if line]
    assert kept[:3] == ["✓ Loading configuration...", "✓ Validating pipeline...", kept[2]]
    at = [
        kept.index(line)
        for line in (
            "✓ first ................................ [1/2]",
            "from first",
            "✓ second ............................... [2/2]",
            "from second",
        )
    ]
    assert at == sorted(at)
    assert "complaint of first" in kept
    assert kept[-1].startswith("✓ Pipeline completed in")


def test_the_live_line_counts_and_names_what_runs(folder: Path, terminals: list[Terminal]) -> None:
    shown = Terminal(folder, "hold")
    terminals.append(shown)
    wait_for(folder / "holding")
    shown.read_until("0/1")
    (folder / "released").touch()
    assert shown.end() == 0
    assert re.search(r"0/1 \S+ hold", shown.text)
    assert "1/1" in shown.text


def test_a_name_in_brackets_is_no_markup(folder: Path, terminals: list[Terminal]) -> None:
    shown = Terminal(folder, "[odd]")
    terminals.append(shown)
    assert shown.end() == 0
    assert any(line.startswith("✓ [odd] ...") for line in shown.lines)


def test_ctrl_c_in_processes_ends_the_node_at_once(folder: Path, terminals: list[Terminal]) -> None:
    shown = Terminal(folder, "wait", "--executor", "processes")
    terminals.append(shown)
    wait_for(folder / "waiting")
    shown.press(b"\x03")
    assert shown.end() == 130
    assert "--resume" in shown.text
    assert "Waiting for" not in shown.text


def test_ctrl_c_waits_for_threads_and_says_so(folder: Path, terminals: list[Terminal]) -> None:
    shown = Terminal(folder, "hold", "--executor", "threads", "--max-workers", "2")
    terminals.append(shown)
    wait_for(folder / "holding")
    shown.press(b"\x03")
    shown.read_until("Waiting for hold to end; Ctrl-C again to leave it.")
    (folder / "released").touch()
    assert shown.end() == 130
    assert "interrupted after" not in shown.text
    assert "--resume" in shown.text


def test_a_second_ctrl_c_leaves_threads_behind(folder: Path, terminals: list[Terminal]) -> None:
    shown = Terminal(folder, "wait", "--executor", "threads", "--max-workers", "2")
    terminals.append(shown)
    wait_for(folder / "waiting")
    shown.press(b"\x03")
    shown.read_until("Ctrl-C again")
    shown.press(b"\x03")
    assert shown.end() == 130  # and not after the ten minutes that the node would take
    assert "✗ wait interrupted after" in shown.text
    assert re.search(r"--executor threads --max-workers 2 --resume \w{26}", shown.text)
    from tauro.project import RunHistory

    (record,) = RunHistory(folder).list_runs("wait")
    assert record.status == "interrupted"
