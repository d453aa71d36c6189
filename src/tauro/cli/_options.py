"""Options that commands share, and the state they set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(slots=True)
class State:
    """What the shared options of this call said.

    Attributes:
        json: Print one JSON document on stdout and all else on stderr.
        debug: Show the traceback of an error.
        store: Location of the store, None for the project's or the default one.
        tenant: The tenant whose part of the store is used.
        lines: The command prints with ``json`` any number of documents, a line each.
    """

    json: bool = False
    debug: bool = False
    store: str | None = None
    tenant: str | None = None
    lines: bool = False


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value and param.name is not None:
        setattr(ctx.ensure_object(State), param.name, value)


def _shared(*flags: str, **settings: Any) -> Callable[[_F], _F]:
    # Eager: a mistake in another option is printed as --json asks, wherever on the line it stands.
    return click.option(*flags, callback=_remember, expose_value=False, is_eager=True, **settings)


def common_options(command: _F) -> _F:
    """Add ``--json`` and ``--debug``."""
    json = _shared("--json", is_flag=True, help="Print one JSON document.")
    debug = _shared("--debug", is_flag=True, help="Show the traceback of an error.")
    return json(debug(command))


def store_options(command: _F) -> _F:
    """Add ``--json``, ``--debug``, ``--store`` and ``--tenant``."""
    store = _shared(
        "--store",
        metavar="PATH",
        help="The store's folder or URL; by default TAURO_MLOPS_PATH, else that of the project in "
        "this folder (environment TAURO_ENV, else base), else ./mlops_data.",
    )
    tenant = _shared("--tenant", metavar="ID", help="The tenant whose part of the store is used.")
    return store(tenant(common_options(command)))
