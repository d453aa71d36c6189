"""What an acknowledged write survives: two words, and no third that means the weaker of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tauro.concurrency import SafeTransaction, Transaction
from tauro.errors import TrackingValidationError, ValidationError
from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend
from tauro.tracking import ExperimentTracker

MAKERS: dict[str, Callable[..., object]] = {
    "storage": LocalStorageBackend,
    "registry": ModelRegistry,
    "tracker": ExperimentTracker,
    "transaction": Transaction,
    "safe transaction": SafeTransaction,
}


@pytest.mark.parametrize("what", MAKERS)
def test_a_misspelt_durability_is_refused(tmp_path: Path, what: str) -> None:
    """Whoever asked for the disk must not get less."""
    wrong: Any = "dsik"
    with pytest.raises(ValidationError, match="expected 'process' or 'disk'") as caught:
        MAKERS[what](tmp_path / "store", durability=wrong)
    assert caught.value.suggestions == ("Did you mean 'disk'?",)
    assert (what == "tracker") is isinstance(caught.value, TrackingValidationError)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_a_place_keeps_the_one_it_was_given(tmp_path: Path, durability: Any) -> None:
    assert LocalStorageBackend(tmp_path).with_durability(durability).durability == durability
