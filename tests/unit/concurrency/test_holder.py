"""Who holds a lock, as somebody who waits in vain is told."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from tauro._internal._clock import now
from tauro.concurrency._holder import Holder


def describe(pid: int, since: datetime) -> str:
    return Holder(platform.node(), pid, "main", since).describe()


def test_a_process_that_took_it_and_lives_is_still_running() -> None:
    assert "(still running)" in describe(os.getppid(), now())


def test_a_process_that_started_later_has_only_the_id_of_the_one_that_took_it() -> None:
    assert "(no longer running)" in describe(os.getppid(), datetime(2000, 1, 1, tzinfo=UTC))


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="no way there to wait without reaping")
def test_a_process_that_died_is_no_longer_running_though_nobody_asked_about_it() -> None:
    """Until its parent does, the system keeps its id."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert "(no longer running)" in describe(child.pid, now())
