"""Aliases that every layer shares."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
StrPath: TypeAlias = str | Path
Durability: TypeAlias = Literal["process", "disk"]
"""What an acknowledged write survives: the death of the process, or also the loss of power."""
