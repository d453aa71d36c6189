"""What a forked child makes anew, and systems that have no fork."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.forks import succeeds_in_child

from tauro._internal import _ids
from tauro._internal._fork import tell_after_fork

WITHOUT_FORK = """
import os
for name in ("fork", "register_at_fork"):
    if hasattr(os, name):
        delattr(os, name)
from tauro._internal import _active, _fork, _ids
import tauro.tracking._metric_log
"""


def test_what_needs_no_fork_is_imported_where_there_is_none() -> None:
    """Windows has neither ``os.fork`` nor ``os.register_at_fork``."""
    subprocess.run([sys.executable, "-c", WITHOUT_FORK], check=True)


class _Named:
    def __init__(self) -> None:
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self.name = _ids.new_id()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_an_object_that_takes_an_id_in_a_child_is_not_stuck() -> None:
    """Another thread of the parent may be taking one at the moment of the fork."""
    named = _Named()
    assert succeeds_in_child(_ids._lock, lambda: named.name)
