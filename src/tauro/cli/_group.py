"""A group of commands that lists them in whole sentences and, asked for nothing, shows its help."""

from __future__ import annotations

import click

from tauro.errors import ExitCode

_WHOLE = 500


class Group(click.Group):
    """What every command with subcommands is made of."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help where no subcommand is given; a command is missing, so it is no success."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(int(ExitCode.USAGE))
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each subcommand with the whole first sentence of its help."""
        rows = [
            (name, found.get_short_help_str(_WHOLE))
            for name in self.list_commands(ctx)
            if (found := self.get_command(ctx, name)) is not None and not found.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
