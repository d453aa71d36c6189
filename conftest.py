"""Options and fixtures that all tests share, those of the examples too."""

from __future__ import annotations

import os

import pytest

from tauro._internal import _active

# Children that tests start must find the environment's own temporary and cache folders, never the
# user's store.
STORE_VARIABLES = ("TAURO_MLOPS_PATH", "TAURO_MLOPS_BACKEND", "TAURO_ENV", "TAURO_CACHE_DIR")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--torture`` and ``--torture-seed``."""
    group = parser.getgroup("tauro")
    group.addoption("--torture", action="store_true", help="run the long kill, fault, race loops")
    group.addoption("--torture-seed", type=int, default=0, help="replays a failure of them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long loops out of an ordinary run; their short forms are tests of their own."""
    if config.getoption("--torture") or "torture" in (config.getoption("-m") or ""):
        return
    long = [item for item in items if item.get_closest_marker("torture")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture
def torture_seed(request: pytest.FixtureRequest) -> int:
    """The seed of a long loop; a failure prints it."""
    return int(request.config.getoption("--torture-seed"))


@pytest.fixture(autouse=True)
def _no_run_of_another_test() -> None:
    """Let no run that a test left open be the active one of the next."""
    _active.forget_runs()


@pytest.fixture(autouse=True)
def _no_store_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a user's settings out of the tests."""
    for name in STORE_VARIABLES:
        if name in os.environ:
            monkeypatch.delenv(name)
