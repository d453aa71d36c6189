"""Options and fixtures that all tests share, those of the examples too."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tauro._internal import _active, _ids
from tauro.errors import MLOpsError

# Children that tests start must find the environment's own temporary and cache folders, never the
# user's store.
STORE_VARIABLES = ("TAURO_MLOPS_PATH", "TAURO_MLOPS_BACKEND", "TAURO_ENV", "TAURO_CACHE_DIR")
# A proxy would be asked for the servers that tests start on this machine.
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
PROXY_VARIABLES = (*PROXIES, *map(str.upper, PROXIES))

# How long an example takes says how busy the machine is, not whether the property holds.
settings.register_profile("tauro", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# `.ci/run` takes the same examples for the same code: it says of a commit what it said before.
settings.register_profile("ci", settings.get_profile("tauro"), derandomize=True, print_blob=True)
settings.load_profile("tauro")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--torture`` and ``--torture-seed``."""
    group = parser.getgroup("tauro")
    group.addoption("--torture", action="store_true", help="run the long kill, fault, race loops")
    group.addoption("--torture-seed", type=int, default=0, help="replays a failure of them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long loops out of an ordinary run; their short forms are tests of their own."""
    asked = config.getoption("-m") or ""
    left = {"statistics": "statistics" not in asked, "torture": "torture" not in asked}
    left["torture"] &= not config.getoption("--torture")
    long = [
        item for item in items if any(left[each] and item.get_closest_marker(each) for each in left)
    ]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture
def torture_seed(request: pytest.FixtureRequest) -> int:
    """The seed of a long loop; a failure prints it."""
    return int(request.config.getoption("--torture-seed"))


CHORES = ("tauro-compaction", "tauro-compile")
"""Threads that end by themselves."""

DONE = ("kills", "faults", "cuts", "races")
FOUND = ("lost", "torn", "unexplained errors")
COUNTS = pytest.StashKey[Counter[str]]()
BEGAN = pytest.StashKey[float]()
_TORN = ("verify(", "problems(", "torn")


class Tally:
    """What the loops did and found, from the reports of this process's tests or of its workers'."""

    def __init__(self) -> None:
        self.loops: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add what one test did; also of a run that is stopped before its end."""
        for name, value in report.user_properties:
            if name == "torture":
                loop, counts = value
                self.loops[loop].update(counts)


TALLY = pytest.StashKey[Tally]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count what the loops do; let the processes that tests start hear Ctrl-C."""
    config.stash[TALLY] = tally = Tally()
    config.pluginmanager.register(tally)
    config.stash[BEGAN] = time.monotonic()
    # A shell's background job has it ignored, and so have all the processes that it starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _name(node: pytest.Item) -> str:
    """Return a loop's name: its module below ``tests`` and its function, all parameters in one."""
    module = node.nodeid.partition("::")[0].removeprefix("tests/").removesuffix(".py")
    return f"{module}::{getattr(node, 'originalname', node.name)}"


@pytest.fixture
def torture_report(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Count for the table at the end: ``torture_report(kills=1)``, once it was looked after.

    ``cuts`` are files cut short or changed at one byte.
    """
    tally = request.node.stash[COUNTS] = Counter[str]()

    def count(*, kills: int = 0, faults: int = 0, cuts: int = 0, races: int = 0) -> None:
        tally.update({"kills": kills, "faults": faults, "cuts": cuts, "races": races})

    return count


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say of a loop that failed what it found: something lost, torn, or an unexplained error."""
    report = yield
    if "torture_report" in getattr(item, "fixturenames", ()):
        counts = item.stash.get(COUNTS, Counter[str]()) if call.when == "call" else Counter[str]()
        if report.failed:
            assert call.excinfo is not None
            counts[_what_failed(call.excinfo)] += 1
        report.user_properties.append(("torture", (_name(item), dict(counts))))
    return report


def _what_failed(found: pytest.ExceptionInfo[BaseException]) -> str:
    """Tell torn from lost by what was asserted: that verify finds nothing, or anything else."""
    if not found.errisinstance(AssertionError):
        return "unexplained errors"
    asserted = str(found.traceback[-1].statement)
    return "torn" if any(word in asserted for word in _TORN) else "lost"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of a long run, as the documentation shows it."""
    config = terminalreporter.config
    if not config.getoption("--torture"):
        return
    write = terminalreporter.write_line
    tally = config.stash[TALLY].loops
    total = sum(tally.values(), Counter[str]())
    rows = sorted((name, counts) for name, counts in tally.items() if counts.total())
    terminalreporter.section("torture")
    columns = (*DONE, *FOUND)
    write(f"| loop | {' | '.join(columns)} |")
    write(f"|---|{'---:|' * len(columns)}")
    for name, counts in (*rows, ("**all**", total)):
        write(f"| {name} | {' | '.join(str(counts[each]) for each in columns)} |")
    write("")
    write(f"seed {config.getoption('--torture-seed')}; {_machine()}")
    write(f"{time.monotonic() - config.stash[BEGAN]:.0f} s, ended {datetime.now(UTC):%Y-%m-%d}")


def _machine() -> str:
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.platform()}, {python}"


@pytest.fixture(autouse=True)
def _no_run_of_another_test() -> None:
    """Let no run that a test left open be the active one of the next, nor its clock that of ids."""
    _active.forget_runs()
    # Identifiers rise, also where the clock is set back: after a test that moved it on for ever.
    _ids.start_anew()


@pytest.fixture(autouse=True)
def _no_thread_of_another_test() -> Iterator[None]:
    """End the threads that a test left behind: the heartbeats of its open trackers, and chores.

    Another test that counts file-system calls, or fails them, would take theirs for its own.
    """
    before = _trackers()
    yield
    for tracker in _trackers() - before:
        with contextlib.suppress(MLOpsError, OSError):
            tracker._heartbeat.stop()
    for thread in threading.enumerate():
        if thread.name in CHORES:
            thread.join()


def _trackers() -> set[Any]:
    module = sys.modules.get("tauro.tracking._core")
    return set(module._trackers) if module is not None else set()


@pytest.fixture(autouse=True)
def _no_store_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a user's settings out of the tests."""
    for name in (*STORE_VARIABLES, *PROXY_VARIABLES):
        if name in os.environ:
            monkeypatch.delenv(name)
