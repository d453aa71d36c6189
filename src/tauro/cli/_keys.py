"""``tauro keys``: who may ask a model server."""

from __future__ import annotations

from typing import Any

import click

from tauro._internal._optional import load
from tauro.cli._group import Group
from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_context


@click.group(name="keys", cls=Group)
def command() -> None:
    """API keys of the model server: make, list and revoke them."""


def _store() -> Any:
    serving = load("tauro.serving", extra="serve", purpose="Keys of a model server")
    return serving.KeyStore(open_context().storage)


def _row(key: Any) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "rate": key.rate,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }


@command.command("create")
@click.argument("name")
@click.option("--rate", type=float, help="Requests per second that the key allows.")
@store_options
def create(name: str, rate: float | None) -> None:
    """Make a key for NAME and print it; it cannot be shown again."""
    key, secret = _store().create(name, rate=rate)
    output = Output.current()

    def render() -> None:
        output.line(secret)
        output.status(f"Key {key.id} for {name!r}. Keep it: only its hash is stored.")

    output.result({**_row(key), "key": secret}, render)


@command.command("list")
@store_options
def list_keys() -> None:
    """List the keys, including revoked ones; only their hashes are kept."""
    rows = [_row(key) for key in _store().list_keys()]
    output = Output.current()
    output.result(rows, lambda: output.table(rows, empty="There are no keys."))


@command.command("revoke")
@click.argument("id_or_name", metavar="ID|NAME")
@store_options
def revoke(id_or_name: str) -> None:
    """Revoke a key, or all keys of a name; servers refuse it within seconds."""
    rows = [_row(key) for key in _store().revoke(id_or_name)]
    output = Output.current()
    output.result(rows, lambda: output.line(f"{len(rows)} revoked."))
