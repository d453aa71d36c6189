"""What commands print: text for people, one JSON document for programs."""

from __future__ import annotations

import errno
import io
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from typing import Any, TextIO

import click

from tauro._internal._floats import float_to_json
from tauro._internal._terminal import cell_width, harmless, padded
from tauro.cli._options import State
from tauro.errors import ErrorCode, ExitCode, TauroError, create_error_response

_UNFOLDED = 32
"""The widest cell that is never folded; an id has 26 columns."""
_NARROWEST = 10
"""What a column that is folded must have left for the table to be readable."""


class ReaderGoneError(Exception):
    """Nobody reads any more what a command prints, as after ``tauro runs list | head``."""


def _print(text: str, stream: TextIO) -> None:
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError as error:  # of this pipe; click would take it for a failure
        raise ReaderGoneError from error


def print_what_can_be() -> None:
    """Let a terminal or pipe that is not in UTF-8 get what it cannot hold written out.

    A name in another script must not end a command. In a JSON document, what is written out so is
    the escape that JSON itself has; see :meth:`Output.document`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Output:
    """Print results of one command.

    With ``--json`` standard output is exactly one document and everything else goes to standard
    error. A command that follows something (:meth:`json_lines`) prints one document a line.
    Tables are drawn on a terminal and plain, unwrapped lines in a pipe.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    @classmethod
    def current(cls) -> Output:
        """Return the output of the command that is running."""
        return cls(click.get_current_context().ensure_object(State))

    @property
    def json(self) -> bool:
        """Whether one JSON document is asked for."""
        return self._state.json

    def json_lines(self) -> Output:
        """Print each document on a line of its own from here on, an error too; return this."""
        self._state.lines = True
        return self

    def line(self, text: str = "") -> None:
        """Print a line for people; what a terminal would obey is shown written out."""
        _print(harmless(text), sys.stderr if self.json else sys.stdout)

    def status(self, text: str) -> None:
        """Print a line that is not part of the result."""
        _print(harmless(text), sys.stderr)

    def document(self, data: Any) -> None:
        """Print the one JSON document, or, with :meth:`json_lines`, one of them."""
        indent = None if self._state.lines else 2
        # Beyond 16 bits Python's own way of writing a character out is not JSON's.
        plain = (getattr(sys.stdout, "encoding", None) or "utf-8").lower() not in ("utf-8", "utf8")
        _print(json.dumps(to_json(data), indent=indent, ensure_ascii=plain), sys.stdout)

    def result(self, data: Any, render: Callable[[], None]) -> None:
        """Print a result: the document with ``--json``, otherwise whatever ``render`` prints."""
        if self.json:
            self.document(data)
        else:
            render()

    def table(
        self,
        rows: Sequence[Mapping[str, Any]],
        columns: Mapping[str, str] | None = None,
        *,
        title: str = "",
        empty: str = "Nothing found.",
    ) -> None:
        """Print rows as a table.

        Args:
            rows: One mapping a row.
            columns: Key to heading, in order; by default the keys of the first row.
            title: Printed above.
            empty: Printed where there are no rows.
        """
        if not rows:
            self.line(empty)
            return
        heads = dict(columns) if columns is not None else {key: key for key in rows[0]}
        cells = [[harmless(to_text(row.get(key))) for key in heads] for row in rows]
        drawn = not self.json and sys.stdout is not None and sys.stdout.isatty()
        if drawn and self._draw([harmless(head) for head in heads.values()], cells, title):
            return
        if title:
            self.line(title)
        for line in aligned([list(heads.values()), *cells]):
            self.line(line)

    def pairs(self, values: Mapping[str, Any], *, title: str = "") -> None:
        """Print names and values, a line each, under a title."""
        if title:
            self.line(f"\n{title}")
        for line in aligned([[f"  {name}", to_text(value)] for name, value in values.items()]):
            self.line(line)

    def _draw(self, heads: list[str], cells: list[list[str]], title: str) -> bool:
        """Draw a table, unless the terminal is too narrow for it; tell whether it was.

        Ids, states and numbers stay on one line, so that they can be read and copied; what has
        spaces, or is long, is folded.
        """
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console, table = Console(), Table(title=title or None, title_justify="left")
        table.header_style = "bold"
        needed = 1
        for head, column in zip(heads, zip(*cells, strict=True), strict=True):
            widest = max(map(cell_width, (head, *column)))
            whole = widest <= _UNFOLDED and not any(" " in cell for cell in column)
            needed += 3 + (widest if whole else min(widest, _NARROWEST))
            table.add_column(Text(head), overflow="fold", no_wrap=whole)
        if needed > console.width:
            return False
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
        return True

    @contextmanager
    def progress(
        self, description: str, total: float | None = None
    ) -> Iterator[Callable[..., None]]:
        """Show progress on a terminal while the body runs; the body calls ``advance(amount)``.

        In a pipe nothing is shown but the description, once.
        """
        if sys.stderr is None or not sys.stderr.isatty():
            self.status(description)
            yield lambda amount=1: None
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(description, total=total)
            yield lambda amount=1: bar.advance(task, amount)

    def failure(self, error: Exception, code: ExitCode) -> ExitCode:
        """Print an error: its message and remedies, with ``--debug`` its traceback."""
        if self._state.debug:
            traceback.print_exception(error, file=sys.stderr)
        if self.json and not is_about_stdout(error):
            body = create_error_response(
                error,
                message=error.format_message() if isinstance(error, click.ClickException) else "",
            )
            if isinstance(error, click.ClickException):
                body["error_code"] = ErrorCode.VALIDATION_ERROR.value
            self.document({**body, "exit_code": int(code)})
        elif isinstance(error, click.UsageError) and error.ctx is not None:
            self.status(f"Error: {error.format_message()}\n{error.ctx.get_usage()}")
        elif isinstance(error, click.ClickException):
            self.status(f"Error: {error.format_message()}")
        else:
            self.status(f"Error: {error}")
        if not self._state.debug and isinstance(error, TauroError) and error.__cause__ is not None:
            self.status("  (--debug shows the traceback)")
        return code


def is_about_stdout(error: Exception) -> bool:
    """Tell whether an error says that nothing can be printed there, as a full disk does."""
    if not isinstance(error, OSError) or error.filename is not None:
        return False
    return error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield each row as a line, columns aligned by two spaces; line ends inside cells are shown."""
    shown = [[harmless(cell).replace("\n", "\\n") for cell in row] for row in rows]
    if not shown:
        return
    widths = [max(map(cell_width, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        yield "  ".join(map(padded, row, widths)).rstrip()


def to_text(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={to_text(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(to_text(inner) for inner in value)
    return str(value)


def to_json(value: Any) -> Any:
    """Return a value as JSON can hold it.

    What JSON has no number for is a text, as in the store's own documents: ``"NaN"``,
    ``"Infinity"``, ``"-Infinity"``; Python's ``float()`` and JavaScript's ``Number()`` read them.
    """
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float_to_json(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_json(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(inner) for inner in value]
    item = getattr(value, "item", None)
    return to_json(item()) if callable(item) else str(value)
