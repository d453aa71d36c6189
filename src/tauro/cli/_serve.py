"""``tauro serve``: a model of the registry over HTTP."""

from __future__ import annotations

import click

from tauro._internal._optional import load
from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_registry


@click.command(name="serve")
@click.argument("name")
@click.option("--stage", help="Serve the version in this stage (default: Production).")
@click.option("--version", type=int, help="Serve this version.")
@click.option("--alias", help="Serve the version of this alias.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, help="0 takes a free one.")
@click.option("--allow-pickle", is_flag=True, help="Permit formats whose loading runs code.")
@store_options
def command(
    name: str,
    stage: str | None,
    version: int | None,
    alias: str | None,
    host: str,
    port: int,
    allow_pickle: bool,
) -> None:
    """Serve a model: the promoted version, followed as it changes."""
    output = Output.current()
    serving = load("tauro.serving", extra="serve", purpose="Serving a model")
    choice = serving.ModelChoice(name, version=version, stage=stage, alias=alias)
    holder = serving.ModelHolder(open_registry(), choice, allow_pickle=allow_pickle)

    def started(address: str) -> None:
        if output.json:
            output.document({"address": address, "model": name})
        else:
            output.line(f"Serving {choice} on {address} (docs: {address}/docs, Ctrl-C stops)")
            if not holder.is_ready and holder.refusal is not None:
                output.status(f"Warning: no version serves yet. {holder.refusal.reason}")

    serving.serve(holder, host=host, port=port, on_start=started)
