"""The record of the audit log, and what of an operation's data it may hold."""

from __future__ import annotations

import contextlib
import contextvars
import getpass
import os
import platform
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal

import msgspec

from tauro._internal._secrets import MASK, is_secret_name, mask_text
from tauro.errors import ValidationError

Outcome = Literal["success", "failure", "refused"]
"""``refused``: a PRE hook stopped the operation before anything was written."""

_MAX_TEXT: Final = 500
_MAX_ITEMS: Final = 50
_MAX_DEPTH: Final = 3

_actor: contextvars.ContextVar[str | None] = contextvars.ContextVar("tauro_actor", default=None)


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log: who did what, when, where, and how it ended.

    Attributes:
        timestamp: When the operation ended, UTC.
        action: The operation: ``model.promote``.
        subject: What it was done to: ``credit_risk/3``, a run's id.
        outcome: ``success``, ``failure``, or ``refused`` by a PRE hook.
        actor: Who: the name given to :func:`acting_as`, else the user of the operating system.
        host: Name of the machine.
        pid: Id of the process.
        thread: Name of the thread.
        details: The operation's data, shortened; secrets and objects are not kept.
        error: Type and message of the exception, "" on success.
        sequence: Rises by one with each record of one writer.
        previous: Digest of the writer's record before this one; a gap or an edit breaks the chain.
    """

    timestamp: datetime
    action: str
    outcome: Outcome
    subject: str = ""
    actor: str = ""
    host: str = ""
    pid: int = 0
    thread: str = ""
    details: dict[str, Any] = {}
    error: str = ""
    sequence: int = 0
    previous: str = ""


@contextlib.contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Name who acts inside the ``with`` block: a server's caller instead of its own account.

    Raises:
        ValidationError: The name is no text.
    """
    given: object = name
    if not isinstance(given, str):
        raise ValidationError(
            f"Who acts is named by a text; got {name!r}.", suggestions=['acting_as("release-bot")']
        )
    token = _actor.set(name)
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> str:
    """Return who acts now."""
    return _actor.get() or _account()


@cache
def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


@cache
def host_name() -> str:
    """Return the machine's name."""
    return platform.node()


def thread_name() -> str:
    """Return the name of the calling thread."""
    return threading.current_thread().name


_SUBJECTS: Final = (
    ("name", "version"),
    ("model_name", "version"),
    ("run_id",),
    ("deployment_id",),
    ("model_id", "version"),
    ("experiment_id",),
    ("pipeline",),
    ("node",),
    ("source",),
    ("location",),
)


def subject_of(data: Mapping[str, Any], component: str) -> str:
    """Return the short name of what an operation is done to."""
    wanted = _SUBJECTS if component != "tracking" else (("run_id",), ("experiment_id",), ("name",))
    for keys in wanted:
        if data.get(keys[0]) not in (None, ""):
            return "/".join(str(data[key]) for key in keys if data.get(key) is not None)
    return ""


def printable(text: str) -> str:
    """Return a text as UTF-8 holds it: file names may have bytes that no character stands for."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def plain(value: Any, *, depth: int = 0) -> Any:
    """Return a value as JSON can hold it: texts cut, objects by type, secrets masked."""
    kind = type(value)
    if value is None or kind is int or kind is bool:
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, int):  # of a class of its own
        return int(value)
    if isinstance(value, str):
        text = printable(mask_text(str(value)))
        return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}… ({len(text)} characters)"
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        return {
            printable(str(key)): MASK if is_secret_name(str(key)) else plain(item, depth=depth + 1)
            for key, item in list(value.items())[:_MAX_ITEMS]
        }
    if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth=depth + 1) for item in list(value)[:_MAX_ITEMS]]
    if isinstance(value, datetime | os.PathLike):
        return printable(str(value))
    return f"<{type(value).__name__}>"
