"""From the options of ``tauro run`` to what the library takes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click


def parse_params(items: Iterable[str]) -> dict[str, Any]:
    """Return ``KEY=VALUE`` items as a mapping; a value is read as JSON where it is JSON.

    Raises:
        click.BadParameter: An item has no ``=`` or no key.
    """
    params: dict[str, Any] = {}
    for item in items:
        key, sign, text = item.partition("=")
        if not sign or not key.strip():
            raise click.BadParameter(f"{item!r} is not KEY=VALUE.", param_hint="--params")
        try:
            params[key.strip()] = json.loads(text)
        except (ValueError, RecursionError):
            params[key.strip()] = text
    return params


def given(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given; names may be repeated or joined by commas."""
    found: dict[str, Any] = {}
    for name, value in chosen.items():
        if isinstance(value, tuple):
            parts = [part.strip() for item in value for part in item.split(",")]
            found[name] = tuple(part for part in parts if part)
        elif value is not None:
            found[name] = value
    return found
