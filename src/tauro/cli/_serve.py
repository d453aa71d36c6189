"""``tauro serve``: models of the registry over HTTP."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click

from tauro._internal._optional import load
from tauro.cli._options import store_options
from tauro.cli._output import Output
from tauro.cli._stores import open_context

_MB = 1024 * 1024


@click.command(name="serve")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--stage", help="Serve the version in this stage (default: Production).")
@click.option("--version", type=int, help="Serve this version.")
@click.option("--alias", help="Serve the version of this alias.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; any but loopback needs an API key.",
)
@click.option("--port", default=8000, show_default=True, help="0 takes a free one.")
@click.option("--workers", default=1, show_default=True, help="Processes that serve one port.")
@click.option(
    "--compile",
    "compiled",
    type=click.Choice(["auto", "never", "require"]),
    default="auto",
    show_default=True,
    help="Serve through ONNX where it gives identical answers.",
)
@click.option("--deadline", default=30.0, show_default=True, help="Seconds a request may take.")
@click.option("--max-body", default=16, show_default=True, help="Megabytes of a request's body.")
@click.option("--max-queue", default=1024, show_default=True, help="Requests that may wait.")
@click.option("--max-memory", type=int, help="Megabytes after which a process is replaced.")
@click.option(
    "--load-deadline", default=600.0, show_default=True, help="Seconds a version may take to load."
)
@click.option("--access-log", is_flag=True, help="Write one line of JSON per request to stderr.")
@click.option("--allow-pickle", is_flag=True, help="Permit formats whose loading runs code.")
@click.option("--listen-fd", type=int, hidden=True)
@click.option("--supervisor", type=int, hidden=True)
@store_options
def command(names: tuple[str, ...], workers: int, access_log: bool, **options: Any) -> None:
    """Serve models: the promoted versions, followed as they change."""
    serving = load("tauro.serving", extra="serve", purpose="Serving a model")
    if access_log:
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        logging.getLogger("tauro.serving").setLevel(logging.INFO)
    context = open_context()
    limits = _limits(serving, options)
    chosen = {key: options[key] for key in ("version", "stage", "alias")}
    choices = [serving.ModelChoice(name, **chosen) for name in dict.fromkeys(names)]
    place = {key: options[key] for key in ("host", "port")}
    keys = serving.KeyStore(context.storage)
    is_worker = options["listen_fd"] is not None
    if not is_worker and (workers > 1 or limits.max_memory is not None):
        again = [sys.executable, "-m", "tauro", *sys.argv[1:]]
        serving.serve_workers(
            again, workers, limits=limits, keys=keys, on_start=_announce(choices), **place
        )
        return
    holders = [
        serving.ModelHolder(
            context.model_registry,
            choice,
            allow_pickle=options["allow_pickle"],
            limits=limits,
            compiled=options["compiled"],
        )
        for choice in choices
    ]
    started = None if is_worker else _announce(choices, holders)
    serving.serve(
        holders,
        **place,
        limits=limits,
        keys=keys,
        on_start=started,
        listen_fd=options["listen_fd"],
        supervisor=options["supervisor"],
    )


def _limits(serving: Any, options: dict[str, Any]) -> Any:
    memory = options["max_memory"]
    return serving.Limits(
        deadline=options["deadline"],
        load_deadline=options["load_deadline"],
        max_body=options["max_body"] * _MB,
        max_queue=options["max_queue"],
        max_memory=None if memory is None else memory * _MB,
    )


def _announce(choices: list[Any], holders: list[Any] | None = None) -> Any:
    """Return what says where models are served, once they are."""
    output = Output.current()

    def started(address: str) -> None:
        named = {"model": choices[0].name} if len(choices) == 1 else {}
        models = [choice.name for choice in choices]
        if output.json:
            output.document({"address": address, **named, "models": models})
            return
        shown = ", ".join(map(str, choices))
        output.line(f"Serving {shown} on {address} (docs: {address}/docs, Ctrl-C stops)")
        for holder in holders or ():
            if not holder.is_ready and holder.refusal is not None:
                output.status(f"Warning: no version serves yet. {holder.refusal.reason}")

    return started
