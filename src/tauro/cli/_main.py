"""The root command: a table of lazily loaded commands, and the one place that ends the process."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
from typing import Final, NoReturn

import click

from tauro import __version__
from tauro._internal._close import did_you_mean
from tauro.cli._group import Group
from tauro.cli._options import State, common_options
from tauro.cli._output import Output, ReaderGoneError, is_about_stdout, print_what_can_be
from tauro.errors import ExitCode, TauroError

COMMANDS: Final = {
    "new": ("tauro.cli._new:command", "Create a project that runs right away."),
    "run": ("tauro.cli._run:command", "Run or validate a pipeline."),
    "config": ("tauro.cli._config:command", "Show the merged settings and where they come from."),
    "pipelines": ("tauro.cli._pipelines:command", "List, show and draw pipelines and their runs."),
    "runs": ("tauro.cli._runs:command", "List, show, compare and search tracked runs."),
    "models": ("tauro.cli._models:command", "The model registry: versions, stages, downloads."),
    "serve": ("tauro.cli._serve:command", "Serve models of the registry over HTTP."),
    "predict": ("tauro.cli._predict:command", "Predict every row of a file with a model."),
    "keys": ("tauro.cli._keys:command", "API keys of the model server."),
    "drift": ("tauro.cli._drift:command", "Compare two data sets and report drift."),
    "audit": (
        "tauro.cli._audit:command",
        "Search the audit log: who did what, when, and how it ended.",
    ),
    "store": (
        "tauro.cli._store:command",
        "Maintain a store: info, verify, repair, compact, gc, export, import, migrate.",
    ),
    "health": ("tauro.cli._health:command", "Check store, disk and memory."),
}
"""Name of each command, where it is defined (imported on use), and its line in ``tauro --help``."""


class LazyGroup(Group):
    """A group whose commands are imported when they are used; ``--help`` imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module_name, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module_name), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table's lines."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the arguments; an unknown one is answered with close matches."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            hints = did_you_mean(name, COMMANDS) or [f"Known commands: {', '.join(COMMANDS)}."]
            raise click.UsageError(f"There is no command {name!r}. {hints[0]}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tauro")
@common_options
def root() -> None:
    """Tauro: the life of a model. Pipelines, tracking, registry, serving, drift."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    state = State()
    output = Output(state)
    print_what_can_be()
    try:
        logging.captureWarnings(capture=True)
        result = root.main(args=arguments, standalone_mode=False, obj=state, prog_name="tauro")
        code = result if isinstance(result, int) else ExitCode.OK
    except TauroError as error:
        code = output.failure(error, error.exit_code)
    except click.ClickException as error:
        code = output.failure(error, ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        output.status("Interrupted.")
        code = ExitCode.INTERRUPTED
        _leave_nodes_behind(code)
    except ReaderGoneError:
        _print_nowhere()
        code = ExitCode.OK
    except OSError as error:
        code = output.failure(error, ExitCode.STORAGE)
        if is_about_stdout(error):
            _print_nowhere()
    sys.exit(int(code))


def _print_nowhere() -> None:
    """Let nothing be left to say, not even when Python empties its buffers at the exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _leave_nodes_behind(code: ExitCode) -> None:
    """End the process at once where a second Ctrl-C left nodes running in threads.

    Python would wait for these threads, and nothing can end them.
    """
    if any(thread.name.startswith("tauro-node") for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code))
