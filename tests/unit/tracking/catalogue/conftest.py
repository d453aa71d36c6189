"""A store in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.tracking.catalogue.support import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store(tmp_path)
